#include "braid/parallel/message_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/parallel/set_transport.h"

namespace braid {
namespace {

// Sends everything that the others need, then takes what they sent, rank by rank. Each message names the operation it
// belongs to.
class CopyingTransport final : public SetTransport {
 public:
  CopyingTransport(WorldState& state, MailboxGrid& mail, MailboxGrid& queues, const SetPlace& place)
      : SetTransport(state, mail, place), queues_(queues) {}

  bool shares_memory() const override { return false; }

 private:
  void push(const OpRecord& call, int32_t member, std::span<const std::byte> data) {
    queues_.from_to(world_rank(), place().world_rank(member)).push(call, data);
  }

  // Takes the message of this call and checks that its data has the expected number of bytes.
  Result<Message> pop(const OpRecord& call, int32_t member, int64_t bytes) {
    const std::string waiting = fmt::format("rank {} in {}", world_rank(), describe(call));
    TRY(Message message, queues_.from_to(place().world_rank(member), world_rank()).pop(state(), waiting));
    if (!message.call.is_same_call(call) || static_cast<int64_t>(message.data.size()) != bytes) {
      return mismatch(call, member, message.call);
    }
    count_received(bytes);
    return message;
  }

  Status arrive(const OpRecord& call) override {
    for (int32_t member = 0; member < size(); ++member) {
      if (member != rank()) push(call, member, {});
    }
    return {};
  }

  Status meet_all(const OpRecord& call) override {
    for (int32_t member = 0; member < size(); ++member) {
      if (member == rank()) continue;
      TRY(const Message message, pop(call, member, 0));
    }
    return {};
  }

  Status move_broadcast(const OpRecord& call, std::span<std::byte> data, int32_t root) override {
    // Every rank hears from every other, so that no rank runs on past a wrong call.
    for (int32_t member = 0; member < size(); ++member) {
      if (member == rank()) continue;
      push(call, member, rank() == root ? std::span<const std::byte>(data) : std::span<const std::byte>());
    }
    for (int32_t member = 0; member < size(); ++member) {
      if (member == rank()) continue;
      TRY(const Message message, pop(call, member, member == root ? static_cast<int64_t>(data.size()) : 0));
      if (member == root) std::copy(message.data.begin(), message.data.end(), data.begin());
    }
    return {};
  }

  Status move_gather(const OpRecord& call, std::span<const std::byte> own, std::span<std::byte> all,
                     std::span<const int64_t> counts) override {
    for (int32_t member = 0; member < size(); ++member) {
      if (member != rank()) push(call, member, own);
    }
    std::byte* to = all.data();
    for (int32_t member = 0; member < size(); ++member) {
      const int64_t bytes = counts[static_cast<size_t>(member)];
      if (member == rank()) {
        if (bytes > 0 && to != own.data()) std::memcpy(to, own.data(), static_cast<size_t>(bytes));
      } else {
        TRY(const Message message, pop(call, member, bytes));
        std::copy(message.data.begin(), message.data.end(), to);
      }
      to += bytes;
    }
    return {};
  }

  // own = the sum over all ranks, in rank order, of their parts for this rank. `parts` has counts[i] elements for rank
  // i.
  template <typename T>
  Status sum_parts(const OpRecord& call, std::span<const T> parts, std::span<T> own, std::span<const int64_t> counts) {
    int64_t first = 0;
    int64_t own_first = 0;
    for (int32_t member = 0; member < size(); ++member) {
      const auto count = static_cast<size_t>(counts[static_cast<size_t>(member)]);
      if (member == rank()) own_first = first;
      if (member != rank()) push(call, member, std::as_bytes(parts.subspan(static_cast<size_t>(first), count)));
      first += static_cast<int64_t>(count);
    }
    sum_.resize(own.size_bytes());
    const std::span<T> sum(reinterpret_cast<T*>(sum_.data()), own.size());
    for (int32_t member = 0; member < size(); ++member) {
      Message message;
      const T* from = parts.data() + own_first;
      if (member != rank()) {
        TRY(message, pop(call, member, static_cast<int64_t>(own.size_bytes())));
        from = reinterpret_cast<const T*>(message.data.data());
      }
      for (size_t i = 0; i < own.size(); ++i) sum[i] = member == 0 ? from[i] : sum[i] + from[i];
    }
    std::copy(sum.begin(), sum.end(), own.begin());
    return {};
  }

  Status move_sums(const OpRecord& call, std::span<const float> parts, std::span<float> own,
                   std::span<const int64_t> counts) override {
    return sum_parts(call, parts, own, counts);
  }

  // Each rank sums its share, then all gather the shares: each rank receives 2 (n - 1) / n of the data.
  template <typename T>
  Status sum_in_place(const OpRecord& call, std::span<T> data) {
    const auto total = static_cast<int64_t>(data.size());
    std::vector<int64_t> counts;
    for (int32_t member = 0; member < size(); ++member) {
      const IndexRange share = split_evenly(total, member, size());
      counts.push_back(share.end - share.begin);
    }
    const auto own = data.subspan(static_cast<size_t>(split_evenly(total, rank(), size()).begin),
                                  static_cast<size_t>(counts[static_cast<size_t>(rank())]));
    TRY_STATUS(sum_parts<T>(call, data, own, counts));
    for (int64_t& count : counts) count *= static_cast<int64_t>(sizeof(T));
    return move_gather(call, std::as_bytes(own), std::as_writable_bytes(data), counts);
  }
  Status move_all_sums(const OpRecord& call, std::span<float> data) override { return sum_in_place(call, data); }
  Status move_all_sums(const OpRecord& call, std::span<uint32_t> data) override { return sum_in_place(call, data); }

  Status move_all_to_all(const OpRecord& call, std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                         std::span<std::byte> received, std::span<const int64_t> receive_counts) override {
    std::span<const std::byte> own;
    size_t first = 0;
    for (int32_t member = 0; member < size(); ++member) {
      const auto part = parts.subspan(first, static_cast<size_t>(send_counts[static_cast<size_t>(member)]));
      first += part.size();
      if (member == rank()) own = part;
      if (member != rank()) push(call, member, part);
    }
    auto to = received.begin();
    for (int32_t member = 0; member < size(); ++member) {
      const int64_t bytes = receive_counts[static_cast<size_t>(member)];
      if (member == rank()) {
        if (static_cast<int64_t>(own.size()) != bytes) return mismatch(call, member, call);
        std::copy(own.begin(), own.end(), to);
      } else {
        TRY(const Message message, pop(call, member, bytes));
        std::copy(message.data.begin(), message.data.end(), to);
      }
      to += bytes;
    }
    return {};
  }

  Status move_pointers(const OpRecord& call, const void*, std::span<const void*>) override {
    return state().end(fmt::format("rank {} called {}, but these ranks share no memory", world_rank(), describe(call)));
  }

  MailboxGrid& queues_;
  std::vector<std::byte> sum_;
};

}  // namespace

struct MessageWorld::Queues {
  explicit Queues(WorldState& state) : in_world(state), in_groups(state) {}

  MailboxGrid in_world;
  MailboxGrid in_groups;
};

MessageWorld::MessageWorld(const ParallelLayout& layout, const WorldOptions& options)
    : ThreadWorld(layout, options), queues_(std::make_unique<Queues>(state())) {
  add_ranks(layout, [&](const SetPlace& place, MailboxGrid& mail) {
    MailboxGrid& queues = place.is_group ? queues_->in_groups : queues_->in_world;
    return std::make_unique<CopyingTransport>(state(), mail, queues, place);
  });
}

MessageWorld::~MessageWorld() = default;

}  // namespace braid
