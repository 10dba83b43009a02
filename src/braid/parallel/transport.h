// The collective operations of a set of ranks, as one rank calls them. Implemented by LocalWorld (threads that share
// memory) and MessageWorld (copies through queues). communicator.h wraps it so that worlds and groups are distinct
// types. Tested by communicator_test.cc.
//
// Every rank of the set calls the same operations in the same order. Each call carries (step, op number, kind, bytes).
// If the ranks' calls differ, a rank does not come within the timeout, or one aborts, every rank of the world gets the
// same error from this call and from all later ones. No rank waits for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

enum class OpKind : uint8_t {
  kBarrier,
  kBroadcast,
  kAllGather,
  kAllGatherV,
  kReduceScatter,
  kReduceScatterV,
  kAllReduce,
  kAllToAll,
  kAllToAllV,
  kSend,
  kRecv,
  kShare,     // pointers, between ranks of one process
  kHandOver,  // beside the steps (hand_over.h): to a rank
  kTakeOver,  // and from one
};

inline constexpr OpKind kLastOpKind = OpKind::kTakeOver;

std::string_view op_name(OpKind kind);

class Transport {
 public:
  virtual ~Transport() = default;

  virtual int32_t rank() const = 0;  // within this set
  virtual int32_t size() const = 0;
  virtual bool shares_memory() const = 0;  // whether share() is available

  // Sets the step of the following operations in this rank's world and group. Op numbers restart at 0.
  virtual void begin_step(int64_t step) = 0;

  virtual Status barrier() = 0;

  // A barrier in two halves, for work between them: post() reports that this rank has arrived, wait() returns when all
  // have. If wait() is not called, the set's next operation waits instead.
  virtual Status post() = 0;
  virtual Status wait() = 0;

  virtual Status broadcast(std::span<std::byte> data, int32_t root) = 0;

  // `all` gets the ranks' parts one after the other: the same number of bytes from each rank, or counts[i] from rank i.
  // `own` may lie in `all` at its place.
  virtual Status all_gather(std::span<const std::byte> own, std::span<std::byte> all) = 0;
  virtual Status all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                              std::span<const int64_t> counts) = 0;

  // own[i] = the sum, in rank order, of what each rank has for this rank. Counts are elements.
  virtual Status reduce_scatter(std::span<const float> parts, std::span<float> own) = 0;
  virtual Status reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                  std::span<const int64_t> counts) = 0;

  // In place. Float sums are in rank order. The integer sum keeps every bit of a value that is added to zeros.
  virtual Status all_reduce(std::span<float> data) = 0;
  virtual Status all_reduce(std::span<uint32_t> data) = 0;

  // Part i of `parts` goes to rank i; part i of `received` comes from rank i. Counts are bytes.
  virtual Status all_to_all(std::span<const std::byte> parts, std::span<std::byte> received) = 0;
  virtual Status all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                              std::span<std::byte> received, std::span<const int64_t> receive_counts) = 0;

  // The same operations in two halves, for work between them: begin_…() sends what the others need of this rank, and
  // finish() takes what they sent, for the operation that was begun first. Any number may be under way; no other
  // operation of the set may be called meanwhile. Until finish() `own` and `parts` must not change, `all` and
  // `received` belong to the operation. What was sent travels while nobody waits for it.
  virtual Status begin_all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                                    std::span<const int64_t> counts) = 0;
  virtual Status begin_reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                        std::span<const int64_t> counts) = 0;
  virtual Status begin_all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                                    std::span<std::byte> received, std::span<const int64_t> receive_counts) = 0;
  virtual Status finish() = 0;

  // Between two ranks, in the order sent. send() does not wait for the receiver.
  virtual Status send(std::span<const std::byte> data, int32_t to) = 0;
  virtual Status recv(std::span<std::byte> data, int32_t from) = 0;

  // `all` gets every rank's pointer at its place. Its owner must not change what it points to until a later rendezvous
  // shows that all have read it.
  virtual Status share(const void* own, std::span<const void*> all) = 0;

  // Ends the world: all waits, now and later, return an error with this reason.
  virtual void abort(std::string_view reason) = 0;

  virtual int64_t received_bytes() const = 0;  // from other ranks, in all operations so far
};

}  // namespace braid
