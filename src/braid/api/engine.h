// braid's public C++ API: load a model, submit requests, receive their tokens and text, abort, ask for statistics.
//
//   TRY(auto engine, Engine::load({.source = {.model_path = "…"}}, make_stderr_logger("info")));
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

#include "braid/api/model_source.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/controller/dispatch_policy.h"
#include "braid/controller/engine_stats.h"
#include "braid/controller/policy.h"
#include "braid/controller/rebalance_policy.h"
#include "braid/request/generation.h"
#include "braid/request/submit_error.h"
#include "braid/weights/load_progress.h"
#include "braid/wire/transport/dispatch_mode.h"
#include "braid/worker/rank_options.h"

namespace braid {

class GrammarCompiler;
struct GenerationDefaults;
struct ModelConfig;
struct Profile;
struct TextModel;

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
  // For tests: as WorkerOptions::before_step.
  std::function<void(int32_t world, int32_t tp_rank)> before_step = {};
};

class Engine {
 public:
  // Loads the weights and starts the engine's threads.
  static Result<std::unique_ptr<Engine>> load(const EngineOptions& options, std::shared_ptr<Logger> logger,
                                              const LoadProgress& progress = {});
  // Ends what runs with FinishReason::kAbort.
  ~Engine();

  // From any thread. An error, and nothing started, if the request cannot run (an empty prompt, one longer than the
  // context, a parameter out of range): it names the thing and what is allowed.
  Result<SubmissionId> submit(GenerationRequest request, DeltaCallback on_delta);
  // The same, for callers to whom it matters why not.
  Result<SubmissionId, SubmitError> try_submit(GenerationRequest request, DeltaCallback on_delta);

  // The error that try_submit() returns for a request that can never run; the prompt must be token ids. From any
  // thread.
  Result<void, SubmitError> check(const GenerationRequest& request) const;

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
