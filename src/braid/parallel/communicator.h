// One rank's view of all ranks of a world, or of those of one DP group. Two types, so that an operation for the world
// cannot be called on a group. Non-owning values: their world (LocalWorld, MessageWorld) outlives them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "braid/parallel/transport.h"

namespace braid {

template <typename Scope>
class Communicator {
 public:
  explicit Communicator(Transport& transport) : transport_(&transport) {}

  int32_t rank() const { return transport_->rank(); }
  int32_t size() const { return transport_->size(); }
  bool shares_memory() const { return transport_->shares_memory(); }

  Status barrier() const { return transport_->barrier(); }
  Status post() const { return transport_->post(); }
  Status wait() const { return transport_->wait(); }
  Status broadcast(std::span<std::byte> data, int32_t root) const { return transport_->broadcast(data, root); }
  Status all_gather(std::span<const std::byte> own, std::span<std::byte> all) const {
    return transport_->all_gather(own, all);
  }
  Status all_gather_v(std::span<const std::byte> own, std::span<std::byte> all, std::span<const int64_t> counts) const {
    return transport_->all_gather_v(own, all, counts);
  }
  Status reduce_scatter(std::span<const float> parts, std::span<float> own) const {
    return transport_->reduce_scatter(parts, own);
  }
  Status reduce_scatter_v(std::span<const float> parts, std::span<float> own, std::span<const int64_t> counts) const {
    return transport_->reduce_scatter_v(parts, own, counts);
  }
  Status all_reduce(std::span<float> data) const { return transport_->all_reduce(data); }
  Status all_reduce(std::span<uint32_t> data) const { return transport_->all_reduce(data); }
  Status all_to_all(std::span<const std::byte> parts, std::span<std::byte> received) const {
    return transport_->all_to_all(parts, received);
  }
  Status all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                      std::span<std::byte> received, std::span<const int64_t> receive_counts) const {
    return transport_->all_to_all_v(parts, send_counts, received, receive_counts);
  }
  Status begin_all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                            std::span<const int64_t> counts) const {
    return transport_->begin_all_gather_v(own, all, counts);
  }
  Status begin_reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                std::span<const int64_t> counts) const {
    return transport_->begin_reduce_scatter_v(parts, own, counts);
  }
  Status begin_all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                            std::span<std::byte> received, std::span<const int64_t> receive_counts) const {
    return transport_->begin_all_to_all_v(parts, send_counts, received, receive_counts);
  }
  Status finish() const { return transport_->finish(); }
  Status send(std::span<const std::byte> data, int32_t to) const { return transport_->send(data, to); }
  Status recv(std::span<std::byte> data, int32_t from) const { return transport_->recv(data, from); }
  Status share(const void* own, std::span<const void*> all) const { return transport_->share(own, all); }

  // These apply to the rank's world and its group alike.
  void begin_step(int64_t step) const { transport_->begin_step(step); }
  void abort(std::string_view reason) const { transport_->abort(reason); }
  int64_t received_bytes() const { return transport_->received_bytes(); }

 private:
  Transport* transport_;
};

struct WorldScope {};
struct GroupScope {};
using WorldCommunicator = Communicator<WorldScope>;  // ranks are tp_rank
using GroupCommunicator = Communicator<GroupScope>;  // ranks are attn_tp_rank

// The bytes of a plain value, as operations take them.
template <typename T>
std::span<const std::byte> bytes_of(const T& value) requires(std::is_trivially_copyable_v<T>) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace braid
