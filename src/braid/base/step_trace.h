// Records what each rank does and when, step by step, for a profile. Costs nothing while off; its memory is bounded
// while on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace braid {

enum class TracePhase : uint8_t {
  kPlan,       // commands and the group's plan
  kHeader,     // until the headers of all ranks have arrived
  kAttention,  // with its norms and products
  kWait,       // for a slower rank, at the start of an exchange
  kGather,     // of rows, within the group or over all ranks
  kFfn,        // feed-forward or mixture of experts
  kScatter,    // sums back to the rows' owners
  kHead,       // logits
  kSample,     // tokens from logits
  kCommit,     // results to the scheduler and the controller
  kIdle,       // no work: the rank sleeps
  // One operation among ranks (TraceSpan::op), within the phases above or beside them.
  kOperation,
};
// Those that share out a rank's time: all but kOperation, the last.
inline constexpr int kNumTracePhases = static_cast<int>(TracePhase::kIdle) + 1;
std::string_view trace_phase_name(TracePhase phase);  // "attention"

// An operation among ranks, as its header names it (parallel/flight_recorder.h).
struct TracedOp {
  int64_t bytes = 0;
  int32_t number = 0;     // in its step
  uint8_t kind = 0;       // OpKind
  bool is_group = false;  // among the rank's group; otherwise among the world
  bool operator==(const TracedOp&) const = default;
};

struct TraceSpan {
  TracePhase phase = TracePhase::kIdle;
  uint64_t step = 0;
  double begin_s = 0;  // monotonic_seconds()
  double end_s = 0;
  TracedOp op = {};  // of kOperation; step is its header's
  bool operator==(const TraceSpan&) const = default;
};

class StepTrace {
 public:
  explicit StepTrace(int32_t num_ranks);

  // From any thread. Drops what was recorded before.
  void start();
  // [ranks] the recorded spans that take() has not returned, each rank's ordered by end.
  std::vector<std::vector<TraceSpan>> stop();
  // The same, and goes on recording.
  std::vector<std::vector<TraceSpan>> take();
  bool is_on() const { return is_on_.load(std::memory_order_relaxed); }
  int32_t num_ranks() const { return static_cast<int32_t>(ranks_.size()); }

  // From the rank's thread. Ignored while off, and once the rank has kMaxSpans.
  void add(int32_t rank, const TraceSpan& span);

  static constexpr size_t kMaxSpans = size_t{1} << 19;  // 29 MB: some 2 000 steps of 28 layers with their operations

 private:
  struct alignas(64) Rank {
    std::mutex mutex;
    std::vector<TraceSpan> spans;
    size_t num_added = 0;  // since start()
  };

  std::atomic<bool> is_on_{false};
  std::vector<std::unique_ptr<Rank>> ranks_;
};

// Records one span from construction to the end of its scope, if `trace` is not null and was on at construction.
class TraceScope {
 public:
  TraceScope(StepTrace* trace, int32_t rank, TracePhase phase, uint64_t step);
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  StepTrace* trace_ = nullptr;
  int32_t rank_ = 0;
  TraceSpan span_;
};

}  // namespace braid
