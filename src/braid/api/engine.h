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
#include "braid/config/generation_config_options.h"
#include "braid/controller/dispatch_policy.h"
#include "braid/controller/engine_stats.h"
#include "braid/controller/policy.h"
#include "braid/controller/rebalance_policy.h"
#include "braid/controller/share_policy.h"
#include "braid/journal/journal.h"
#include "braid/request/generation.h"
#include "braid/request/submit_error.h"
#include "braid/weights/load_progress.h"
#include "braid/wire/cluster_status.h"
#include "braid/wire/transport/dispatch_mode.h"
#include "braid/wire/weight_report.h"
#include "braid/worker/rank_options.h"

namespace braid {

class GrammarCompiler;
class ImagePlacer;
struct GenerationDefaults;
struct ModelConfig;
struct Profile;
struct StepPlan;
struct TextModel;

// Of a front whose ranks are in the processes of a job that a launcher (mpirun, srun) has started: they come to it.
struct LaunchedFront {
  int socket = -1;  // where they do, bound already (wire/transport/bound_socket.h); the engine takes it over
  int32_t port = 0;
  std::string key;                     // as in a cluster's key file
  std::vector<int32_t> ranks_of_each;  // process of the job
};

// Ranks in processes of their own, on this host and on others. Absent numbers of ranks: they are threads of this
// process.
struct ProcessOptions {
  int32_t node = 0;                            // this one
  std::vector<int32_t> ranks_on_node;          // of each node, this one first
  int32_t ranks_per_process = 0;               // at most; 0: a world's ranks on a node are one process
  std::string program;                         // braid's, for processes on all nodes
  std::vector<std::string> arguments;          // of `braid rank`: the flags that say model and layout
  std::string version;                         // of braid
  std::string address;                         // of this node, for the others; empty: there are none
  int32_t port = 0;                            // where they reach it
  std::string cluster_key_file;                // on every node; empty, if there is one node: a key for this start
  double silence_s = 5;                        // after which a process that says nothing is gone
  std::optional<LaunchedFront> launched = {};  // absent: the front starts the processes
  int32_t standby = 0;                         // the node that takes over when node 0 is gone; 0: none
  std::string standby_address;                 // of that node, for the others; empty: there are none
  double standby_after_s = 10;                 // without a word of node 0, after which it does
  std::optional<double> elastic_after_s = {};  // seconds after which a model goes on without a node; absent: it waits
  std::shared_ptr<Journal> journal = {};       // that is copied to it
  std::function<void(const std::string& why)> on_claim = {};  // it has, so that this process must end; any thread
  int32_t front_node = 0;  // its number, if this process has taken over; ranks_on_node stay as they were
  std::string isa = {};    // then: in which the processes must compute, for the same bits; empty: not said
};

struct EngineOptions {
  ModelSourceOptions source;                       // where the checkpoint, its tokenizer and its template are
  GenerationConfigOptions generation_config = {};  // the sampling defaults
  RankOptions rank;
  ProcessOptions processes = {};
  SchedulePolicy schedule_policy = SchedulePolicy::kFcfs;
  LoadBalanceMethod load_balance_method = LoadBalanceMethod::kAuto;
  DispatchMode dispatch_mode = DispatchMode::kBroadcast;  // how the groups are sent their requests
  std::optional<RebalanceOptions> kv_rebalance = {};      // absent: running requests do not move between groups
  std::optional<ShareOptions> share_prefixes = {};        // absent: groups do not copy prefixes from each other
  int32_t prefill_alignment = 0;  // steps for which a request may be held, so that groups begin prefills together
  bool log_steps = false;         // a line for each step with prompts and for every 40 decode steps, at level info
  // Choices that may wait for their turn, beyond those that could run at once.
  int64_t max_queued_requests = std::numeric_limits<int64_t>::max();
  // How often a world of ranks that fails may start again within ten minutes; its requests go on then. 0: it is lost.
  int32_t max_restarts = 3;
  // Called once if the engine fails (because a rank is lost, its world may not start again and no other replica is
  // left, for example), on the controller's thread, after every request has ended with the error. Ranks may be stuck
  // for ever then, and the destructor with them: end the process without joining any thread.
  std::function<void(const std::string& reason)> on_failure = {};
  // For tests: as WorkerOptions::before_step.
  std::function<void(int32_t world, int32_t tp_rank, const StepPlan& plan)> before_step = {};

  bool moves_pages() const { return kv_rebalance.has_value() || share_prefixes.has_value(); }
};

class Engine {
 public:
  // Loads the weights and starts the engine's threads.
  static Result<std::unique_ptr<Engine>> load(const EngineOptions& options, std::shared_ptr<Logger> logger,
                                              const LoadProgress& progress = {});
  // Ends what runs with FinishReason::kAbort. Waits for ranks that are stuck, also of replicas that were lost
  // (EngineStats::lost_groups): then end the process instead.
  ~Engine();

  // From any thread. If the request cannot run (an empty prompt, one longer than the context, a parameter out of
  // range), nothing starts and the error names the thing and what is allowed.
  Result<SubmissionId> submit(GenerationRequest request, DeltaCallback on_delta);
  // The same, for callers to whom it matters why not.
  Result<SubmissionId, SubmitError> try_submit(GenerationRequest request, DeltaCallback on_delta);

  // The error that try_submit() returns for a request that can never run; the prompt must be token ids. From any
  // thread.
  Result<void, SubmitError> check(const GenerationRequest& request) const;

  // Ends every unfinished choice with FinishReason::kAbort. Does nothing if all have ended.
  void abort(SubmissionId id);

  // Returns when every choice of the submission has ended. Not from a callback.
  void wait(SubmissionId id);

  // Drops everything from the prefix caches that no running request holds, and returns the number of tokens. Waits for
  // the steps under way. Not from a callback.
  int64_t flush_cache();

  // From its return on no step begins, until resume(). Requests stay where they are, more may come, and all go on then
  // with the same tokens. Not from a callback.
  void pause();
  void resume();

  EngineStats stats() const;
  // The nodes and the ranks, where they are and what they have done.
  ClusterStatus cluster() const;

  // Records what every rank does until stop_profile(), which waits for other processes; at most the first
  // StepTrace::kMaxSpans spans of each.
  void start_profile();
  Profile stop_profile();

  // Compares the pages of all ranks' weights with what was loaded, beside their steps, and logs what is not the same:
  // a rank with such a page computes wrong answers. cluster() shows it from then on. Waits until all are read, some
  // gigabytes a second. An error if another call is under way.
  Result<WeightReport> check_weights();

  // Compiles grammars for GenerationRequest::grammar. From any thread. Made at the first call, which reads every token.
  GrammarCompiler& grammars();

  int32_t num_groups() const;  // DP groups: for GenerationRequest::dp_rank
  const ParallelLayout& layout() const;

  // Puts a request's images into its prompt, as submit() does; null if the model takes none.
  const ImagePlacer* images() const;

  const TextModel& text() const;
  const ModelConfig& config() const;
  // What a request's absent sampling parameters fall back to.
  const GenerationDefaults& generation_defaults() const;

 private:
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace braid
