#include "braid/control/engine_loop.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "braid/base/clock.h"
#include "braid/engine/sampler/random.h"

namespace braid {

EngineLoop::EngineLoop(Rank& rank, const Tokenizer& tokenizer, const EngineOptions& options,
                       std::shared_ptr<Logger> logger)
    : rank_(rank),
      tokenizer_(tokenizer),
      max_queued_(options.max_queued_requests),
      logger_(std::move(logger)),
      queue_(options.schedule_policy),
      scheduler_(rank.scheduler_config()) {
  if (options.log_steps) step_log_.emplace(logger_);
  publish();
  thread_ = std::thread([this] { thread_main(); });
}

EngineLoop::~EngineLoop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_arrived_.notify_one();
  thread_.join();
}

std::variant<SubmissionId, Refusal> EngineLoop::submit(GenerationRequest request, DeltaCallback on_delta) {
  auto submission = std::make_shared<Submission>();
  submission->request = std::move(request);
  submission->on_delta = std::move(on_delta);
  submission->submitted_s = monotonic_seconds();
  const std::unique_lock lock(mutex_);
  if (!fatal_error_.empty()) return Refusal{.reason = Refusal::Reason::kEngineFailed, .message = fatal_error_};
  const int64_t num_waiting = stats_.num_queued + num_new_choices_ - stats_.num_free_slots;
  const int32_t num_choices = submission->request.n;
  if (num_waiting + num_choices > max_queued_) {
    return Refusal{
        .reason = Refusal::Reason::kQueueFull,
        .message = fmt::format("{} requests wait already, {} may", std::max<int64_t>(0, num_waiting), max_queued_)};
  }
  num_new_choices_ += num_choices;
  submission->id = next_submission_++;
  const SubmissionId id = submission->id;
  open_submissions_.insert(id);
  inbox_.emplace_back(std::move(submission));
  work_arrived_.notify_one();
  return id;
}

void EngineLoop::abort(SubmissionId id) {
  const std::lock_guard lock(mutex_);
  if (!open_submissions_.contains(id)) return;
  inbox_.emplace_back(AbortCommand{id});
  work_arrived_.notify_one();
}

void EngineLoop::wait(SubmissionId id) {
  std::unique_lock lock(mutex_);
  submission_ended_.wait(lock, [&] { return !open_submissions_.contains(id); });
}

int64_t EngineLoop::flush_cache() {
  FlushCommand command;
  std::future<int64_t> num_tokens = command.num_tokens.get_future();
  {
    const std::lock_guard lock(mutex_);
    inbox_.emplace_back(std::move(command));
    work_arrived_.notify_one();
  }
  return num_tokens.get();
}

EngineStats EngineLoop::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  const bool is_idle = stats.num_queued == 0 && stats.scheduler.num_running == 0 && stats.scheduler.num_waiting == 0;
  stats.output_tokens_per_s = is_idle ? 0 : output_rate_.rate(monotonic_seconds());
  return stats;
}

void EngineLoop::thread_main() {
  std::string error;
  try {
    run_until_stopped();
  } catch (const std::exception& exception) {  // the edge of a thread: nothing a request asks for may end the process
    error = fmt::format("the engine has failed: {}", exception.what());
    logger_->critical("{}", error);
    const std::lock_guard lock(mutex_);
    fatal_error_ = error;
  }
  const FinishReason reason = error.empty() ? FinishReason::kAbort : FinishReason::kError;
  while (true) {  // whatever still comes ends at once
    std::vector<Command> commands;
    {
      std::unique_lock lock(mutex_);
      work_arrived_.wait(lock, [&] { return is_stopping_ || !inbox_.empty(); });
      if (inbox_.empty() && choices_.empty() && is_stopping_) return;
      commands = take_inbox();
    }
    for (Command& command : commands) carry_out(std::move(command));
    end_all(reason, error);
    publish();
  }
}

