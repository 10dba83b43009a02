// A rank's wait for messages of other processes. Tested by communicator_test.cc.
#include <algorithm>
#include <chrono>
#include <thread>

#include "braid/base/clock.h"
#include "braid/base/spin.h"
#include "braid/parallel/process_mail.h"

namespace braid {
namespace {

bool is_of_hand_over(OpKind kind) {
  return kind == OpKind::kHandOver || kind == OpKind::kTakeOver;
}

void nap(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

}  // namespace

ProcessMail::Wait::Wait(ProcessMail& mail, const OpRecord& call, int32_t rank)
    : mail_(mail), call_(call), rank_(rank), patience_(mail.state_.timeout_s()) {}

// Without sleep for about as long as ranks differ within a step. Then it sleeps for an eighth of the time waited: a
// short wait becomes little longer by that, and a long one costs next to nothing. While long data is on its way it
// moves only when the port is looked after, between sockets above all, so naps are short then. After half a second it
// leaves the port to the errands' thread: one look costs up to 80 us, for MPI asks its sockets. The clock begins after
// the first look, which most often finds what it waits for when ranks are as fast as each other.
Status ProcessMail::Wait::turn(Mailbox* box, RingReader* ring) {
  constexpr double kShortestNap_s = 20e-6;
  constexpr double kLongestNap_s = 10e-3;
  constexpr double kLook_s = 0.5;
  WorldState& state = mail_.state_;
  if (state.has_failed()) return state.failure();
  const bool is_moving = mail_.is_moving_data_.load(std::memory_order_relaxed);
  if (is_of_hand_over(call_.kind)) begin_again_if_moved();
  const double waited_s = start_s_ ? monotonic_seconds() - *start_s_ : 0;
  if (is_moving || waited_s < kLook_s) mail_.try_look_after_port(box);
  if (mail_.must_end_.load()) return mail_.end_as_told();
  if ((box != nullptr && !box->is_empty()) || (ring != nullptr && ring->has_next())) return {};
  if (!start_s_) {
    start_s_ = monotonic_seconds();
    next_look_s_ = *start_s_ + patience_.interval_s();
    patience_.begin(Progress(), *start_s_);
  }
  if (waited_s < (is_moving ? 1e-3 : 50e-6)) {
    state.ranks_share_cpus() ? std::this_thread::yield() : pause_briefly();
    return {};
  }
  const double now_s = *start_s_ + waited_s;
  if (now_s >= next_look_s_) {
    if (patience_.is_over(mail_.progress(), now_s)) return end_of_patience(state, call_, rank_);
    next_look_s_ = now_s + patience_.interval_s();
  }
  const double longest_nap_s = is_moving ? std::clamp(waited_s / 64, 100e-6, kLongestNap_s) : kLongestNap_s;
  const double nap_s = std::min(std::clamp(waited_s / 8, kShortestNap_s, longest_nap_s), patience_.interval_s());
  if (ring != nullptr) {
    ring->wait(nap_s);
  } else if (box != nullptr) {
    box->wait(state, nap_s);
  } else {
    nap(nap_s);
  }
  return {};
}

// Where a rank waits for what is handed over, it naps only when nothing comes: between sockets, a nap is a standstill.
void ProcessMail::Wait::begin_again_if_moved() {
  const int64_t num_moved = mail_.num_moved_.load(std::memory_order_relaxed);
  if (num_moved == num_moved_) return;
  num_moved_ = num_moved;
  start_s_.reset();
}

}  // namespace braid
