#include "braid/api/engine.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "braid/api/image_placer.h"
#include "braid/api/local_ranks.h"
#include "braid/api/remote_ranks.h"
#include "braid/api/request_check.h"
#include "braid/api/text_model.h"
#include "braid/api/weight_log.h"
#include "braid/config/generation_config.h"
#include "braid/controller/controller_thread.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/weights/checkpoint.h"
#include "braid/wire/profile.h"

namespace braid {
namespace {

// Ranks that wait for each other notice it first, and say more.
double world_timeout_s(const RankOptions& options) {
  return options.layout.tp_size == 1 ? options.collective_timeout_s : 2 * options.collective_timeout_s;
}

ControllerOptions controller_options(const EngineOptions& options, const EngineRanks& ranks) {
  std::optional<RebalanceOptions> rebalance = options.kv_rebalance;
  if (rebalance) rebalance->max_tokens = std::min(rebalance->max_tokens, ranks.max_moving_tokens());
  std::optional<ShareOptions> sharing = options.share_prefixes;
  if (sharing) sharing->max_tokens = std::min(sharing->max_tokens, ranks.max_moving_tokens());
  return {.schedule_policy = options.schedule_policy,
          .load_balance_method = resolve_load_balance_method(options.load_balance_method),
          .dispatch_mode = options.dispatch_mode,
          .kv_rebalance = rebalance,
          .share_prefixes = sharing,
          .log_steps = options.log_steps,
          .max_queued_requests = options.max_queued_requests,
          .world_timeout_s = world_timeout_s(options.rank),
          .max_restarts = options.max_restarts,
          .on_failure = options.on_failure};
}

Result<std::unique_ptr<EngineRanks>> load_ranks(const Checkpoint& checkpoint, const EngineOptions& options,
                                                const std::shared_ptr<Logger>& logger, const LoadProgress& progress) {
  if (!options.processes.ranks_on_node.empty()) {
    TRY(auto ranks, RemoteRanks::start(options, checkpoint, logger));
    return std::unique_ptr<EngineRanks>(std::move(ranks));
  }
  RankOptions rank_options = options.rank;
  rank_options.moves_requests = options.moves_pages();
  TRY(auto ranks, RankSet::load(checkpoint, rank_options, logger, progress));
  return std::unique_ptr<EngineRanks>(std::make_unique<LocalRanks>(std::move(ranks), options));
}

// Null: the model takes no images.
std::unique_ptr<ImagePlacer> make_image_placer(const ModelConfig& config, const Tokenizer& tokenizer) {
  if (!config.vision || !config.image_processor) return nullptr;
  return std::make_unique<ImagePlacer>(config, tokenizer);
}

}  // namespace

class Engine::Impl {
 public:
  Impl(TextModel text, std::unique_ptr<ImagePlacer> images, GenerationDefaults defaults, ModelConfig config,
       std::unique_ptr<EngineRanks> ranks, const EngineOptions& options, std::shared_ptr<Logger> logger)
      : text_(std::move(text)),
        images_(std::move(images)),
        defaults_(std::move(defaults)),
        config_(std::move(config)),
        ranks_(std::move(ranks)),
        groups_(ranks_->groups()),
        logger_(std::move(logger)),
        controller_(controller_options(options, *ranks_), groups_, *text_.tokenizer, logger_, ranks_->take_link()) {
    ranks_->start(controller_);
    controller_.start(ranks_->control());
  }
  // The controller first, since it calls the ranks. From then on it drops what they report.
  ~Impl() {
    controller_.stop();
    ranks_->stop();
  }

  Result<void, SubmitError> check(const GenerationRequest& request) const {
    return check_request(request, {.vocab_size = config().vocab_size,
                                   .text_vocab_size = text_.tokenizer->vocab_size(),
                                   .context_len = groups_.context_len,
                                   .num_groups = num_groups()});
  }

  Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta) {
    if (auto* prompt = std::get_if<std::string>(&request.prompt)) {
      const bool has_images = images_ != nullptr && !request.images.empty();
      const std::string text = has_images ? images_->spell(std::move(*prompt)) : std::move(*prompt);
      request.prompt = text_.tokenizer->encode(text, request.add_special_tokens);
    }
    TRY_STATUS(place_images(request));
    TRY_STATUS(check(request));
    auto& stops = request.sampling.stop_token_ids;
    if (!request.ignore_eos) {
      const auto& ends = defaults_.eos_token_ids.empty() ? config().eos_token_ids : defaults_.eos_token_ids;
      stops.insert(stops.end(), ends.begin(), ends.end());
    }
    std::ranges::sort(stops);
    stops.erase(std::ranges::unique(stops).begin(), stops.end());
    if (request.grammar) add_end_tokens(request);
    return controller_.submit(std::move(request), std::move(on_delta));
  }

  Result<void, SubmitError> place_images(GenerationRequest& request) const {
    if (request.images.empty() && request.videos.empty()) return {};
    if (images_ == nullptr) {
      return SubmitError{.message = fmt::format("the request has {}, and the model takes none",
                                                request.videos.empty() ? "images" : "videos")};
    }
    const Status placed = images_->place(request);
    if (!placed.ok()) return SubmitError{.message = placed.error().message};
    return {};
  }