void EngineLoop::run_until_stopped() {
  while (true) {
    std::vector<Command> commands;
    {
      std::unique_lock lock(mutex_);
      const bool is_idle = scheduler_.is_idle() && queue_.empty();
      if (is_idle) work_arrived_.wait(lock, [&] { return is_stopping_ || !inbox_.empty(); });
      if (is_stopping_) return;
      commands = take_inbox();
    }
    for (Command& command : commands) carry_out(std::move(command));

    const auto probe = [&](std::span<const TokenId> prompt) { return scheduler_.probe(prompt); };
    for (SchedulerRequest& request : queue_.pop_admissible(scheduler_.credits(), probe)) {
      const RequestId id = request.id;
      Choice& choice = choices_.at(id);
      choice.queue_s = monotonic_seconds() - choice.submission->submitted_s;
      if (auto added = scheduler_.add(std::move(request)); !added.ok()) {
        end_choice(id, {.finish = FinishReason::kError, .error = added.error().message});
      }
    }
    if (auto plan = scheduler_.plan()) step(*plan);
    if (scheduler_.is_idle()) scheduler_.check_idle_invariants();
    publish();
  }
}

// With the mutex held.
std::vector<EngineLoop::Command> EngineLoop::take_inbox() {
  num_taken_choices_ = num_new_choices_;
  return std::exchange(inbox_, {});
}

void EngineLoop::carry_out(Command command) {
  if (auto* submission = std::get_if<std::shared_ptr<Submission>>(&command)) {
    open(*submission);
  } else if (auto* flush = std::get_if<FlushCommand>(&command)) {
    flush->num_tokens.set_value(scheduler_.flush_cache());
  } else {
    abort_choices(std::get<AbortCommand>(command).id);
  }
}

void EngineLoop::abort_choices(SubmissionId id) {
  const auto found = submissions_.find(id);
  if (found == submissions_.end()) return;
  const auto open_choices = found->second->open_choices;  // a copy: end_choice changes it
  for (const RequestId choice : open_choices) {
    if (!queue_.abort(choice)) scheduler_.abort(choice);
    end_choice(choice, {.text = choices_.at(choice).text.finish(std::nullopt), .finish = FinishReason::kAbort});
  }
}

void EngineLoop::open(const std::shared_ptr<Submission>& submission) {
  const GenerationRequest& request = submission->request;
  const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
  const TextStreamOptions stream = text_stream_options(request, tokenizer_);
  submissions_[submission->id] = submission;
  const auto first = next_request_;
  next_request_ += static_cast<RequestId>(request.n);
  for (int32_t index = 0; index < request.n; ++index) {
    submission->open_choices.push_back(first + static_cast<RequestId>(index));
  }
  for (int32_t index = 0; index < request.n; ++index) {
    const RequestId id = first + static_cast<RequestId>(index);
    choices_.emplace(id, Choice{.submission = submission,
                                .index = index,
                                .text = ChoiceText(tokenizer_, {.stop_strings = request.stop_strings,
                                                                .stream = stream,
                                                                .include_stop_in_text = request.include_stop_in_text,
                                                                .min_new_tokens = request.sampling.min_new_tokens}),
                                .usage = {.prompt_tokens = static_cast<int32_t>(prompt.size())},
                                .grammar = {}});
    if (request.grammar) choices_.at(id).grammar.emplace(*request.grammar, tokenizer_);
    SchedulerRequest choice{.id = id,
                            .prompt = prompt,
                            .sampling = request.sampling,
                            .priority = request.priority,
                            .arrival = id,
                            .is_masked = request.grammar.has_value()};
    choice.sampling.seed = choice_seed(request.sampling.seed, index);
    if (request.until_context_end) choice.sampling.max_new_tokens = std::numeric_limits<int32_t>::max();
    if (index > 0) choice.sampling.prompt_logprobs_start = -1;
    if (choice.sampling.max_new_tokens == 0 && choice.sampling.prompt_logprobs_start < 0) {
      end_choice(id, {.finish = FinishReason::kLength});
    } else {
      queue_.push(std::move(choice));
    }
  }
}

void EngineLoop::step(const StepPlan& plan) {
  const double start = monotonic_seconds();
  const StepResult result = execute(plan);
  const double end = monotonic_seconds();
  step_seconds_ += end - start;
  ++num_steps_;
  const uint64_t num_tokens_before = num_output_tokens_;
  for (RequestOutcome& outcome : scheduler_.commit(result)) take_outcome(std::move(outcome));
  {
    const std::lock_guard lock(mutex_);
    output_rate_.add(end, static_cast<int64_t>(num_output_tokens_ - num_tokens_before));
  }
  if (step_log_) step_log_->after_step(plan, scheduler_.stats(), queue_.size(), num_output_tokens_, end);
}

