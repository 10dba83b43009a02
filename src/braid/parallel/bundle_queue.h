// Collects what the ranks of this process lend to those of another one until all have lent, since it travels as one
// message. Whichever rank lends last gets it encoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/parallel/byte_pool.h"
#include "braid/parallel/message_bundle.h"

namespace braid {

// A bundle as bytes.
struct EncodedBundle {
  std::shared_ptr<std::byte> bytes;
  size_t size = 0;
};

// From any thread. The ranks of one set (the world or a group): in each operation every sender lends once to every
// receiver. Operation by operation, in any order within one.
class BundleQueue {
 public:
  BundleQueue(IndexRange senders, IndexRange receivers, BytePool& pool);

  IndexRange senders() const { return senders_; }
  IndexRange receivers() const { return receivers_; }
  int64_t num_pairs() const { return (senders_.end - senders_.begin) * (receivers_.end - receivers_.begin); }

  // The data must not change until is_settled(). Returns the operation's bundle if nothing is missing any more: the
  // caller sends it before it lends again.
  std::optional<EncodedBundle> lend(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data);

  // Whether all that the rank has lent is in a bundle, which has copies.
  bool is_settled(int32_t from) const;

  // The rank does not wait for that: nothing of what it lent is read from now on, and its operations never become
  // bundles. Only in a world that has ended.
  void withdraw(int32_t from);

 private:
  struct Operation {
    std::vector<BundlePart> parts;  // of each sender
    size_t num_lent = 0;
  };

  size_t index_of(int32_t from) const { return static_cast<size_t>(from - senders_.begin); }

  const IndexRange senders_;
  const IndexRange receivers_;
  const size_t num_receivers_;
  BytePool& pool_;
  mutable std::mutex mutex_;
  std::deque<Operation> open_;      // the first ones
  uint64_t num_done_ = 0;           // operations before those
  std::vector<uint64_t> num_lent_;  // by each sender, to all receivers and in all operations
  std::vector<bool> has_withdrawn_;
};

}  // namespace braid
