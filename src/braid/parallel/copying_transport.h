// The operations of ranks that share no buffer: each sends everything that the others need, then takes what they sent,
// rank by rank. Every message names the operation that it belongs to. Tested by communicator_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/parallel/message_grid.h"
#include "braid/parallel/set_transport.h"

namespace braid {

class CopyingTransport final : public SetTransport {
 public:
  // `queues` is the collective operations', `mail` that of send() and recv().
  CopyingTransport(WorldState& state, MessageGrid& mail, MessageGrid& queues, const SetPlace& place)
      : SetTransport(state, mail, place), queues_(queues) {}

  bool shares_memory() const override { return false; }

 private:
  Status arrive(const OpRecord& call) override;
  Status meet_all(const OpRecord& call) override;
  Status move_broadcast(const OpRecord& call, std::span<std::byte> data, int32_t root) override;
  void send_gather(const OpRecord& call, std::span<const std::byte> own, bool is_early) override;
  void send_sums(const OpRecord& call, std::span<const float> parts, std::span<const int64_t> counts,
                 bool is_early) override;
  void send_all_to_all(const OpRecord& call, std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                       bool is_early) override;
  Status move_gather(const OpRecord& call, std::span<const std::byte> own, std::span<std::byte> all,
                     std::span<const int64_t> counts) override;
  Status move_sums(const OpRecord& call, std::span<const float> parts, std::span<float> own,
                   std::span<const int64_t> counts) override;
  Status move_all_sums(const OpRecord& call, std::span<float> data) override;
  Status move_all_sums(const OpRecord& call, std::span<uint32_t> data) override;
  Status move_all_to_all(const OpRecord& call, std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                         std::span<std::byte> received, std::span<const int64_t> receive_counts) override;
  Status move_pointers(const OpRecord& call, const void* own, std::span<const void*> all) override;

  void lend(const OpRecord& call, int32_t member, std::span<const std::byte> data, bool is_early = false);
  template <typename T>
  void lend_parts(const OpRecord& call, std::span<const T> parts, std::span<const int64_t> counts, bool is_early);
  void leave() override {
    if (state().has_failed()) queues_.withdraw(world_rank());
  }
  Status settle(const OpRecord& call) { return queues_.settle(call, world_rank()); }
  Result<Message> pop(const OpRecord& call, int32_t member, int64_t bytes);
  Status receive(const OpRecord& call, int32_t member, std::span<std::byte> to);
  template <typename T>
  Status sum_parts(const OpRecord& call, std::span<const T> parts, std::span<T> own, std::span<const int64_t> counts);
  template <typename T>
  Status sum_in_place(const OpRecord& call, std::span<T> data);

  MessageGrid& queues_;
  std::vector<std::byte> sum_;
  std::vector<std::byte> part_;  // of another process, to be added
};

}  // namespace braid
