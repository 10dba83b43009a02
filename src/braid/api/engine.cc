#include "braid/api/engine.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "braid/api/request_check.h"
#include "braid/controller/controller_thread.h"
#include "braid/weights/checkpoint.h"
#include "braid/worker/rank_set.h"

namespace braid {

class Engine::Impl {
 public:
  Impl(TextModel text, GenerationDefaults defaults, std::unique_ptr<RankSet> ranks, const EngineOptions& options,
       std::shared_ptr<Logger> logger)
      : text_(std::move(text)),
        defaults_(std::move(defaults)),
        ranks_(std::move(ranks)),
        controller_(*ranks_, *text_.tokenizer, options, std::move(logger)) {}

  Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta) {
    if (auto* prompt = std::get_if<std::string>(&request.prompt)) {
      request.prompt = text_.tokenizer->encode(*prompt, request.add_special_tokens);
    }
    const RequestBounds bounds{.vocab_size = ranks_->config().vocab_size,
                               .text_vocab_size = text_.tokenizer->vocab_size(),
                               .context_len = ranks_->scheduler_config().context_len,
                               .num_groups = controller_.num_groups()};
    if (const Status checked = check_request(request, bounds); !checked.ok()) {
      return SubmitError{.reason = SubmitError::Reason::kBadRequest, .message = checked.error().message};
    }
    auto& stops = request.sampling.stop_token_ids;
    if (!request.ignore_eos) {
      const auto& ends = defaults_.eos_token_ids.empty() ? ranks_->config().eos_token_ids : defaults_.eos_token_ids;
      stops.insert(stops.end(), ends.begin(), ends.end());
    }
    std::ranges::sort(stops);
    stops.erase(std::ranges::unique(stops).begin(), stops.end());
    if (request.grammar) add_end_tokens(request);
    return controller_.submit(std::move(request), std::move(on_delta));
  }

  GrammarCompiler& grammars() {
    std::call_once(grammars_made_, [this] { grammars_ = std::make_unique<GrammarCompiler>(*text_.tokenizer); });
    return *grammars_;
  }

  EngineStats stats() const { return controller_.stats(); }

  // Under a grammar, a stop token with a text of its own is a token like others until it is drawn.
  void add_end_tokens(GenerationRequest& request) const {
    for (const TokenId token : request.sampling.stop_token_ids) {
      const Tokenizer& tokenizer = *text_.tokenizer;
      const bool has_text = !tokenizer.is_special(token) && !tokenizer.token_bytes(token).empty();
      if (!has_text || is_model_end(token)) request.grammar->end_tokens.push_back(token);
    }
  }

  bool is_model_end(TokenId token) const {
    const auto& ends = defaults_.eos_token_ids.empty() ? ranks_->config().eos_token_ids : defaults_.eos_token_ids;
    return std::ranges::find(ends, token) != ends.end();
  }

  TextModel text_;
  GenerationDefaults defaults_;
  std::unique_ptr<RankSet> ranks_;
  std::once_flag grammars_made_;
  std::unique_ptr<GrammarCompiler> grammars_;
  ControllerThread controller_;  // last: its threads use the others
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::load(const EngineOptions& options, std::shared_ptr<Logger> logger,
                                             const LoadProgress& progress) {
  TRY(const Checkpoint checkpoint, open_checkpoint(options.source));
  TRY(TextModel text, load_text_model(options.source));
  TRY(auto ranks, RankSet::load(checkpoint, options.rank, logger, progress));
  return std::unique_ptr<Engine>(new Engine(
      std::make_unique<Impl>(std::move(text), checkpoint.generation(), std::move(ranks), options, std::move(logger))));
}

Result<SubmissionId> Engine::submit(GenerationRequest request, DeltaCallback on_delta) {
  const auto submitted = try_submit(std::move(request), std::move(on_delta));
  if (!submitted.ok()) return Error{submitted.error().message};
  return *submitted;
}
Result<SubmissionId, SubmitError> Engine::try_submit(GenerationRequest request, DeltaCallback on_delta) {
  return impl_->submit(std::move(request), std::move(on_delta));
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
EngineStats Engine::stats() const {
  return impl_->stats();
}
GrammarCompiler& Engine::grammars() {
  return impl_->grammars();
}
int32_t Engine::num_groups() const {
  return impl_->controller_.num_groups();
}
void Engine::start_profile() {
  impl_->ranks_->trace().start();
}
Profile Engine::stop_profile() {
  return {.ranks = impl_->ranks_->trace().stop(), .names = impl_->ranks_->rank_names()};
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
  return impl_->ranks_->config();
}

}  // namespace braid
