// Links between the controller and the groups' publishers: maps down, outputs up, as bytes that a link does not read.
// Each end is used by one thread; only wake() may be called from any thread. Tested by link_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "braid/base/result.h"
#include "braid/wire/shared_bytes.h"

namespace braid {

// Both ends of a link are bounded: a sender that exceeds these limits waits, then gets an error.
struct LinkLimits {
  int32_t max_queued = 256;                      // messages to one receiver
  int64_t max_message_bytes = int64_t{1} << 28;  // of a received message
  double send_timeout_s = 5.0;                   // how long to wait for a full queue
};

// To a group. A slow one, such as a replica in a long step, may leave this many maps unread: a minute's at a thousand
// steps a second. One that leaves more is lost; the controller, for which all others wait, does not wait for it.
inline constexpr LinkLimits kGroupLinks{.max_queued = 65536, .send_timeout_s = 0};

// What the controller receives.
struct LinkEvent {
  enum class Kind : uint8_t {
    kJoined,   // the group's publisher has joined: maps reach it from now on
    kLeft,     // it is gone
    kOutputs,  // it sent `bytes`
    kGarbage,  // received something that no publisher sends
  };
  Kind kind = Kind::kOutputs;
  int32_t group = -1;  // of kGarbage: -1 if unknown
  SharedBytes bytes;
  std::string reason;  // of kGarbage; of kLeft: why it was left out, or empty
};

class PublisherLink;

class ControllerLink {
 public:
  virtual ~ControllerLink() = default;

  // Sends the same buffer to every joined publisher, or to one. An error if no publisher is there, or if a queue stays
  // full; within a process only its own publisher is then left out, with an event kLeft. A link to processes of ranks
  // drops a map for a world that has ended, without an error: its GroupListener hears of the end.
  virtual Status send_to_all(SharedBytes map) = 0;
  virtual Status send_to(int32_t group, SharedBytes map) = 0;
  // Of a map that is sent to all: how many copies are made of its bytes.
  virtual int32_t num_receivers() const = 0;
  // The group is lost: nothing more is sent to its publisher, which gets an error from its end.
  virtual void leave_out(int32_t group) = 0;
  // A group that was left out starts again: what is sent from now on waits for its new publisher, whose end this
  // returns. Null if publishers of this kind of link come from outside.
  virtual std::unique_ptr<PublisherLink> let_back(int32_t group) = 0;

  // The next event, or nothing after `timeout_s` or a wake().
  virtual Result<std::optional<LinkEvent>> receive(double timeout_s) = 0;
  virtual void wake() = 0;
};

class PublisherLink {
 public:
  virtual ~PublisherLink() = default;

  // The next map, or nothing after `timeout_s` or a wake(). An error if the controller is gone.
  virtual Result<std::optional<SharedBytes>> receive(double timeout_s) = 0;
  virtual Status send(SharedBytes outputs) = 0;
  virtual void wake() = 0;
};

}  // namespace braid
