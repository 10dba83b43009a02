#include "braid/parallel/set_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "braid/base/check.h"
#include "braid/base/clock.h"

namespace braid {
namespace {

int64_t sum_of(std::span<const int64_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), int64_t{0});
}

bool is_counts(std::span<const int64_t> counts, int32_t size) {
  return static_cast<int32_t>(counts.size()) == size &&
         std::all_of(counts.begin(), counts.end(), [](int64_t count) { return count >= 0; });
}

int64_t ssize_of(const auto& span) {
  return static_cast<int64_t>(span.size());
}

}  // namespace

SetTransport::SetTransport(WorldState& state, MessageGrid& mail, const SetPlace& place)
    : state_(state), mail_(mail), place_(place), equal_counts_(static_cast<size_t>(place.size)) {}

OpRecord SetTransport::next_call(OpKind kind, int64_t bytes, int32_t peer) {
  const int64_t step = state_.step(world_rank());
  if (step != last_step_) num_calls_ = 0;
  last_step_ = step;
  return {.step = step, .op = num_calls_++, .kind = kind, .is_group = place_.is_group, .bytes = bytes, .peer = peer};
}

// The others may wait for the rank that made the bad call, so they get its error too.
Error SetTransport::bad_call(const OpRecord& call, const std::string& what) const {
  return state_.end(fmt::format("rank {} called {} with {}", world_rank(), describe(call), what));
}

Error SetTransport::mismatch(const OpRecord& own, int32_t member, const OpRecord& theirs) const {
  return state_.end(fmt::format("the ranks call different operations: rank {} {}, rank {} {}", world_rank(),
                                describe(own), place_.world_rank(member), describe(theirs)));
}

void SetTransport::abort(std::string_view reason) {
  state_.end(fmt::format("rank {} gave up in step {}: {}", world_rank(), state_.step(world_rank()), reason));
}

template <typename Work>
Status SetTransport::run(const OpRecord& call, const Work& work) {
  const RecordedOp recorded(state_, world_rank(), call);
  CHECK(begun_.empty() || state_.has_failed(), "{} while {} is under way", describe(call),
        describe(begun_.front().call));
  if (state_.has_failed()) {
    forget_begun();
    return state_.failure();
  }
  const Status status = work();
  leave();
  return status;
}

// The world has ended: nobody waits for what was begun, and its memory may be freed.
void SetTransport::forget_begun() {
  if (begun_.empty()) return;
  begun_.clear();
  leave();
}

template <typename Send>
Status SetTransport::begin(const OpRecord& call, const Send& send, std::function<Status()> move) {
  const RecordedOp recorded(state_, world_rank(), call);
  Status status = state_.has_failed() ? Status(state_.failure()) : send();
  if (status.ok()) {
    begun_.push_back({.call = call, .move = std::move(move)});
  } else {
    forget_begun();
  }
  return status;
}

Status SetTransport::finish() {
  CHECK(!begun_.empty() || state_.has_failed(), "rank {} finishes what it has not begun", world_rank());
  if (begun_.empty()) return state_.failure();
  const BegunOp first = std::move(begun_.front());
  begun_.pop_front();
  const RecordedOp recorded(state_, world_rank(), first.call);
  Status status = state_.has_failed() ? Status(state_.failure()) : first.move();
  if (!status.ok()) begun_.clear();
  leave();
  return status;
}

Status SetTransport::post() {
  TRY_STATUS(wait());
  posted_ = next_call(OpKind::kBarrier, 0);
  OpRecord entered = posted_;
  entered.entered_s = monotonic_seconds();
  posted_number_ = state_.recorder().enter(world_rank(), entered);
  if (state_.has_failed()) return state_.failure();
  is_posted_ = true;
  return arrive(posted_);
}

Status SetTransport::wait() {
  if (!is_posted_) return {};
  is_posted_ = false;
  const Status status = meet_all(posted_);
  state_.recorder().leave(world_rank(), posted_number_, monotonic_seconds());
  return status;
}

Status SetTransport::barrier() {
  TRY_STATUS(post());
  return wait();
}