  GrammarCompiler& grammars() {
    std::call_once(grammars_made_, [this] {
      grammars_ = std::make_unique<GrammarCompiler>(
          *text_.tokenizer, [logger = logger_](const std::string& message) { logger->warn("{}", message); });
    });
    return *grammars_;
  }

  // Under a grammar, a stop token that has text is an ordinary token of the mask, and ends the output when drawn.
  void add_end_tokens(GenerationRequest& request) const {
    for (const TokenId token : request.sampling.stop_token_ids) {
      const Tokenizer& tokenizer = *text_.tokenizer;
      const bool has_text = !tokenizer.is_special(token) && !tokenizer.token_bytes(token).empty();
      if (!has_text || is_model_end(token)) request.grammar->end_tokens.push_back(token);
    }
  }

  bool is_model_end(TokenId token) const {
    const auto& ends = defaults_.eos_token_ids.empty() ? config().eos_token_ids : defaults_.eos_token_ids;
    return std::ranges::find(ends, token) != ends.end();
  }

  Result<WeightReport> check_weights() {
    if (checks_weights_.exchange(true)) return fail("the weights are being checked already");
    struct Ending {
      std::atomic<bool>& is_under_way;
      ~Ending() { is_under_way = false; }
    };
    const Ending ending{checks_weights_};
    WeightReport report = ranks_->check_weights();
    log_weights(report, *logger_);
    return report;
  }

  const ModelConfig& config() const { return config_; }
  int32_t num_groups() const { return ranks_->layout().num_groups(); }

  TextModel text_;
  std::unique_ptr<ImagePlacer> images_;  // null if the model takes none
  GenerationDefaults defaults_;
  const ModelConfig config_;
  const std::unique_ptr<EngineRanks> ranks_;
  const ControlledGroups groups_;  // at the start
  const std::shared_ptr<Logger> logger_;
  std::atomic<bool> checks_weights_{false};
  std::once_flag grammars_made_;
  std::unique_ptr<GrammarCompiler> grammars_;
  ControllerThread controller_;
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::load(const EngineOptions& options, std::shared_ptr<Logger> logger,
                                             const LoadProgress& progress) {
  TRY(const Checkpoint checkpoint, open_checkpoint(options.source));
  TRY(GenerationDefaults defaults, choose_generation_config(checkpoint.generation(), options.generation_config));
  TRY_STATUS(check_end_tokens(defaults, checkpoint.config().vocab_size));
  TRY(TextModel text, load_text_model(options.source));
  auto images = make_image_placer(checkpoint.config(), *text.tokenizer);
  TRY(auto ranks, load_ranks(checkpoint, options, logger, progress));
  return std::unique_ptr<Engine>(
      new Engine(std::make_unique<Impl>(std::move(text), std::move(images), std::move(defaults), checkpoint.config(),
                                        std::move(ranks), options, std::move(logger))));
}

Result<SubmissionId> Engine::submit(GenerationRequest request, DeltaCallback on_delta) {
  auto submitted = impl_->submit(std::move(request), std::move(on_delta));
  if (!submitted.ok()) return Error{submitted.error().message};
  return *submitted;
}
Result<SubmissionId, SubmitError> Engine::try_submit(GenerationRequest request, DeltaCallback on_delta) {
  return impl_->submit(std::move(request), std::move(on_delta));
}
Result<void, SubmitError> Engine::check(const GenerationRequest& request) const {
  return impl_->check(request);
}
void Engine::abort(SubmissionId id) {
  impl_->controller_.abort(id);
}
void Engine::wait(SubmissionId id) {
  impl_->controller_.wait(id);
}
int64_t Engine::flush_cache() {
  return impl_->controller_.flush_cache();
}
void Engine::pause() {
  impl_->controller_.pause(true);
}
void Engine::resume() {
  impl_->controller_.pause(false);
}
EngineStats Engine::stats() const {
  EngineStats stats = impl_->controller_.stats();
  stats.exchange_costs = impl_->ranks_->exchange_costs();
  stats.images = impl_->ranks_->image_counts();
  return stats;
}
ClusterStatus Engine::cluster() const {
  return impl_->controller_.cluster();
}
GrammarCompiler& Engine::grammars() {
  return impl_->grammars();
}
int32_t Engine::num_groups() const {
  return impl_->num_groups();
}
void Engine::start_profile() {
  impl_->ranks_->start_profile();
}
Profile Engine::stop_profile() {
  return impl_->ranks_->stop_profile();
}
Result<WeightReport> Engine::check_weights() {
  return impl_->check_weights();
}
const ImagePlacer* Engine::images() const {
  return impl_->images_.get();
}
const ParallelLayout& Engine::layout() const {
  return impl_->ranks_->layout();
}
const TextModel& Engine::text() const {
  return impl_->text_;
}
const GenerationDefaults& Engine::generation_defaults() const {
  return impl_->defaults_;
}
const ModelConfig& Engine::config() const {
  return impl_->config();
}

}  // namespace braid
