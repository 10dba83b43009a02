#include "braid/parallel/local_world.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/parallel/mailbox.h"
#include "braid/parallel/rendezvous.h"
#include "braid/parallel/set_transport.h"

namespace braid {
namespace {

// Reads the other ranks' data in place. In each operation the ranks meet once when all data is there and once when all
// have read it.
class LocalTransport final : public SetTransport {
 public:
  LocalTransport(WorldState& state, MessageGrid& mail, Rendezvous& rendezvous, const SetPlace& place)
      : SetTransport(state, mail, place), rendezvous_(rendezvous) {}

  bool shares_memory() const override { return true; }

 private:
  Status arrive(const OpRecord& call) override { return rendezvous_.arrive(rank(), {.call = call}); }
  Status meet_all(const OpRecord&) override { return rendezvous_.wait(rank()); }
  void leave() override { rendezvous_.leave(rank()); }

  Status meet(const OpRecord& call, int32_t phase, const void* data = nullptr, const int64_t* counts = nullptr) {
    return rendezvous_.meet_and_read(rank(), {.call = call, .phase = phase, .data = data, .counts = counts});
  }
  template <typename T>
  const T* data_of(int32_t member) const {
    return static_cast<const T*>(rendezvous_.of(rank(), member).data);
  }
  void copy(void* to, const void* from, int64_t bytes) {
    if (bytes == 0 || to == from) return;
    std::memcpy(to, from, static_cast<size_t>(bytes));
    count_received(bytes);
  }

  // Checks that all ranks passed the same counts. Called between two rendezvous.
  Status check_counts(const OpRecord& call, std::span<const int64_t> counts) const {
    for (int32_t member = 0; member < size(); ++member) {
      const RankArrival& theirs = rendezvous_.of(rank(), member);
      if (!std::equal(counts.begin(), counts.end(), theirs.counts)) return mismatch(call, member, theirs.call);
    }
    return {};
  }

  Status move_broadcast(const OpRecord& call, std::span<std::byte> data, int32_t root) override {
    TRY_STATUS(meet(call, 0, data.data()));
    if (rank() != root) copy(data.data(), data_of<std::byte>(root), static_cast<int64_t>(data.size()));
    return meet(call, 1);
  }

  Status move_gather(const OpRecord& call, std::span<const std::byte> own, std::span<std::byte> all,
                     std::span<const int64_t> counts) override {
    TRY_STATUS(meet(call, 0, own.data(), counts.data()));
    TRY_STATUS(check_counts(call, counts));
    std::byte* to = all.data();
    for (int32_t member = 0; member < size(); ++member) {
      const int64_t bytes = counts[static_cast<size_t>(member)];
      if (member != rank()) {
        copy(to, data_of<std::byte>(member), bytes);
      } else if (bytes > 0 && to != own.data()) {
        std::memcpy(to, own.data(), static_cast<size_t>(bytes));
      }
      to += bytes;
    }
    return meet(call, 1);
  }

  Status move_sums(const OpRecord& call, std::span<const float> parts, std::span<float> own,
                   std::span<const int64_t> counts) override {
    TRY_STATUS(meet(call, 0, parts.data(), counts.data()));
    TRY_STATUS(check_counts(call, counts));
    int64_t first = 0;
    for (int32_t member = 0; member < rank(); ++member) first += counts[static_cast<size_t>(member)];
    for (int32_t member = 0; member < size(); ++member) add_part(member, first, own);
    return meet(call, 1);
  }

  // Adds the member's elements from `first` on to `own`; the first member's replace `own`.
  template <typename T>
  void add_part(int32_t member, int64_t first, std::span<T> own) {
    const T* from = data_of<T>(member) + first;
    if (member == 0) {
      std::copy_n(from, own.size(), own.begin());
    } else {
      for (size_t i = 0; i < own.size(); ++i) own[i] += from[i];
    }
    if (member != rank()) count_received(static_cast<int64_t>(own.size_bytes()));
  }

