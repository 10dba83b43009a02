#include "braid/parallel/copying_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "braid/base/index_range.h"

namespace braid {
namespace {

void copy_bytes(std::span<const std::byte> from, std::byte* to) {
  if (!from.empty() && from.data() != to) std::memcpy(to, from.data(), from.size());
}

}  // namespace

void CopyingTransport::lend(const OpRecord& call, int32_t member, std::span<const std::byte> data, bool is_early) {
  queues_.lend(call, world_rank(), place().world_rank(member), data, is_early);
}

// To each other rank its part: `parts` has counts[i] elements for rank i.
template <typename T>
void CopyingTransport::lend_parts(const OpRecord& call, std::span<const T> parts, std::span<const int64_t> counts,
                                  bool is_early) {
  for (int32_t member = 0; member < size(); ++member) {
    const auto part = parts.first(static_cast<size_t>(counts[static_cast<size_t>(member)]));
    parts = parts.subspan(part.size());
    if (member != rank()) lend(call, member, std::as_bytes(part), is_early);
  }
}

// Takes the message of this call and checks that its data has the expected number of bytes.
Result<Message> CopyingTransport::pop(const OpRecord& call, int32_t member, int64_t bytes) {
  TRY(Message message, queues_.pop(call, place().world_rank(member), world_rank()));
  if (!message.call.is_same_call(call) || message.num_bytes != bytes) return mismatch(call, member, message.call);
  count_received(bytes);
  return message;
}

Status CopyingTransport::receive(const OpRecord& call, int32_t member, std::span<std::byte> to) {
  TRY(const Message message, pop(call, member, static_cast<int64_t>(to.size())));
  if (message.remote) return queues_.fetch(message, world_rank(), to);
  copy_bytes(message.data, to.data());
  return {};
}

Status CopyingTransport::arrive(const OpRecord& call) {
  for (int32_t member = 0; member < size(); ++member) {
    if (member != rank()) lend(call, member, {});
  }
  return {};
}

Status CopyingTransport::meet_all(const OpRecord& call) {
  for (int32_t member = 0; member < size(); ++member) {
    if (member != rank()) TRY_STATUS(receive(call, member, {}));
  }
  return {};
}

// Every rank hears from every other, so that no rank runs on past a wrong call.
Status CopyingTransport::move_broadcast(const OpRecord& call, std::span<std::byte> data, int32_t root) {
  for (int32_t member = 0; member < size(); ++member) {
    if (member != rank()) lend(call, member, rank() == root ? data : std::span<std::byte>());
  }
  for (int32_t member = 0; member < size(); ++member) {
    if (member != rank()) TRY_STATUS(receive(call, member, member == root ? data : std::span<std::byte>()));
  }
  return settle(call);
}

void CopyingTransport::send_gather(const OpRecord& call, std::span<const std::byte> own, bool is_early) {
  for (int32_t member = 0; member < size(); ++member) {
    if (member != rank()) lend(call, member, own, is_early);
  }
}

Status CopyingTransport::move_gather(const OpRecord& call, std::span<const std::byte> own, std::span<std::byte> all,
                                     std::span<const int64_t> counts) {
  for (int32_t member = 0; member < size(); ++member) {
    const std::span<std::byte> to = all.first(static_cast<size_t>(counts[static_cast<size_t>(member)]));
    all = all.subspan(to.size());
    if (member == rank()) {
      copy_bytes(own, to.data());
    } else {
      TRY_STATUS(receive(call, member, to));
    }
  }
  return settle(call);
}

// own = the sum over all ranks, in rank order, of their parts for this rank, which they have lent.
template <typename T>
Status CopyingTransport::sum_parts(const OpRecord& call, std::span<const T> parts, std::span<T> own,
                                   std::span<const int64_t> counts) {
  std::span<const T> own_part;
  for (int32_t member = 0; member < size(); ++member) {
    const auto part = parts.first(static_cast<size_t>(counts[static_cast<size_t>(member)]));
    parts = parts.subspan(part.size());
    if (member == rank()) own_part = part;
  }
  sum_.resize(own.size_bytes());
  const std::span<T> sum(reinterpret_cast<T*>(sum_.data()), own.size());
  for (int32_t member = 0; member < size(); ++member) {
    Message message;
    const T* from = own_part.data();
    if (member != rank()) {
      TRY(message, pop(call, member, static_cast<int64_t>(own.size_bytes())));
      if (message.remote) {
        part_.resize(own.size_bytes());
        TRY_STATUS(queues_.fetch(message, world_rank(), part_));
      }
      from = reinterpret_cast<const T*>(message.remote ? part_.data() : message.data.data());
    }
    for (size_t i = 0; i < own.size(); ++i) sum[i] = member == 0 ? from[i] : sum[i] + from[i];
  }
  TRY_STATUS(settle(call));  // `own` may lie in `parts`
  std::copy(sum.begin(), sum.end(), own.begin());
  return {};
}

void CopyingTransport::send_sums(const OpRecord& call, std::span<const float> parts, std::span<const int64_t> counts,
                                 bool is_early) {
  lend_parts(call, parts, counts, is_early);
}

Status CopyingTransport::move_sums(const OpRecord& call, std::span<const float> parts, std::span<float> own,
                                   std::span<const int64_t> counts) {
  return sum_parts(call, parts, own, counts);
}

// Each rank sums its share, then all gather the shares: each rank receives 2 (n - 1) / n of the data.
template <typename T>
Status CopyingTransport::sum_in_place(const OpRecord& call, std::span<T> data) {
  const auto total = static_cast<int64_t>(data.size());
  std::vector<int64_t> counts;
  for (int32_t member = 0; member < size(); ++member) {
    const IndexRange share = split_evenly(total, member, size());
    counts.push_back(share.end - share.begin);
  }
  const auto own = data.subspan(static_cast<size_t>(split_evenly(total, rank(), size()).begin),
                                static_cast<size_t>(counts[static_cast<size_t>(rank())]));
  lend_parts<T>(call, data, counts, false);
  TRY_STATUS(sum_parts<T>(call, data, own, counts));
  for (int64_t& count : counts) count *= static_cast<int64_t>(sizeof(T));
  send_gather(call, std::as_bytes(own), false);
  return move_gather(call, std::as_bytes(own), std::as_writable_bytes(data), counts);
}

Status CopyingTransport::move_all_sums(const OpRecord& call, std::span<float> data) {
  return sum_in_place(call, data);
}

Status CopyingTransport::move_all_sums(const OpRecord& call, std::span<uint32_t> data) {
  return sum_in_place(call, data);
}

void CopyingTransport::send_all_to_all(const OpRecord& call, std::span<const std::byte> parts,
                                       std::span<const int64_t> send_counts, bool is_early) {
  lend_parts(call, parts, send_counts, is_early);
}

Status CopyingTransport::move_all_to_all(const OpRecord& call, std::span<const std::byte> parts,
                                         std::span<const int64_t> send_counts, std::span<std::byte> received,
                                         std::span<const int64_t> receive_counts) {
  std::span<const std::byte> own;
  for (int32_t member = 0; member < size(); ++member) {
    const auto part = parts.first(static_cast<size_t>(send_counts[static_cast<size_t>(member)]));
    parts = parts.subspan(part.size());
    if (member == rank()) own = part;
  }
  for (int32_t member = 0; member < size(); ++member) {
    const auto to = received.first(static_cast<size_t>(receive_counts[static_cast<size_t>(member)]));
    received = received.subspan(to.size());
    if (member != rank()) {
      TRY_STATUS(receive(call, member, to));
    } else if (own.size() != to.size()) {
      return mismatch(call, member, call);
    } else {
      copy_bytes(own, to.data());
    }
  }
  return settle(call);
}

Status CopyingTransport::move_pointers(const OpRecord& call, const void*, std::span<const void*>) {
  return state().end(fmt::format("rank {} called {}, but these ranks share no memory", world_rank(), describe(call)));
}

}  // namespace braid
