#include "braid/base/thread_team.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/float_mode.h"
#include "braid/base/spin.h"

namespace braid {
namespace {

// Whether `value` changes from `old` within a short time.
bool changes_soon(const std::atomic<uint32_t>& value, uint32_t old) {
  return spin_until([&] { return value.load(std::memory_order_acquire) != old; });
}

}  // namespace

ThreadTeam::ThreadTeam(int size, ThreadRole role)
    : size_(size),
      role_(role),
      scratch_(static_cast<size_t>(size)),
      members_(static_cast<size_t>(size)),
      seats_(size),
      shares_(size) {
  CHECK(size >= 1, "a team of {} threads", size);
  threads_.reserve(static_cast<size_t>(size - 1));
  for (int thread = 1; thread < size; ++thread) threads_.emplace_back([this, thread] { member_loop(thread); });
}

ThreadTeam::~ThreadTeam() {
  stopping_.store(true, std::memory_order_relaxed);
  num_jobs_.fetch_add(1, std::memory_order_release);
  num_jobs_.notify_all();
}

void ThreadTeam::run_pieces(int64_t count, FunctionRef<void(const WorkPiece&)> work) {
  if (count <= 0) return;
  begin_job();
  FlushDenormals flush;
  if (size_ == 1) {
    for (int64_t i = 0; i < count; ++i) work({.thread = 0, .index = i, .likely_next = i + 1 < count ? i + 1 : -1});
    return;
  }
  if (count == 1) return work({.thread = 0, .index = 0});
  const int64_t most = size_ * PieceShares::kMostPieces;
  if (count > most) {
    const int64_t each = (count + most - 1) / most;
    const int64_t groups = (count + each - 1) / each;
    return share_out(groups, [&](const WorkPiece& group) {
      const int64_t end = std::min(count, (group.index + 1) * each);
      for (int64_t i = group.index * each; i < end; ++i) {
        work({.thread = group.thread, .index = i, .likely_next = i + 1 < end ? i + 1 : -1});
      }
    });
  }
  share_out(count, work);
}

void ThreadTeam::share_out(int64_t count, FunctionRef<void(const WorkPiece&)> work) {
  set_job(count, work);
  shares_.deal(count);
  finish_job(Help::kMembers);
}

void ThreadTeam::run(FunctionRef<void(int)> work) {
  begin_job();
  FlushDenormals flush;
  if (size_ == 1) return work(0);
  const auto on_thread = [&](const WorkPiece& piece) { work(piece.thread); };
  const FunctionRef<void(const WorkPiece&)> pieces(on_thread);
  set_job(size_, pieces);
  shares_.deal_one_each();
  finish_job(Help::kNobody);
}

Progress ThreadTeam::progress() const {
  Progress progress{.num_operations = num_begun_.load(std::memory_order_relaxed)};
  double seconds = 0;
  for (const Member& member : members_) seconds += member.thread.cpu_seconds();
  progress.cpu_ticks = static_cast<int64_t>(seconds / Progress::kCpuTickS);
  return progress;
}

void ThreadTeam::begin_job() {
  members_[0].thread.settle();
  num_begun_.fetch_add(1, std::memory_order_relaxed);
}

// Before the pieces are dealt: a member may take one at once.
void ThreadTeam::set_job(int64_t num_pieces, const FunctionRef<void(const WorkPiece&)>& work) {
  work_ = &work;
  remaining_.store(static_cast<uint32_t>(num_pieces), std::memory_order_relaxed);
}

void ThreadTeam::finish_job(Help help) {
  num_jobs_.fetch_add(1, std::memory_order_release);
  num_jobs_.notify_all();
  seats_.settle(0);
  take_pieces(0);
  wait_for_pieces(help);
  if (!has_failed_.load(std::memory_order_relaxed)) return;
  has_failed_.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadTeam::member_loop(int thread) {
  set_thread_role(role_);
  FlushDenormals flush;
  Member& self = members_[static_cast<size_t>(thread)];
  self.thread.settle();
  uint32_t seen = 0;
  while (true) {
    if (!changes_soon(num_jobs_, seen)) num_jobs_.wait(seen, std::memory_order_acquire);
    seen = num_jobs_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    seats_.settle(thread);
    self.is_working.store(true, std::memory_order_release);
    take_pieces(thread);
    self.is_working.store(false, std::memory_order_relaxed);
    self.thread.settle();
    seats_.settle(thread);
  }
}

// All pieces are of one job: it cannot end before this thread has counted its own as done.
void ThreadTeam::take_pieces(int thread) {
  uint32_t num_done = 0;
  while (const std::optional<WorkPiece> piece = shares_.take(thread)) {
    do_piece(*piece);
    seats_.settle(thread);  // on a busy machine the scheduler puts it beside a teammate within a job, too
    ++num_done;
  }
  if (num_done > 0 && remaining_.fetch_sub(num_done, std::memory_order_acq_rel) == num_done && thread != 0) {
    remaining_.notify_one();
  }
}

void ThreadTeam::do_piece(const WorkPiece& piece) {
  try {
    if (!has_failed_.load(std::memory_order_relaxed)) (*work_)(piece);
  } catch (...) {
    if (!has_failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
  }
}

// All pieces are taken. A member that has lost its CPU in the middle of one gets the caller's.
void ThreadTeam::wait_for_pieces(Help help) {
  while (const uint32_t left = remaining_.load(std::memory_order_acquire)) {
    if (changes_soon(remaining_, left)) continue;
    bool is_any_running = false;
    for (Member& member : members_) {
      if (!member.is_working.load(std::memory_order_acquire)) continue;
      if (member.thread.is_running()) {
        is_any_running = true;
      } else if (help == Help::kMembers) {
        member.thread.bring_here();
      }
    }
    if (!is_any_running) remaining_.wait(left, std::memory_order_acquire);
  }
}

std::byte* ThreadTeam::scratch(int thread, int64_t bytes) {
  constexpr int64_t kAlignment = 64;
  Scratch& own = scratch_[static_cast<size_t>(thread)];
  if (own.bytes < bytes) {
    own.memory = std::vector<std::byte>(static_cast<size_t>(bytes + kAlignment));
    const auto address = reinterpret_cast<uintptr_t>(own.memory.data());
    own.aligned = own.memory.data() + (kAlignment - address % kAlignment) % kAlignment;
    own.bytes = bytes;
  }
  return own.aligned;
}

}  // namespace braid
