#include "braid/controller/group_ledger.h"

#include <algorithm>

namespace braid {

void GroupLedger::add(SchedulerRequest request, int64_t num_pages, const TokenLoad& load) {
  const auto prompt_len = static_cast<int64_t>(request.prompt.size());
  if (open_tokens_ > 0 && open_tokens_ + prompt_len > kMaxCommandTokens) {
    outbox_.emplace_back();
    open_tokens_ = 0;
  }
  open_tokens_ += prompt_len;
  open_command().add.push_back(std::move(request));
  on_the_way_.push_back({.command = ++num_sent_, .num_pages = num_pages, .tokens = load});
}

void GroupLedger::expect(int64_t num_pages, int64_t num_tokens) {
  ++num_expected_;
  expected_.num_pages += num_pages;
  expected_.tokens.num_context_tokens += num_tokens;
}

void GroupLedger::expect_no_more(int64_t num_pages, int64_t num_tokens) {
  --num_expected_;
  expected_.num_pages -= num_pages;
  expected_.tokens.num_context_tokens -= num_tokens;
}

uint64_t GroupLedger::arrive(MovingSequence moving, int64_t num_pages, const TokenLoad& load) {
  open_command().arrive.push_back(std::move(moving));
  on_the_way_.push_back({.command = ++num_sent_, .num_pages = num_pages, .tokens = load});
  return num_sent_;
}

void GroupLedger::depart(const DepartOrder& order, int64_t num_tokens) {
  ++num_leaving_;
  leaving_tokens_ += num_tokens;
  open_command().depart.push_back(order);
  ++num_sent_;
}

void GroupLedger::give_prefix(DepartOrder order) {
  open_command().depart.push_back(std::move(order));
  ++num_sent_;
}

void GroupLedger::leaves_no_more(int64_t num_tokens) {
  --num_leaving_;
  leaving_tokens_ -= num_tokens;
}

uint64_t GroupLedger::abort(RequestId request) {
  open_command().abort.push_back(request);
  return ++num_sent_;
}

uint64_t GroupLedger::finish(RequestId request) {
  open_command().finish.push_back(request);
  return ++num_sent_;
}

uint64_t GroupLedger::flush_cache() {
  if (open_command().flush_cache) {
    outbox_.emplace_back();
    open_tokens_ = 0;
  }
  open_command().flush_cache = true;
  return ++num_sent_;
}

uint64_t GroupLedger::pause(bool is_paused) {
  if (open_command().is_paused) {
    outbox_.emplace_back();
    open_tokens_ = 0;
  }
  open_command().is_paused = is_paused;
  return ++num_sent_;
}

void GroupLedger::ask_for_prefixes() {
  if (std::exchange(open_command().tell_prefixes, true)) return;
  ++num_sent_;
}

GroupCommand& GroupLedger::open_command() {
  return outbox_.empty() ? outbox_.emplace_back() : outbox_.back();
}

void GroupLedger::take(GroupLoad load) {
  load_ = std::move(load);
  add_counts(load_, earlier_);
  while (!on_the_way_.empty() && has_seen(on_the_way_.front().command)) on_the_way_.pop_front();
}

void GroupLedger::lose(bool may_return) {
  state_ = may_return ? State::kDown : State::kGone;
  outbox_.clear();
  on_the_way_.clear();
  SchedulerStats& stats = load_.scheduler;
  stats.num_running = stats.num_waiting = 0;
  stats.num_prefill_tokens = stats.num_prefill_pairs = stats.num_context_tokens = 0;
  stats.num_pages = stats.num_free_pages = stats.num_cached_pages = 0;
  load_.num_arriving_pages = 0;
  load_.credits = {.page_size = load_.credits.page_size};
}

void GroupLedger::restart(GroupLoad load) {
  state_ = State::kRuns;
  earlier_ = load_;
  earlier_.num_commands = num_sent_;  // those that it had not seen are forgotten
  open_tokens_ = 0;
  take(std::move(load));
}

Credits GroupLedger::credits() const {
  Credits credits = load_.credits;
  for (const Added& added : on_the_way_) {
    --credits.num_requests;
    credits.num_pages -= added.num_pages;
    credits.is_idle = false;
  }
  if (num_expected_ > 0) {
    credits.num_requests -= num_expected_;
    credits.num_pages -= expected_.num_pages;
    credits.is_idle = false;
  }
  credits.num_requests = std::max(0, credits.num_requests);
  credits.num_pages = std::max<int64_t>(0, credits.num_pages);
  return credits;
}

int64_t GroupLedger::num_requests() const {
  return load_.scheduler.num_running + load_.scheduler.num_waiting + num_on_the_way() + num_expected_ - num_leaving_;
}

TokenLoad GroupLedger::tokens() const {
  const SchedulerStats& stats = load_.scheduler;
  TokenLoad total{.num_prefill_tokens = stats.num_prefill_tokens,
                  .num_prefill_pairs = stats.num_prefill_pairs,
                  .num_context_tokens = stats.num_context_tokens};
  total += expected_.tokens;
  for (const Added& added : on_the_way_) total += added.tokens;
  // A sequence that has ended before it could leave is in the load no more.
  total.num_context_tokens = std::max<int64_t>(-total.num_prefill_tokens, total.num_context_tokens - leaving_tokens_);
  return total;
}

}  // namespace braid