Status SetTransport::broadcast(std::span<std::byte> data, int32_t root) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kBroadcast, ssize_of(data), root);
  return run(call, [&]() -> Status {
    if (root < 0 || root >= place_.size) return bad_call(call, fmt::format("root {} of {}", root, place_.size));
    return move_broadcast(call, data, root);
  });
}

Status SetTransport::check_gather(const OpRecord& call, int64_t own, int64_t all,
                                  std::span<const int64_t> counts) const {
  if (is_counts(counts, place_.size) && sum_of(counts) == all && counts[static_cast<size_t>(rank())] == own) return {};
  return bad_call(call, fmt::format("counts that do not fit its own {} bytes", own));
}

Status SetTransport::check_sums(const OpRecord& call, int64_t parts, int64_t own,
                                std::span<const int64_t> counts) const {
  if (is_counts(counts, place_.size) && sum_of(counts) == parts && counts[static_cast<size_t>(rank())] == own)
    return {};
  return bad_call(call, fmt::format("counts that do not fit its own {} sums", own));
}

Status SetTransport::check_all_to_all(const OpRecord& call, int64_t parts, std::span<const int64_t> send_counts,
                                      int64_t received, std::span<const int64_t> receive_counts) const {
  if (is_counts(send_counts, place_.size) && is_counts(receive_counts, place_.size) && sum_of(send_counts) == parts &&
      sum_of(receive_counts) == received) {
    return {};
  }
  return bad_call(call, fmt::format("counts that do not fit {} and {} bytes", parts, received));
}

Status SetTransport::all_gather(std::span<const std::byte> own, std::span<std::byte> all) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllGather, ssize_of(own));
  return run(call, [&]() -> Status {
    if (ssize_of(all) != ssize_of(own) * place_.size) return bad_call(call, fmt::format("room for {}", all.size()));
    std::fill(equal_counts_.begin(), equal_counts_.end(), ssize_of(own));
    send_gather(call, own, false);
    return move_gather(call, own, all, equal_counts_);
  });
}

Status SetTransport::all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                                  std::span<const int64_t> counts) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllGatherV, ssize_of(all));
  return run(call, [&]() -> Status {
    TRY_STATUS(check_gather(call, ssize_of(own), ssize_of(all), counts));
    send_gather(call, own, false);
    return move_gather(call, own, all, counts);
  });
}

Status SetTransport::begin_all_gather_v(std::span<const std::byte> own, std::span<std::byte> all,
                                        std::span<const int64_t> counts) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllGatherV, ssize_of(all));
  const auto send = [&]() -> Status {
    TRY_STATUS(check_gather(call, ssize_of(own), ssize_of(all), counts));
    send_gather(call, own, true);
    return {};
  };
  return begin(call, send, [this, call, own, all, kept = std::vector(counts.begin(), counts.end())] {
    return move_gather(call, own, all, kept);
  });
}

Status SetTransport::reduce_scatter(std::span<const float> parts, std::span<float> own) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kReduceScatter, 4 * ssize_of(parts));
  return run(call, [&]() -> Status {
    if (ssize_of(parts) != ssize_of(own) * place_.size) return bad_call(call, fmt::format("{} sums", own.size()));
    std::fill(equal_counts_.begin(), equal_counts_.end(), ssize_of(own));
    send_sums(call, parts, equal_counts_, false);
    return move_sums(call, parts, own, equal_counts_);
  });
}

Status SetTransport::reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                      std::span<const int64_t> counts) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kReduceScatterV, 4 * ssize_of(parts));
  return run(call, [&]() -> Status {
    TRY_STATUS(check_sums(call, ssize_of(parts), ssize_of(own), counts));
    send_sums(call, parts, counts, false);
    return move_sums(call, parts, own, counts);
  });
}

Status SetTransport::begin_reduce_scatter_v(std::span<const float> parts, std::span<float> own,
                                            std::span<const int64_t> counts) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kReduceScatterV, 4 * ssize_of(parts));
  const auto send = [&]() -> Status {
    TRY_STATUS(check_sums(call, ssize_of(parts), ssize_of(own), counts));
    send_sums(call, parts, counts, true);
    return {};
  };
  return begin(call, send, [this, call, parts, own, kept = std::vector(counts.begin(), counts.end())] {
    return move_sums(call, parts, own, kept);
  });
}