  // Each rank sums its share of the elements, which no other rank reads meanwhile, then reads the others' shares.
  template <typename T>
  Status sum_in_place(const OpRecord& call, std::span<T> data) {
    const auto total = static_cast<int64_t>(data.size());
    const IndexRange share = split_evenly(total, rank(), size());
    TRY_STATUS(meet(call, 0, data.data()));
    sums_.resize(static_cast<size_t>(share.end - share.begin) * sizeof(T));
    const std::span<T> own(reinterpret_cast<T*>(sums_.data()), sums_.size() / sizeof(T));
    for (int32_t member = 0; member < size(); ++member) add_part(member, share.begin, own);
    std::copy(own.begin(), own.end(), data.begin() + share.begin);
    TRY_STATUS(meet(call, 1, data.data()));
    for (int32_t member = 0; member < size(); ++member) {
      if (member == rank()) continue;
      const IndexRange theirs = split_evenly(total, member, size());
      const int64_t bytes = (theirs.end - theirs.begin) * static_cast<int64_t>(sizeof(T));
      copy(data.data() + theirs.begin, data_of<T>(member) + theirs.begin, bytes);
    }
    return meet(call, 2);
  }
  Status move_all_sums(const OpRecord& call, std::span<float> data) override { return sum_in_place(call, data); }
  Status move_all_sums(const OpRecord& call, std::span<uint32_t> data) override { return sum_in_place(call, data); }

  Status move_all_to_all(const OpRecord& call, std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                         std::span<std::byte> received, std::span<const int64_t> receive_counts) override {
    TRY_STATUS(meet(call, 0, parts.data(), send_counts.data()));
    std::byte* to = received.data();
    for (int32_t member = 0; member < size(); ++member) {
      const RankArrival& theirs = rendezvous_.of(rank(), member);
      const int64_t bytes = receive_counts[static_cast<size_t>(member)];
      if (theirs.counts[rank()] != bytes) return mismatch(call, member, theirs.call);
      int64_t first = 0;
      for (int32_t i = 0; i < rank(); ++i) first += theirs.counts[i];
      if (bytes > 0) std::memcpy(to, data_of<std::byte>(member) + first, static_cast<size_t>(bytes));
      if (member != rank()) count_received(bytes);
      to += bytes;
    }
    return meet(call, 1);
  }

  Status move_pointers(const OpRecord& call, const void* own, std::span<const void*> all) override {
    TRY_STATUS(meet(call, 0, own));
    for (int32_t member = 0; member < size(); ++member) all[static_cast<size_t>(member)] = data_of<void>(member);
    return {};
  }

  Rendezvous& rendezvous_;
  std::vector<std::byte> sums_;
};

}  // namespace

struct LocalWorld::Meetings {
  Meetings(const ParallelLayout& layout, WorldState& state)
      : in_world(state, 0, layout.tp_size), world_mail(state), group_mail(state) {
    const int32_t group_size = layout.attn_tp_size();
    for (int32_t group = 0; group < layout.groups_per_world(); ++group) {
      in_groups.push_back(std::make_unique<Rendezvous>(state, group * group_size, group_size));
    }
  }

  Rendezvous in_world;
  std::vector<std::unique_ptr<Rendezvous>> in_groups;
  MailboxGrid world_mail;
  MailboxGrid group_mail;
};

LocalWorld::LocalWorld(const ParallelLayout& layout, const WorldOptions& options)
    : ThreadWorld(layout, {.begin = 0, .end = layout.tp_size}, options),
      meetings_(std::make_unique<Meetings>(layout, state())) {
  add_ranks(layout, [&](const SetPlace& place) {
    const auto group = static_cast<size_t>(place.first / place.size);
    Rendezvous& rendezvous = place.is_group ? *meetings_->in_groups[group] : meetings_->in_world;
    MessageGrid& mail = place.is_group ? meetings_->group_mail : meetings_->world_mail;
    return std::make_unique<LocalTransport>(state(), mail, rendezvous, place);
  });
}

LocalWorld::~LocalWorld() = default;

}  // namespace braid
