#include "braid/parallel/bundle_queue.h"

#include <algorithm>

namespace braid {

BundleQueue::BundleQueue(IndexRange senders, IndexRange receivers, BytePool& pool)
    : senders_(senders),
      receivers_(receivers),
      num_receivers_(static_cast<size_t>(receivers.end - receivers.begin)),
      pool_(pool),
      num_lent_(static_cast<size_t>(senders.end - senders.begin)),
      has_withdrawn_(num_lent_.size()) {}

std::optional<EncodedBundle> BundleQueue::lend(const OpRecord& call, int32_t from, int32_t to,
                                               std::span<const std::byte> data) {
  const size_t sender = index_of(from);
  const std::lock_guard lock(mutex_);
  const uint64_t number = num_lent_[sender]++ / num_receivers_ - num_done_;
  while (open_.size() <= number) {
    Operation& next = open_.emplace_back();
    next.parts.resize(num_lent_.size());
    for (BundlePart& part : next.parts) part.pieces.resize(num_receivers_);
  }
  Operation& operation = open_[number];
  operation.parts[sender].call = call;
  operation.parts[sender].pieces[static_cast<size_t>(to - receivers_.begin)] = data;
  const bool is_withdrawn = std::ranges::find(has_withdrawn_, true) != has_withdrawn_.end();
  if (++operation.num_lent < num_lent_.size() * num_receivers_ || is_withdrawn) return std::nullopt;
  EncodedBundle bundle{.bytes = {}, .size = bundle_bytes(operation.parts)};
  bundle.bytes = pool_.take(bundle.size);
  encode_bundle(operation.parts, {bundle.bytes.get(), bundle.size});
  open_.pop_front();
  ++num_done_;
  return bundle;
}

bool BundleQueue::is_settled(int32_t from) const {
  const std::lock_guard lock(mutex_);
  return num_lent_[index_of(from)] <= num_done_ * num_receivers_;
}

void BundleQueue::withdraw(int32_t from) {
  const std::lock_guard lock(mutex_);
  has_withdrawn_[index_of(from)] = true;
}

}  // namespace braid
