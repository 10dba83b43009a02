// braid's public C++ API: load a model, submit requests, receive their tokens and text, abort, ask for statistics.
//
//   TRY(auto engine, Engine::load({.model_path = "…"}, make_stderr_logger("info")));
//   TRY(auto id, engine->submit({.prompt = "Hello"}, [](const Delta& delta) { std::cout << delta.text; }));
//   engine->wait(id);
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/api/profile.h"
#include "braid/api/text_model.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/controller/dispatch_policy.h"
#include "braid/controller/group_moves.h"
#include "braid/controller/policy.h"
#include "braid/controller/rebalance_policy.h"
#include "braid/controller/step_balance.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/request/generation.h"
#include "braid/scheduler/scheduler.h"
#include "braid/weights/load.h"
#include "braid/wire/transport/dispatch.h"
#include "braid/worker/rank_options.h"

namespace braid {

struct EngineOptions {
  ModelSourceOptions source;  // where the checkpoint, its tokenizer and its template are
  RankOptions rank;
  SchedulePolicy schedule_policy = SchedulePolicy::kFcfs;
  LoadBalanceMethod load_balance_method = LoadBalanceMethod::kAuto;
  DispatchMode dispatch_mode = DispatchMode::kBroadcast;  // how the groups are sent their requests
  std::optional<RebalanceOptions> kv_rebalance = {};      // running requests move between groups; absent: none does
  int32_t prefill_alignment = 0;  // steps for which a request may be held, so that groups begin prefills together
  bool log_steps = false;         // a line for each step with prompts and for every 40 decode steps, at level info
  // Choices that may wait for their turn, beyond those that could run at once.
  int64_t max_queued_requests = std::numeric_limits<int64_t>::max();
  // Called once if the engine fails (a rank is lost, say), with the reason, on the engine's thread and when every
  // request has got its error. Ranks may be stuck for ever then, and the destructor with them: end the process, joining
  // nobody.
  std::function<void(const std::string& reason)> on_failure = {};
  // Called by each rank's thread before each of its steps: for tests that hold a rank up, or have it fail by throwing.
  std::function<void(int32_t world, int32_t tp_rank)> before_step = {};
};

// Names one submitted request, all its choices together.
using SubmissionId = uint64_t;

// Why a request was not accepted.
struct SubmitError {
  enum class Reason : uint8_t {
    kBadRequest,    // it can never run
    kQueueFull,     // it may be accepted later
    kEngineFailed,  // nothing runs any more
  };
  Reason reason = Reason::kBadRequest;
  std::string message;
};

struct EngineStats {
  SchedulerStats scheduler;            // of all groups together
  std::vector<GroupLoad> groups;       // [dp_size]
  std::vector<GroupMoves> moves = {};  // [dp_size]
  StepBalance balance;
  int64_t num_queued = 0;      // wait in front of the scheduler
  int64_t num_free_slots = 0;  // choices that could be admitted at once; 0 while others wait
  int64_t context_len = 0;     // prompt and output of one request, at most
  int64_t num_kv_tokens = 0;   // that the KV pools of all groups hold
  uint64_t num_steps = 0;      // of the group with the most; so is step_seconds
  uint64_t num_output_tokens = 0;
  double step_seconds = 0;         // spent in steps, all together
  double output_tokens_per_s = 0;  // over the last seconds; 0 when idle
  std::string failure;             // not empty: the engine has failed, and takes no more requests
};

class Engine {
 public:
  // Loads the weights and starts the engine's thread. `progress`: as WeightLoader's.
  static Result<std::unique_ptr<Engine>> load(const EngineOptions& options, std::shared_ptr<Logger> logger,
                                              const LoadProgress& progress = {});
  // Ends what runs with FinishReason::kAbort.
  ~Engine();

  // From any thread. An error, and nothing started, if the request cannot run (an empty prompt, one longer than the
  // context, a parameter out of range): it names the thing and what is allowed.
  Result<SubmissionId> submit(GenerationRequest request, DeltaCallback on_delta);
  // The same, for callers that act on the reason of an error.
  Result<SubmissionId, SubmitError> try_submit(GenerationRequest request, DeltaCallback on_delta);

  // Every unfinished choice ends with FinishReason::kAbort; nothing happens if all have ended.
  void abort(SubmissionId id);

  // Returns when every choice of the submission has ended. Not from a callback.
  void wait(SubmissionId id);

  // The prefix cache lets go of everything that no running request holds: the number of tokens. Waits for the step that
  // is under way. Not from a callback.
  int64_t flush_cache();

  EngineStats stats() const;

  // Records what every rank does, from now to stop_profile(); of very many steps the first (StepTrace::kMaxSpans).
  void start_profile();
  Profile stop_profile();

  // For GenerationRequest::grammar. From any thread; made when it is first asked for (it looks at every token once).
  GrammarCompiler& grammars();

  int32_t num_groups() const;  // DP groups: for GenerationRequest::dp_rank
  const ParallelLayout& layout() const;

  const TextModel& text() const;
  const ModelConfig& config() const;
  const GenerationDefaults& generation_defaults() const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace braid
