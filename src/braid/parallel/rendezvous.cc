#include "braid/parallel/rendezvous.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "braid/base/clock.h"
#include "braid/base/spin.h"

namespace braid {
namespace {

bool are_together(const RankArrival& a, const RankArrival& b) {
  return a.call.is_same_call(b.call) && a.phase == b.phase;
}

}  // namespace

Rendezvous::Rendezvous(WorldState& state, int32_t first_world_rank, int32_t size)
    : state_(state), first_world_rank_(first_world_rank), size_(size), turns_(static_cast<size_t>(size)) {
  for (auto& places : banks_) places.resize(static_cast<size_t>(size));
  state.on_failure([this] { arrivals_.notify_all(); });
}

Status Rendezvous::arrive(int32_t rank, const RankArrival& arrival) {
  Turn& turn = turns_[static_cast<size_t>(rank)];
  turn.is_reading.store(false, std::memory_order_release);
  const uint32_t number = turn.num_arrivals.load(std::memory_order_relaxed);
  banks_[number % 2][static_cast<size_t>(rank)].arrival = arrival;
  turn.num_arrivals.store(number + 1, std::memory_order_relaxed);
  if (num_arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<uint32_t>(size_)) {
    num_arrived_.store(0, std::memory_order_relaxed);  // no rank arrives again before it sees the next line
    num_complete_.fetch_add(1, std::memory_order_release);
    arrivals_.notify_all();
  }
  state_.thread(first_world_rank_ + rank).settle();  // another rank may have brought it to its CPU to wait for it
  return {};
}

// Moves ranks that have not arrived, and have lost their CPU or share one with others, to this rank's CPU. Returns
// whether any of them runs.
bool Rendezvous::help_missing_ranks(uint32_t wanted) {
  bool is_any_running = false;
  for (int32_t rank = 0; rank < size_; ++rank) {
    const uint32_t arrivals = turns_[static_cast<size_t>(rank)].num_arrivals.load(std::memory_order_relaxed);
    if (static_cast<int32_t>(arrivals - wanted) >= 0) continue;
    HelpedThread& thread = state_.thread(first_world_rank_ + rank);
    if (thread.is_running()) {
      is_any_running = true;
    } else {
      thread.bring_here();
    }
  }
  return is_any_running;
}

// Without sleep, for about as long as ranks differ within a step.
template <typename Condition>
void Rendezvous::wait_briefly(uint32_t wanted, Condition is_over) {
  if (state_.ranks_share_cpus()) {
    constexpr int kYields = 100;
    for (int i = 0; i < kYields && !is_over(); ++i) std::this_thread::yield();
  } else {
    constexpr int kRounds = 3;
    int round = 0;
    while (!spin_until(is_over) && help_missing_ranks(wanted) && ++round < kRounds) continue;
  }
}

// Sleeps in the kernel after a short time. If each rank has a CPU of its own, it wakes now and then to see whether one
// has lost it to something else.
Status Rendezvous::wait(int32_t rank) {
  constexpr double kFirstNap_s = 0.5e-3;
  constexpr double kLongestNap_s = 0.1;
  const uint32_t wanted = turns_[static_cast<size_t>(rank)].num_arrivals;
  const auto is_complete = [&] {
    return static_cast<int32_t>(num_complete_.load(std::memory_order_acquire) - wanted) >= 0;
  };
  const auto is_over = [&] { return is_complete() || state_.has_failed(); };
  wait_briefly(wanted, is_over);
  Patience patience(state_.timeout_s());
  double next_look_s = 0;  // not begun: most waits are over before it begins
  for (double nap_s = state_.ranks_share_cpus() ? kLongestNap_s : kFirstNap_s;;
       nap_s = std::min(2 * nap_s, kLongestNap_s)) {
    const uint32_t seen = arrivals_.count();
    if (state_.has_failed()) return state_.failure();
    if (is_complete()) break;
    const double now_s = monotonic_seconds();
    if (next_look_s == 0) {
      patience.begin(Progress(), now_s);
      next_look_s = now_s + patience.interval_s();
    } else if (now_s >= next_look_s) {
      if (patience.is_over(state_.progress(), now_s)) {
        return state_.end(fmt::format("rank {} waited longer than {} s in {}", first_world_rank_ + rank,
                                      state_.timeout_s(), describe(of(rank, rank).call)));
      }
      next_look_s = now_s + patience.interval_s();
    }
    arrivals_.wait(seen, std::min(next_look_s - now_s, nap_s));
    if (!state_.ranks_share_cpus() && !is_over()) help_missing_ranks(wanted);
  }
  for (int32_t member = 1; member < size_; ++member) {
    const RankArrival& first = of(rank, 0);
    const RankArrival& other = of(rank, member);
    if (are_together(first, other)) continue;
    return state_.end(fmt::format("the ranks call different operations: rank {} {}, rank {} {}", first_world_rank_,
                                  describe(first.call), first_world_rank_ + member, describe(other.call)));
  }
  return {};
}

Status Rendezvous::meet(int32_t rank, const RankArrival& arrival) {
  TRY_STATUS(arrive(rank, arrival));
  return wait(rank);
}

// Sequentially consistent with end() and leave(): either this rank sees the failure, or they see that it reads.
Status Rendezvous::meet_and_read(int32_t rank, const RankArrival& arrival) {
  TRY_STATUS(meet(rank, arrival));
  turns_[static_cast<size_t>(rank)].is_reading.store(true);
  if (state_.has_failed()) return state_.failure();
  return {};
}

void Rendezvous::leave(int32_t rank) {
  turns_[static_cast<size_t>(rank)].is_reading.store(false);
  if (!state_.has_failed()) return;
  for (const Turn& turn : turns_) {
    while (turn.is_reading.load()) std::this_thread::yield();
  }
}

const RankArrival& Rendezvous::of(int32_t rank, int32_t member) const {
  return bank(turns_[static_cast<size_t>(rank)].num_arrivals - 1)[static_cast<size_t>(member)].arrival;
}

}  // namespace braid