// The masks of the step's choices are found beside its forward pass.
StepResult EngineLoop::execute(const StepPlan& plan) {
  std::vector<MaskWorker::Job> masks;
  for (const SequencePlan& sequence : plan.sequences) {
    if (!sequence.samples || !sequence.sampling.is_masked) continue;
    masks.push_back({sequence.request, &*choices_.at(sequence.request).grammar});
  }
  const MaskWorker::Step step(mask_worker_, std::move(masks));
  return rank_.runner().execute(plan, &mask_worker_);
}

// Moves the choice on in its grammar. The output ends at an end token, where the grammar is complete with nothing to
// follow (then it is whole, though max_new_tokens may be reached too), or in an error.
void EngineLoop::obey_grammar(Choice& choice, RequestOutcome& outcome) {
  if (!choice.grammar || !outcome.token || outcome.finish == FinishReason::kStop) return;
  const TokenId token = outcome.token->token;
  if (choice.grammar->is_end(token)) {
    outcome.finish = FinishReason::kStop;
  } else if (auto accepted = choice.grammar->accept(token); !accepted.ok()) {
    outcome.finish = FinishReason::kError;
    outcome.error = accepted.error().message;
  }
}

void EngineLoop::take_outcome(RequestOutcome outcome) {
  Choice& choice = choices_.at(outcome.request);
  const bool has_ended = outcome.finish != FinishReason::kNone;  // for the scheduler
  obey_grammar(choice, outcome);
  Delta delta{.index = choice.index, .finish = outcome.finish, .error = outcome.error};
  delta.prompt_logprobs = outcome.prompt_logprobs;
  choice.usage.cached_tokens = outcome.cached_tokens;
  if (outcome.token) {
    ++num_output_tokens_;
    ++choice.usage.output_tokens;
    delta.tokens.push_back(*outcome.token);
    if (outcome.finish == FinishReason::kStop) {
      delta.text = choice.text.finish(outcome.token->token);
      delta.matched_stop = outcome.token->token;
    } else {
      delta.text = choice.text.push(outcome.token->token);
      if (choice.grammar && choice.grammar->must_end()) delta.finish = FinishReason::kStop;
    }
  }
  if (const auto& matched = choice.text.matched_stop(); matched && outcome.finish != FinishReason::kStop) {
    delta.finish = FinishReason::kStop;
    delta.matched_stop = *matched;
  } else if (delta.finish != FinishReason::kNone && outcome.finish != FinishReason::kStop) {
    delta.text += choice.text.finish(std::nullopt);
  }
  if (delta.finish == FinishReason::kNone) {
    delta.usage = choice.usage;
    delta.queue_s = choice.queue_s;
    choice.submission->on_delta(delta);
    return;
  }
  if (!has_ended) scheduler_.finish(outcome.request);
  end_choice(outcome.request, std::move(delta));
}

// Forgets the choice, and tells its caller.
void EngineLoop::end_choice(RequestId id, Delta delta) {
  const auto node = choices_.extract(id);
  CHECK(!node.empty(), "choice {} has ended before", id);
  const Choice& choice = node.mapped();
  const std::shared_ptr<Submission> submission = choice.submission;
  delta.index = choice.index;
  delta.usage = choice.usage;
  delta.queue_s = choice.queue_s;
  std::erase(submission->open_choices, id);
  submission->on_delta(delta);
  if (!submission->open_choices.empty()) return;
  submissions_.erase(submission->id);
  ended_.push_back(submission->id);
}

void EngineLoop::end_all(FinishReason reason, const std::string& error) {
  while (!choices_.empty()) {
    const RequestId id = choices_.begin()->first;
    if (!queue_.abort(id)) scheduler_.abort(id);
    end_choice(id, {.finish = reason, .error = error});
  }
}

// Statistics first, so that who has waited for a submission sees it counted.
void EngineLoop::publish() {
  const std::lock_guard lock(mutex_);
  const SchedulerConfig& config = rank_.scheduler_config();
  stats_ = {.scheduler = scheduler_.stats(),
            .num_queued = queue_.size(),
            .num_free_slots = queue_.empty() ? scheduler_.credits().num_requests : 0,
            .context_len = config.context_len,
            .num_kv_tokens = int64_t{config.num_pages} * config.page_size,
            .num_steps = num_steps_,
            .num_output_tokens = num_output_tokens_,
            .step_seconds = step_seconds_,
            .failure = fatal_error_};
  num_new_choices_ -= std::exchange(num_taken_choices_, 0);
  if (ended_.empty()) return;
  for (const SubmissionId id : ended_) open_submissions_.erase(id);
  ended_.clear();
  submission_ended_.notify_all();
}

}  // namespace braid
