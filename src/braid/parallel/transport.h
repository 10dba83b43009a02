// What a set of ranks can do together, as one of them sees it. Implemented by LocalWorld (threads that share memory)
// and MessageWorld (copies through queues); communicator.h wraps it so that worlds and groups are distinct types.
//
// Every rank of the set calls the same operations in the same order. Each call carries (step, op number, kind, bytes);
// where the ranks' calls differ, one does not come within the timeout, or one aborts, every rank of the world gets the
// same error, from this call and from all later ones. None waits for ever.
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
  kShare,  // pointers, between ranks of one process
};

std::string_view op_name(OpKind kind);

class Transport {
 public:
  virtual ~Transport() = default;

  virtual int32_t rank() const = 0;  // within this set
  virtual int32_t size() const = 0;
  virtual bool shares_memory() const = 0;  // whether share() is available

  // The step that the operations to come belong to, for this rank's world and group; op numbers begin at 0.
  virtual void begin_step(int64_t step) = 0;

  virtual Status barrier() = 0;

  // Split in two, for work between them: post() says "I am here", wait() returns when all have. Whatever operation of
  // this set comes next waits as well, where wait() was not called.
  virtual Status post() = 0;
  virtual Status wait() = 0;

  virtual Status broadcast(std::span<std::byte> data, int32_t root) = 0;

  // `all` is the ranks' parts behind each other. The same number of bytes from each rank, or counts[i] from rank i.
  // `own` may lie in `all`, at its place.
  virtual Status all_gather(std::span<const std::byte> own, std::span<std::byte> all) = 0;
  virtual Status all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                              std::span<const int64_t> counts) = 0;

  // own[i] = the sum over the ranks, in their order, of what each has for this rank. Counts are elements.
  virtual Status reduce_scatter(std::span<const float> parts, std::span<float> own) = 0;
  virtual Status reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                  std::span<const int64_t> counts) = 0;

  // In place; float sums in rank order. The integers' sum keeps every bit of what is added to zeros.
  virtual Status all_reduce(std::span<float> data) = 0;
  virtual Status all_reduce(std::span<uint32_t> data) = 0;

  // Part i of `parts` goes to rank i; `received` has rank i's part for this one at place i. Counts are bytes.
  virtual Status all_to_all(std::span<const std::byte> parts, std::span<std::byte> received) = 0;
  virtual Status all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                              std::span<std::byte> received, std::span<const int64_t> receive_counts) = 0;

  // Between two ranks, in the order sent. send() does not wait for the receiver.
  virtual Status send(std::span<const std::byte> data, int32_t to) = 0;
  virtual Status recv(std::span<std::byte> data, int32_t from) = 0;

  // Every rank's pointer at its place. Who owns what it points to leaves that unchanged until a later rendezvous has
  // told it that all have read.
  virtual Status share(const void* own, std::span<const void*> all) = 0;

  // Ends the world: all waits, now and later, return an error with this reason.
  virtual void abort(std::string_view reason) = 0;

  virtual int64_t received_bytes() const = 0;  // from other ranks, in all operations so far
};

}  // namespace braid
