#include "braid/controller/controller.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "braid/base/check.h"
#include "braid/request/random.h"

namespace braid {

Controller::Controller(const Tokenizer& tokenizer, MaskWorker& masks, SchedulePolicy policy, LoadBalanceMethod method,
                       std::vector<GroupLoad> groups, std::shared_ptr<Logger> step_log,
                       std::optional<RebalanceOptions> rebalance, std::optional<ShareOptions> sharing)
    : tokenizer_(tokenizer),
      masks_(masks),
      queue_(policy),
      method_(method),
      recent_work_(groups.size()),
      work_rates_(groups.size()),
      recent_time_(groups.size()),
      busy_time_(groups.size()),
      prefixes_(static_cast<int32_t>(groups.size())),
      prefixes_on_the_way_(static_cast<int32_t>(groups.size())),
      addressed_(groups.size()),
      unviewed_(groups.size()),
      views_(groups.size()),
      work_s_(groups.size()),
      credits_(groups.size()),
      flushes_(groups.size()),
      rebalance_(rebalance),
      sharing_(sharing),
      num_moves_(groups.size()) {
  CHECK(!rebalance || (rebalance->max_under_way >= 0 && rebalance->max_under_way <= kMaxMovesUnderWay));
  const bool is_alone = groups.size() == 1;
  for (GroupLoad& load : groups) {
    if (step_log != nullptr) {
      step_logs_.emplace_back(step_log, is_alone ? std::nullopt : std::optional(num_groups()));
    }
    groups_.emplace_back(std::move(load));
  }
  group_output_tokens_.resize(groups_.size());
  pause_commands_.resize(groups_.size());
  keeps_pages_.resize(groups_.size());
  is_to_flush_.resize(groups_.size());
}

void Controller::open(const std::shared_ptr<Submission>& submission) {
  const GenerationRequest& request = submission->request;
  const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
  const TextStreamOptions stream = text_stream_options(request, tokenizer_);
  std::vector<RequestId> ids;
  std::vector<std::pair<Choice, SchedulerRequest>> made;
  made.reserve(static_cast<size_t>(request.n));
  for (int32_t index = 0; index < request.n; ++index) {
    const RequestId id = ids.emplace_back(next_request_ + static_cast<RequestId>(index));
    auto& [choice, scheduled] =
        made.emplace_back(Choice{.submission = submission,
                                 .index = index,
                                 .text = ChoiceText(tokenizer_, {.stop_strings = request.stop_strings,
                                                                 .stream = stream,
                                                                 .include_stop_in_text = request.include_stop_in_text,
                                                                 .min_new_tokens = request.sampling.min_new_tokens}),
                                 .usage = {.prompt_tokens = static_cast<int32_t>(prompt.size())},
                                 .grammar = {}},
                          scheduler_request(request, id, index));
    if (request.grammar) choice.grammar.emplace(*request.grammar, tokenizer_);
    if (const Status behind = go_on_behind(request.output_so_far, choice); !behind.ok()) {
      return refuse(submission, FinishReason::kError, behind.error().message);
    }
  }
  next_request_ += static_cast<RequestId>(request.n);
  submission->open_choices = std::move(ids);
  submissions_[submission->id] = submission;
  for (auto& [choice, scheduled] : made) {
    const RequestId id = scheduled.id;
    choices_.emplace(id, std::move(choice));
    const std::optional<int32_t> only_group = request.dp_rank_strict ? request.dp_rank : std::nullopt;
    if (only_group && ledger(*only_group).is_gone()) {
      end_choice(id, {.finish = FinishReason::kError, .error = fmt::format("group {} is lost", *only_group)});
    } else if (scheduled.sampling.max_new_tokens == 0 && scheduled.sampling.prompt_logprobs_start < 0) {
      end_choice(id, {.finish = FinishReason::kLength});
    } else {
      queue_.push(std::move(scheduled), only_group, static_cast<int32_t>(request.output_so_far.size()));
    }
  }
}

// As if the choice had delivered these tokens. An error if its output would have ended within them.
Status Controller::go_on_behind(const std::vector<TokenId>& output, Choice& choice) {
  for (const TokenId token : output) {
    bool has_ended = false;
    if (choice.grammar) {
      TRY_STATUS(choice.grammar->accept(token));
      has_ended = choice.grammar->must_end();
    }
    choice.text.push(token);
    if (has_ended || choice.text.matched_stop()) {
      return fail("the request ended within the {} tokens behind which it was to go on", output.size());
    }
  }
  choice.output = output;
  choice.usage.output_tokens = static_cast<int32_t>(output.size());
  return {};
}

SchedulerRequest Controller::scheduler_request(const GenerationRequest& request, RequestId id, int32_t index) {
  SchedulerRequest made{.id = id,
                        .prompt = std::get<std::vector<TokenId>>(request.prompt),
                        .sampling = request.sampling,
                        .priority = request.priority,
                        .arrival = id,
                        .is_masked = request.grammar.has_value(),
                        .images = request.images};
  made.sampling.seed = choice_seed(request.sampling.seed, index);
  if (request.until_context_end) made.sampling.max_new_tokens = std::numeric_limits<int32_t>::max();
  if (index > 0) made.sampling.prompt_logprobs_start = -1;
  return made;
}

void Controller::refuse(const std::shared_ptr<Submission>& submission, FinishReason reason, const std::string& error) {
  const auto* prompt = std::get_if<std::vector<TokenId>>(&submission->request.prompt);
  for (int32_t index = 0; index < submission->request.n; ++index) {
    Delta delta{.index = index, .finish = reason, .error = error};
    delta.usage.prompt_tokens = prompt == nullptr ? 0 : static_cast<int32_t>(prompt->size());
    deliver(*submission, delta);
  }
  submission->on_delta = nullptr;
  ending_.push_back(submission);
}

// The edge to a caller's code: what that throws ends its own request alone.
void Controller::deliver(Submission& submission, const Delta& delta) {
  if (!submission.on_delta) return;
  const auto has_thrown = [&](std::string what) {
    submission.on_delta = nullptr;
    broken_callbacks_.push_back({.id = submission.id, .what = std::move(what)});
  };
  try {
    submission.on_delta(delta);
  } catch (const std::exception& exception) {
    has_thrown(exception.what());
  } catch (...) {
    has_thrown("what it threw is no std::exception");
  }
}

void Controller::abort(SubmissionId id) {
  const auto found = submissions_.find(id);
  if (found == submissions_.end()) return;
  const auto open_choices = found->second->open_choices;  // a copy: end_choice changes it
  for (const RequestId choice : open_choices) {
    if (!withdraw(choice)) {
      const int32_t group = choices_.at(choice).group.value();
      found->second->drops[group] = ledger(group).abort(choice);
    }
    end_choice(choice, {.text = choices_.at(choice).text.finish(std::nullopt), .finish = FinishReason::kAbort});
  }
}

void Controller::flush(std::function<void(int64_t)> done) {
  const auto flush = std::make_shared<Flush>(Flush{.done = std::move(done), .num_groups_left = num_groups()});
  for (int32_t group = 0; group < num_groups(); ++group) {
    if (ledger(group).is_down()) {
      is_to_flush_[static_cast<size_t>(group)] = true;
      --flush->num_groups_left;
      continue;
    }
    ledger(group).flush_cache();
    flushes_[static_cast<size_t>(group)].push_back(flush);
  }
  if (flush->num_groups_left == 0) flush->done(0);
}

void Controller::pause(bool is_paused) {
  is_paused_ = is_paused;
  for (int32_t group = 0; group < num_groups(); ++group) {
    if (!ledger(group).is_down()) pause_commands_[static_cast<size_t>(group)] = ledger(group).pause(is_paused);
  }
}

bool Controller::has_seen_pause() const {
  for (size_t group = 0; group < groups_.size(); ++group) {
    if (!groups_[group].has_seen(pause_commands_[group])) return false;
  }
  return true;
}

void Controller::take_outputs(int32_t group, GroupOutputs outputs, double now_s) {
  if (ledger(group).is_down()) return;
  if (!prefixes_.take(group, outputs.sequence, outputs.prefixes)) ledger(group).ask_for_prefixes();
  const GroupLoad before = ledger(group).load();
  ledger(group).take(outputs.load);
  prefixes_on_the_way_.arrive(group, ledger(group).num_seen());
  note_step(group, before, outputs.step);
  for (const int64_t num_tokens : outputs.flushed_tokens) {
    auto& waiting = flushes_.at(static_cast<size_t>(group));
    CHECK(!waiting.empty(), "group {} flushed its cache unasked", group);
    const std::shared_ptr<Flush> flush = std::move(waiting.front());
    waiting.pop_front();
    if (flush == nullptr) continue;  // its caller no longer waits
    flush->num_tokens += num_tokens;
    if (--flush->num_groups_left == 0) flush->done(flush->num_tokens);
  }
  const uint64_t num_tokens_before = num_output_tokens_;
  fetch_choices(outputs.outcomes);
  for (RequestOutcome& outcome : outputs.outcomes) take_outcome(std::move(outcome));
  uint64_t& own_tokens = group_output_tokens_[static_cast<size_t>(group)];
  own_tokens += num_output_tokens_ - num_tokens_before;
  for (MovingSequence& moving : outputs.departed) take_departure(std::move(moving), now_s);
  for (const RequestId request : outputs.stayed) forget_move(request);
  std::erase_if(passed_on_, [&](const PassedOn& own) {
    const bool may_come = own.prefix && outputs.load.num_arriving_pages > 0;
    return own.to_group == group && ledger(group).has_seen(own.command) && !may_come;
  });
  if (outputs.step && !step_logs_.empty()) {
    step_logs_[static_cast<size_t>(group)].after_step(*outputs.step, outputs.load.scheduler, queue_.size(), own_tokens,
                                                      now_s);
  }
}

namespace {

// The steps of each group over which groups on slow nodes are kept as busy as the others.
constexpr double kBusySteps = 512;

}  // namespace

void Controller::note_step(int32_t group, const GroupLoad& before, const std::optional<StepShape>& step) {
  const GroupLoad& after = ledger(group).load();
  if (after.num_step_tokens > before.num_step_tokens) {
    recent_work_.add_tokens(group, static_cast<double>(after.num_step_tokens - before.num_step_tokens));
  }
  if (!step) return;
  recent_time_.add_tokens(group, work_rates_.slowness(group) * work_rates_.prompt_tokens_of(*step));
  // If outputs were lost, the time is that of several steps.
  if (after.num_steps == before.num_steps + 1) {
    const double own_s = after.own_seconds - before.own_seconds;
    work_rates_.take_step(group, *step, own_s);
    if (step->num_prompt_tokens > 0) prefill_rate_.take(own_s, after.step_seconds - before.step_seconds);
    busy_time_.add(group, own_s, 1 - 1 / (kBusySteps * static_cast<double>(num_groups())));
  }
}

// Advances the choice in its grammar. The output ends at an end token, where the grammar is complete and nothing can
// follow (it is then whole even if max_new_tokens is reached too), or with an error.
void Controller::advance_grammar(Choice& choice, RequestOutcome& outcome) {
  if (!choice.grammar || !outcome.token || outcome.finish == FinishReason::kStop) return;
  const TokenId token = outcome.token->token;
  if (choice.grammar->is_end(token)) {
    outcome.finish = FinishReason::kStop;
  } else if (auto accepted = choice.grammar->accept(token); !accepted.ok()) {
    outcome.finish = FinishReason::kError;
    outcome.error = accepted.error().message;
  }
}

// With many requests, looking one up waits for memory several times. Together these waits overlap.
void Controller::fetch_choices(std::span<const RequestOutcome> outcomes) const {
  for (const RequestOutcome& outcome : outcomes) {
    const auto found = choices_.find(outcome.request);
    if (found != choices_.end()) __builtin_prefetch(found->second.submission.get());
  }
}

void Controller::take_outcome(RequestOutcome outcome) {
  const auto found = choices_.find(outcome.request);
  if (found == choices_.end()) return;  // it ended while the step was under way
  Choice& choice = found->second;
  const bool has_ended = outcome.finish != FinishReason::kNone;  // for the group
  advance_grammar(choice, outcome);
  Delta delta{.index = choice.index,
              .finish = outcome.finish,
              .error = outcome.error,
              .is_bad_request = outcome.is_bad_request};
  delta.prompt_logprobs = outcome.prompt_logprobs;
  choice.num_scored += static_cast<int32_t>(outcome.prompt_logprobs.size());
  choice.usage.cached_tokens = outcome.cached_tokens;
  if (outcome.token) {
    ++num_output_tokens_;
    ++choice.usage.output_tokens;
    choice.output.push_back(outcome.token->token);
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
    // The group's next step waits for this mask after its forward pass, so ask for it before anything else.
    if (choice.grammar && outcome.token) masks_.ask(outcome.request, choice.usage.output_tokens, *choice.grammar);
    delta.usage = choice.usage;
    delta.queue_s = choice.queue_s;
    deliver(*choice.submission, delta);
    return;
  }
  if (!has_ended) choice.submission->drops[choice.group.value()] = ledger(*choice.group).finish(outcome.request);
  end_choice(outcome.request, std::move(delta));
}

// Removes the choice and delivers its final delta.
void Controller::end_choice(RequestId id, Delta delta) {
  const auto node = choices_.extract(id);
  CHECK(!node.empty(), "choice {} has ended before", id);
  const Choice& choice = node.mapped();
  if (choice.grammar) masks_.forget(id);
  if (delta.finish == FinishReason::kStop || delta.finish == FinishReason::kLength) {
    work_rates_.take_output_len(choice.usage.output_tokens);
  }
  const std::shared_ptr<Submission> submission = choice.submission;
  delta.index = choice.index;
  delta.usage = choice.usage;
  delta.queue_s = choice.queue_s;
  std::erase(submission->open_choices, id);
  deliver(*submission, delta);
  if (!submission->open_choices.empty()) return;
  submissions_.erase(submission->id);
  submission->on_delta = nullptr;  // releases what it captured; the group may still take a while
  ending_.push_back(submission);
}

void Controller::end_all(FinishReason reason, const std::string& error) {
  while (!choices_.empty()) {
    const RequestId id = choices_.begin()->first;
    const std::optional<int32_t> group = choices_.begin()->second.group;
    end_choice(id, {.finish = reason, .error = error});  // first: each round ends one, even if the rest throws
    if (!withdraw(id) && group) ledger(*group).abort(id);
  }
  for (const auto& submission : ending_) submission->drops.clear();
  for (auto& [id, under_way] : moves_) under_way.submission = nullptr;
  for (auto& waiting : flushes_) {
    for (auto& slot : waiting) {  // the group's own answer may still come
      const std::shared_ptr<Flush> flush = std::exchange(slot, nullptr);
      if (flush != nullptr && --flush->num_groups_left == 0) flush->done(flush->num_tokens);
    }
  }
}

std::vector<SubmissionId> Controller::take_ended() {
  std::vector<SubmissionId> ended;
  std::erase_if(ending_, [&](const auto& submission) {
    if (!holds_nothing(*submission)) return false;
    ended.push_back(submission->id);
    return true;
  });
  return ended;
}

// A sequence that leaves holds its pages until they have left, also if its choice ends meanwhile.
bool Controller::holds_nothing(const Submission& submission) const {
  const bool is_leaving =
      std::ranges::any_of(moves_, [&](const auto& entry) { return entry.second.submission.get() == &submission; });
  return !is_leaving && std::ranges::all_of(submission.drops, [&](const auto& drop) {
    return groups_.at(static_cast<size_t>(drop.first)).has_seen(drop.second);
  });
}

int64_t Controller::num_free_slots() const {
  if (!queue_.empty()) return 0;
  int64_t slots = 0;
  for (const GroupLedger& group : groups_) slots += group.credits().num_requests;
  return slots;
}

GroupLoad Controller::load(int32_t group) const {
  const GroupLedger& own = groups_.at(static_cast<size_t>(group));
  GroupLoad load = own.load();
  load.scheduler.num_waiting += static_cast<int32_t>(own.num_on_the_way());
  return load;
}

}  // namespace braid
