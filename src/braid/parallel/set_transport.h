// The common part of all transports: the set of ranks, the numbering of operations, size checks, and messages between
// two ranks. Derived classes move the data. Tested by communicator_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "braid/parallel/message_grid.h"
#include "braid/parallel/world_state.h"

namespace braid {

// A set of the world's ranks, and one rank of it.
struct SetPlace {
  int32_t first = 0;  // the set is the world's ranks [first, first + size)
  int32_t size = 1;
  int32_t rank = 0;  // within the set
  bool is_group = false;

  int32_t world_rank(int32_t member) const { return first + member; }
};

class SetTransport : public Transport {
 public:
  SetTransport(WorldState& state, MessageGrid& mail, const SetPlace& place);  // mail: of send() and recv()

  int32_t rank() const final { return place_.rank; }
  int32_t size() const final { return place_.size; }
  void begin_step(int64_t step) final { state_.step(world_rank()) = step; }
  void abort(std::string_view reason) final;
  int64_t received_bytes() const final { return received_bytes_; }

  Status barrier() final;
  Status post() final;
  Status wait() final;
  Status broadcast(std::span<std::byte> data, int32_t root) final;
  Status all_gather(std::span<const std::byte> own, std::span<std::byte> all) final;
  Status all_gather_v(std::span<const std::byte> own, std::span<std::byte> all, std::span<const int64_t> counts) final;
  Status reduce_scatter(std::span<const float> parts, std::span<float> own) final;
  Status reduce_scatter_v(std::span<const float> parts, std::span<float> own, std::span<const int64_t> counts) final;
  Status all_reduce(std::span<float> data) final;
  Status all_reduce(std::span<uint32_t> data) final;
  Status all_to_all(std::span<const std::byte> parts, std::span<std::byte> received) final;
  Status all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                      std::span<std::byte> received, std::span<const int64_t> receive_counts) final;
  Status begin_all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                            std::span<const int64_t> counts) final;
  Status begin_reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                std::span<const int64_t> counts) final;
  Status begin_all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                            std::span<std::byte> received, std::span<const int64_t> receive_counts) final;
  Status finish() final;
  Status send(std::span<const std::byte> data, int32_t to) final;
  Status recv(std::span<std::byte> data, int32_t from) final;
  Status share(const void* own, std::span<const void*> all) final;

 protected:
  // Called with sizes checked and the call numbered and recorded. Parts lie one after the other, as long as counts say.
  virtual Status arrive(const OpRecord& call) = 0;    // says that this rank has arrived
  virtual Status meet_all(const OpRecord& call) = 0;  // waits for the others' arrival
  virtual void leave() {}                             // after each operation: the caller may then free its buffers
  virtual Status move_broadcast(const OpRecord& call, std::span<std::byte> data, int32_t root) = 0;
  // What these three operations send, before move_…() is called: at once, or after work of the rank (is_early).
  // Nothing, where ranks read each other's memory.
  virtual void send_gather(const OpRecord& /*call*/, std::span<const std::byte> /*own*/, bool /*is_early*/) {}
  virtual void send_sums(const OpRecord& /*call*/, std::span<const float> /*parts*/,
                         std::span<const int64_t> /*counts*/, bool /*is_early*/) {}
  virtual void send_all_to_all(const OpRecord& /*call*/, std::span<const std::byte> /*parts*/,
                               std::span<const int64_t> /*send_counts*/, bool /*is_early*/) {}
  virtual Status move_gather(const OpRecord& call, std::span<const std::byte> own, std::span<std::byte> all,
                             std::span<const int64_t> counts) = 0;
  virtual Status move_sums(const OpRecord& call, std::span<const float> parts, std::span<float> own,
                           std::span<const int64_t> counts) = 0;
  virtual Status move_all_sums(const OpRecord& call, std::span<float> data) = 0;
  virtual Status move_all_sums(const OpRecord& call, std::span<uint32_t> data) = 0;
  virtual Status move_all_to_all(const OpRecord& call, std::span<const std::byte> parts,
                                 std::span<const int64_t> send_counts, std::span<std::byte> received,
                                 std::span<const int64_t> receive_counts) = 0;
  virtual Status move_pointers(const OpRecord& call, const void* own, std::span<const void*> all) = 0;

  WorldState& state() const { return state_; }
  const SetPlace& place() const { return place_; }
  int32_t world_rank() const { return place_.world_rank(place_.rank); }
  void count_received(int64_t bytes) { received_bytes_ += bytes; }
  Error mismatch(const OpRecord& own, int32_t member, const OpRecord& theirs) const;

 private:
  // Begun and not yet finished.
  struct BegunOp {
    OpRecord call;
    std::function<Status()> move;
  };

  OpRecord next_call(OpKind kind, int64_t bytes, int32_t peer = -1);
  Status check_gather(const OpRecord& call, int64_t own, int64_t all, std::span<const int64_t> counts) const;
  Status check_sums(const OpRecord& call, int64_t parts, int64_t own, std::span<const int64_t> counts) const;
  Status check_all_to_all(const OpRecord& call, int64_t parts, std::span<const int64_t> send_counts, int64_t received,
                          std::span<const int64_t> receive_counts) const;
  template <typename Send>
  Status begin(const OpRecord& call, const Send& send, std::function<Status()> move);
  void forget_begun();
  Error bad_call(const OpRecord& call, const std::string& what) const;
  template <typename Work>
  Status run(const OpRecord& call, const Work& work);

  WorldState& state_;
  MessageGrid& mail_;
  const SetPlace place_;
  int64_t last_step_ = -1;
  int32_t num_calls_ = 0;  // in this step
  int64_t received_bytes_ = 0;
  std::vector<int64_t> equal_counts_;
  std::deque<BegunOp> begun_;
  bool is_posted_ = false;
  OpRecord posted_;
  uint64_t posted_number_ = 0;
};

}  // namespace braid