Status SetTransport::all_reduce(std::span<float> data) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllReduce, 4 * ssize_of(data));
  return run(call, [&] { return move_all_sums(call, data); });
}

Status SetTransport::all_reduce(std::span<uint32_t> data) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllReduce, 4 * ssize_of(data));
  return run(call, [&] { return move_all_sums(call, data); });
}

Status SetTransport::all_to_all(std::span<const std::byte> parts, std::span<std::byte> received) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllToAll, ssize_of(parts));
  return run(call, [&]() -> Status {
    if (parts.size() != received.size() || ssize_of(parts) % place_.size != 0) {
      return bad_call(call, fmt::format("room for {}, among {} ranks", received.size(), place_.size));
    }
    std::fill(equal_counts_.begin(), equal_counts_.end(), ssize_of(parts) / place_.size);
    send_all_to_all(call, parts, equal_counts_, false);
    return move_all_to_all(call, parts, equal_counts_, received, equal_counts_);
  });
}

// Its call's bytes are 0: they differ for every pair of ranks.
Status SetTransport::all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                                  std::span<std::byte> received, std::span<const int64_t> receive_counts) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllToAllV, 0);
  return run(call, [&]() -> Status {
    TRY_STATUS(check_all_to_all(call, ssize_of(parts), send_counts, ssize_of(received), receive_counts));
    send_all_to_all(call, parts, send_counts, false);
    return move_all_to_all(call, parts, send_counts, received, receive_counts);
  });
}

Status SetTransport::begin_all_to_all_v(std::span<const std::byte> parts, std::span<const int64_t> send_counts,
                                        std::span<std::byte> received, std::span<const int64_t> receive_counts) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kAllToAllV, 0);
  const auto send = [&]() -> Status {
    TRY_STATUS(check_all_to_all(call, ssize_of(parts), send_counts, ssize_of(received), receive_counts));
    send_all_to_all(call, parts, send_counts, true);
    return {};
  };
  return begin(call, send,
               [this, call, parts, received, kept = std::vector(send_counts.begin(), send_counts.end()),
                kept_too = std::vector(receive_counts.begin(), receive_counts.end())] {
                 return move_all_to_all(call, parts, kept, received, kept_too);
               });
}

Status SetTransport::send(std::span<const std::byte> data, int32_t to) {
  const OpRecord call{.step = state_.step(world_rank()),
                      .kind = OpKind::kSend,
                      .is_group = place_.is_group,
                      .bytes = ssize_of(data),
                      .peer = to};
  return run(call, [&]() -> Status {
    if (to < 0 || to >= place_.size) return bad_call(call, fmt::format("rank {} of {}", to, place_.size));
    mail_.push(call, world_rank(), place_.world_rank(to), data);
    return {};
  });
}

Status SetTransport::recv(std::span<std::byte> data, int32_t from) {
  const OpRecord call{.step = state_.step(world_rank()),
                      .kind = OpKind::kRecv,
                      .is_group = place_.is_group,
                      .bytes = ssize_of(data),
                      .peer = from};
  return run(call, [&]() -> Status {
    if (from < 0 || from >= place_.size) return bad_call(call, fmt::format("rank {} of {}", from, place_.size));
    TRY(const Message message, mail_.pop(call, place_.world_rank(from), world_rank()));
    if (message.num_bytes != ssize_of(data)) return mismatch(call, from, message.call);
    if (from != rank()) count_received(ssize_of(data));
    if (message.remote) return mail_.fetch(message, world_rank(), data);
    std::copy(message.data.begin(), message.data.end(), data.begin());
    return {};
  });
}

Status SetTransport::share(const void* own, std::span<const void*> all) {
  TRY_STATUS(wait());
  const OpRecord call = next_call(OpKind::kShare, 0);
  return run(call, [&]() -> Status {
    if (ssize_of(all) != place_.size) return bad_call(call, fmt::format("room for {} pointers", all.size()));
    return move_pointers(call, own, all);
  });
}

}  // namespace braid
