#include "braid/bench/dispatch/rank_loops.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "braid/wire/step_plan_codec.h"
#include "braid/wire/transport/dispatch.h"

namespace braid::dispatch {
namespace {

constexpr double kPatience = 30;  // seconds without an answer after which a peer is taken for gone
constexpr int32_t kPageSize = 16;
constexpr RequestId kStop = std::numeric_limits<RequestId>::max();

StepPlanLimits plan_limits() {
  return {.max_bytes = int64_t{1} << 30,
          .max_sequences = kMaxDispatchBatch,
          .max_step_tokens = int64_t{1} << 30,
          .context_len = kMaxDispatchPromptLen,
          .vocab_size = kVocabSize,
          .page_size = kPageSize,
          .kv_groups = {{.num_pages = kMaxDispatchPromptLen / kPageSize}}};
}

// The first step of these requests, each prompt in one chunk.
StepPlan plan_of(uint64_t step, std::vector<SchedulerRequest> requests) {
  StepPlan plan{.step = step, .sequences = {}};
  plan.sequences.reserve(requests.size());
  for (SchedulerRequest& request : requests) {
    SequencePlan& sequence = plan.sequences.emplace_back();
    PageTable table{.pages = std::vector<PageId>((request.prompt.size() + kPageSize - 1) / kPageSize)};
    std::iota(table.pages.begin(), table.pages.end(), 0);
    sequence.request = request.id;
    sequence.page_tables.push_back(std::move(table));
    sequence.samples = true;
    sequence.sampling.num_prompt_tokens = static_cast<int32_t>(request.prompt.size());
    sequence.sampling.params = std::move(request.sampling);
    sequence.new_tokens = std::move(request.prompt);
  }
  return plan;
}

// The time when the last subscriber had read plan `step`.
Result<int64_t> last_answer(ControllerLink& down, uint64_t step, int32_t num_subscribers) {
  int64_t last_ns = 0;
  for (int32_t i = 0; i < num_subscribers; ++i) {
    TRY(const auto event, down.receive(kPatience));
    if (!event) return fail("a subscriber does not answer plan {} within {} s", step, kPatience);
    if (event->kind != LinkEvent::Kind::kOutputs) return fail("subscriber {} is gone. {}", event->group, event->reason);
    TRY(const RankAnswer answer, decode_answer(event->bytes.span()));
    if (answer.number != step) return fail("subscriber {} answers plan {}, not {}", event->group, answer.number, step);
    last_ns = std::max(last_ns, answer.read_ns);
  }
  return last_ns;
}

}  // namespace

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

SharedBytes encode(const RankAnswer& answer) {
  std::vector<std::byte> bytes(sizeof(answer));
  std::memcpy(bytes.data(), &answer, sizeof(answer));
  return SharedBytes(std::move(bytes));
}

Result<RankAnswer> decode_answer(std::span<const std::byte> bytes) {
  RankAnswer answer;
  if (bytes.size() != sizeof(answer)) return fail("an answer of {} bytes, not {}", bytes.size(), sizeof(answer));
  std::memcpy(&answer, bytes.data(), sizeof(answer));
  return answer;
}

LinkLimits link_limits() {
  return {.max_queued = 256, .max_message_bytes = int64_t{1} << 30, .send_timeout_s = kPatience};
}

GroupCommand stop_command(int32_t group) {
  GroupCommand command;
  command.group = group;
  command.finish = {kStop};
  return command;
}

Status run_publisher(PublisherLink& up, ControllerLink* down, int32_t group, int32_t num_groups,
                     int32_t num_subscribers) {
  AssignmentReader reader(group, {.num_groups = num_groups,
                                  .max_requests = kMaxDispatchBatch,
                                  .max_ended = 1,
                                  .max_prompt_len = kMaxDispatchPromptLen,
                                  .vocab_size = kVocabSize});
  uint64_t step = 0;
  while (true) {
    TRY(const auto map, up.receive(kPatience));
    if (!map) continue;
    TRY(GroupCommand command, reader.read(*map));
    if (!command.finish.empty()) {
      if (down != nullptr) TRY_STATUS(down->send_to_all(SharedBytes(encode(StepPlan{}))));
      return {};
    }
    if (command.add.empty()) continue;
    const StepPlan plan = plan_of(++step, std::move(command.add));
    RankAnswer answer{.number = reader.last_map(), .read_ns = now_ns()};
    if (down != nullptr) {
      TRY_STATUS(down->send_to_all(SharedBytes(encode(plan))));
      TRY(answer.read_ns, last_answer(*down, step, num_subscribers));
    }
    TRY_STATUS(up.send(encode(answer)));
  }
}

Status run_subscriber(PublisherLink& up) {
  const StepPlanLimits limits = plan_limits();
  while (true) {
    TRY(const auto bytes, up.receive(kPatience));
    if (!bytes) continue;
    TRY(const StepPlan plan, decode_step_plan(bytes->span(), limits));
    if (plan.sequences.empty()) return {};
    TRY_STATUS(up.send(encode(RankAnswer{.number = plan.step, .read_ns = now_ns()})));
  }
}

Status wait_for_all(ControllerLink& link, int32_t count, FunctionRef<Status()> poll) {
  std::set<int32_t> joined;
  const int64_t start_ns = now_ns();
  while (static_cast<int32_t>(joined.size()) < count) {
    TRY_STATUS(poll());
    if (static_cast<double>(now_ns() - start_ns) > 2e9 * kPatience) {
      return fail("{} of {} have joined after {} s", joined.size(), count, 2 * kPatience);
    }
    TRY(const auto event, link.receive(0.1));
    if (!event) continue;
    if (event->kind == LinkEvent::Kind::kGarbage) return fail("{}", event->reason);
    if (event->kind == LinkEvent::Kind::kLeft) return fail("rank {} is gone", event->group);
    joined.insert(event->group);
  }
  return {};
}

}  // namespace braid::dispatch
