// What travels between the processes of a world: a head that names the message, and the data of a short one behind it.
// Every field has its place and width, so that padding and compilers do not matter. Tested by message_head_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/patience.h"
#include "braid/base/result.h"
#include "braid/parallel/flight_recorder.h"

namespace braid {

inline constexpr int32_t kMessageVersion = 4;  // of all that this file encodes; processes compare it when they join

enum class HeadType : uint8_t {
  kInWorld,       // an operation of all ranks
  kInGroup,       // and of a group
  kWorldMail,     // send() to a rank of the world
  kGroupMail,     // and of the group
  kWorldBundle,   // an operation of all ranks: from all ranks of the process to all of the other (message_bundle.h)
  kGroupBundle,   // and of a group: from all of its ranks in the process
  kHandOver,      // beside the steps (hand_over_mail.h): its call has the item, the part and the part's bytes
  kHandOverSeen,  // the same, where both processes see the memory; the data say where it lies
  kHandOverRead,  // back from the rank that took it: the memory may be used again
  kProgress,      // what the process has done so far (Progress)
  kTrack,         // a rank's last operations, once the world ends
  kEnd,           // the world ends; the data is the reason, empty if another process has it
  kGoodbye,       // the last message of a process
};

struct MessageHead {
  HeadType type = HeadType::kInWorld;
  int32_t from = 0;  // ranks of the world; of a bundle the first ones
  int32_t to = 0;
  OpRecord call;  // without its times
  int64_t num_bytes = 0;
  int32_t tag = -1;  // under which the data follows; below 0: it is behind the head
};

inline constexpr size_t kHeadBytes = 50;
inline constexpr size_t kMaxShortBytes = 2048;  // of data behind a head
using MessageBytes = std::array<std::byte, kHeadBytes + kMaxShortBytes>;

// Writes the head and, if it has no tag, its data. Returns how many bytes they take.
size_t encode_message(const MessageHead& head, std::span<const std::byte> data, MessageBytes& bytes);

struct DecodedMessage {
  MessageHead head;
  std::span<const std::byte> data;  // in the bytes that were decoded; empty if it has a tag
};

// An error if the bytes are no message.
Result<DecodedMessage> decode_message(std::span<const std::byte> bytes);

// The data of kProgress and kTrack. Clocks of processes differ, so a track's times travel as ages at the sender's now,
// and become times before the reader's. A track keeps the last operations that fit.
std::vector<std::byte> encode_progress(const Progress& progress);
Result<Progress> decode_progress(std::span<const std::byte> bytes);
std::vector<std::byte> encode_track(std::span<const OpRecord> records, double now_s);
Result<std::vector<OpRecord>> decode_track(std::span<const std::byte> bytes, double now_s);

}  // namespace braid
