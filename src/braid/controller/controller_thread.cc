#include "braid/controller/controller_thread.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/base/thread_role.h"
#include "braid/controller/assignments.h"

namespace braid {
namespace {

// The most steps that a group may be ahead of the controller. A slow controller then slows the ranks down; otherwise
// unread outputs would pile up.
constexpr int32_t kMaxWaitingOutputs = 4;

}  // namespace

ControllerThread::ControllerThread(ControllerOptions options, ControlledGroups groups, const Tokenizer& tokenizer,
                                   std::shared_ptr<Logger> logger, std::unique_ptr<ControllerLink> link)
    : max_queued_(options.max_queued_requests),
      groups_per_world_(groups.groups_per_world),
      context_len_(groups.context_len),
      max_restarts_(options.max_restarts),
      first_loads_(groups.loads),
      logger_(log_of(LogPart::kController, logger)),
      told_failure_(std::move(options.on_failure)),
      controller_(tokenizer, mask_worker_, options.schedule_policy, options.load_balance_method,
                  std::move(groups.loads), options.log_steps ? log_of(LogPart::kScheduler, logger) : nullptr,
                  options.kv_rebalance, options.share_prefixes),
      link_(std::move(link)),
      dispatch_mode_(options.dispatch_mode),
      dispatcher_(*link_, dispatch_mode_, controller_.num_groups()),
      watch_(controller_.num_groups() / groups_per_world_, options.world_timeout_s),
      worlds_(controller_.num_groups() / groups_per_world_, max_restarts_),
      num_starts_(static_cast<size_t>(worlds_.num_worlds()), 0),
      num_kv_tokens_(groups.num_kv_tokens),
      is_lost_(static_cast<size_t>(controller_.num_groups()), false),
      rank_watch_(options.rank_window_s) {
  publish();
}

ControllerThread::~ControllerThread() {
  stop();
}

void ControllerThread::start(GroupHost& groups) {
  CHECK(groups_ == nullptr, "the controller's thread runs already");
  groups_ = &groups;
  controller_.place_ranks(groups.cluster().ranks);
  thread_ = std::thread([this] { thread_main(); });
}

void ControllerThread::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  work_arrived_.notify_one();
  thread_.join();
}

Result<SubmissionId, SubmitError> ControllerThread::submit(GenerationRequest request, DeltaCallback on_delta) {
  auto submission = std::make_shared<Submission>();
  submission->request = std::move(request);
  submission->on_delta = std::move(on_delta);
  submission->submitted_s = monotonic_seconds();
  const std::unique_lock lock(mutex_);
  if (!fatal_error_.empty()) return SubmitError{.reason = SubmitError::Reason::kEngineFailed, .message = fatal_error_};
  const int64_t num_waiting = stats_.num_queued + num_new_choices_ - stats_.num_free_slots;
  const int32_t num_choices = submission->request.n;
  if (num_waiting + num_choices > max_queued_) {
    return SubmitError{
        .reason = SubmitError::Reason::kQueueFull,
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

void ControllerThread::abort(SubmissionId id) {
  const std::lock_guard lock(mutex_);
  if (!open_submissions_.contains(id)) return;
  inbox_.emplace_back(AbortEvent{id});
  work_arrived_.notify_one();
}

void ControllerThread::wait(SubmissionId id) {
  std::unique_lock lock(mutex_);
  submission_ended_.wait(lock, [&] { return !open_submissions_.contains(id); });
}

int64_t ControllerThread::flush_cache() {
  const auto num_tokens = std::make_shared<std::promise<int64_t>>();
  {
    const std::lock_guard lock(mutex_);
    inbox_.emplace_back(FlushEvent{num_tokens});
    work_arrived_.notify_one();
  }
  return num_tokens->get_future().get();
}

void ControllerThread::pause(bool is_paused) {
  const auto done = std::make_shared<std::promise<void>>();
  {
    const std::lock_guard lock(mutex_);
    inbox_.emplace_back(PauseEvent{.is_paused = is_paused, .done = done});
    work_arrived_.notify_one();
  }
  done->get_future().wait();
}

EngineStats ControllerThread::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  const bool is_idle = stats.num_queued == 0 && stats.scheduler.num_running == 0 && stats.scheduler.num_waiting == 0;
  stats.output_tokens_per_s = is_idle ? 0 : output_rate_.rate(monotonic_seconds());
  return stats;
}

ClusterStatus ControllerThread::cluster() const {
  ClusterStatus cluster = groups_->cluster();
  const std::lock_guard lock(mutex_);
  for (RankStatus& rank : cluster.ranks) rank.times_slower = rank_watch_.times_slower(rank.rank);
  return cluster;
}

void ControllerThread::on_outputs(int32_t group, GroupOutputs outputs) {
  std::unique_lock lock(mutex_);
  outputs_taken_.wait(lock, [&] {
    return num_waiting_outputs_ < kMaxWaitingOutputs * controller_.num_groups() || !takes_outputs_ ||
           is_lost_[static_cast<size_t>(group)];
  });
  if (!takes_outputs_ || is_lost_[static_cast<size_t>(group)]) return;
  ++num_waiting_outputs_;
  inbox_.emplace_back(OutputsEvent{.group = group, .outputs = std::move(outputs)});
  work_arrived_.notify_one();
}

void ControllerThread::on_failure(int32_t group, const std::string& reason, int32_t num_restarts) {
  const std::lock_guard lock(mutex_);
  new_failures_.push_back({.world = group / groups_per_world_,
                           .report = reason.empty() ? "a rank has failed" : reason,
                           .num_starts = num_restarts});
  work_arrived_.notify_one();
}

void ControllerThread::on_planned_end(int32_t group, const std::string& reason, int32_t num_restarts) {
  const std::lock_guard lock(mutex_);
  new_failures_.push_back(
      {.world = group / groups_per_world_, .report = reason, .num_starts = num_restarts, .is_planned = true});
  work_arrived_.notify_one();
}

void ControllerThread::on_restart(WorldRestart restart) {
  const std::lock_guard lock(mutex_);
  new_restarts_.push_back(std::move(restart));
  work_arrived_.notify_one();
}

void ControllerThread::thread_main() {
  set_thread_role(ThreadRole::kController);
  std::string failure;
  try {
    failure = run_until_stopped();
  } catch (const std::exception& exception) {  // the edge of a thread: nothing a request asks for may end the process
    failure = fmt::format("the controller: {}", exception.what());
  } catch (...) {
    failure = "the controller: what it threw is no std::exception";
  }
  std::string error;
  if (!failure.empty()) error = fmt::format("the engine has failed: {}", failure.substr(0, failure.find('\n')));
  {
    const std::lock_guard lock(mutex_);
    fatal_error_ = error;
    stats_.failure = error;  // before any request ends with it, so that a caller who then asks is told the same
    takes_outputs_ = false;
  }
  outputs_taken_.notify_all();
  if (!failure.empty()) {  // once it is published: a caller's own logger may take its time
    logger_->critical("the engine has failed: {}", failure);
  }
  end_everything(error);
}

// Returns why it must end; empty if it was stopped.
std::string ControllerThread::run_until_stopped() {
  while (true) {
    std::vector<WorldRestart> restarts;
    {
      std::unique_lock lock(mutex_);
      wait_for_news(lock);
      if (is_stopping_) return {};
      take_inbox();
      std::ranges::move(std::exchange(new_failures_, {}), std::back_inserter(failures_));
      restarts = std::exchange(new_restarts_, {});
    }
    outputs_taken_.notify_all();
    for (; !batch_.empty(); batch_.pop_front()) {
      carry_out(batch_.front());
      abort_unheard();
    }
    if (const Status left = look_after_worlds(std::move(restarts)); !left.ok()) return left.error().message;
    controller_.dispatch(monotonic_seconds());
    controller_.rebalance();
    if (const Status sent = send_commands(); !sent.ok()) return sent.error().message;
    log_moves();
    publish();
    answer_pauses();
    has_work_ = false;
    for (int32_t group = 0; group < controller_.num_groups(); ++group) {
      has_work_ = has_work_ || controller_.has_work(group);
    }
  }
}

// Or until a world with work is to be looked at, or a lost one is to start again.
void ControllerThread::wait_for_news(std::unique_lock<std::mutex>& lock) {
  const auto is_awaited = [&] { return has_news(); };
  std::optional<double> timeout_s;
  if (has_work_) timeout_s = watch_.interval_s();
  if (const auto due_s = worlds_.next_due_s()) {
    const double left_s = std::max(0.0, *due_s - monotonic_seconds());
    timeout_s = std::min(timeout_s.value_or(left_s), left_s);
  }
  if (timeout_s) {
    work_arrived_.wait_for(lock, std::chrono::duration<double>(*timeout_s), is_awaited);
  } else {
    work_arrived_.wait(lock, is_awaited);
  }
}

// With the mutex held.
void ControllerThread::take_inbox() {
  num_taken_choices_ = num_new_choices_;
  num_waiting_outputs_ = 0;
  for (Event& event : inbox_) batch_.push_back(std::move(event));
  inbox_.clear();
}

void ControllerThread::carry_out(Event& event) {
  if (auto* submission = std::get_if<std::shared_ptr<Submission>>(&event)) {
    controller_.open(*submission);
  } else if (auto* flush = std::get_if<FlushEvent>(&event)) {
    controller_.flush([promise = flush->num_tokens](int64_t num_tokens) { promise->set_value(num_tokens); });
  } else if (auto* pause = std::get_if<PauseEvent>(&event)) {
    controller_.pause(pause->is_paused);
    pauses_.push_back(pause->done);
  } else if (auto* outputs = std::get_if<OutputsEvent>(&event)) {
    const uint64_t num_tokens_before = controller_.num_output_tokens();
    const double now_s = monotonic_seconds();
    controller_.take_outputs(outputs->group, std::move(outputs->outputs), now_s);
    const std::lock_guard lock(mutex_);
    output_rate_.add(now_s, static_cast<int64_t>(controller_.num_output_tokens() - num_tokens_before));
  } else {
    controller_.abort(std::get<AbortEvent>(event).id);
  }
}

void ControllerThread::abort_unheard() {
  for (const Controller::BrokenCallback& broken : controller_.take_broken_callbacks()) {
    logger_->error("request {} is aborted, because its callback threw: {}", broken.id, broken.what);
    controller_.abort(broken.id);
  }
}

// Each world is woken once, after its maps are in their links.
Status ControllerThread::send_commands() {
  for (std::vector<GroupCommand>& map : take_assignments(controller_)) {
    std::vector<bool> is_reached(static_cast<size_t>(worlds_.num_worlds()), dispatch_mode_ == DispatchMode::kBroadcast);
    for (const GroupCommand& command : map) is_reached[static_cast<size_t>(command.group / groups_per_world_)] = true;
    const Status sent = dispatcher_.send(std::move(map));
    for (int32_t world = 0; world < worlds_.num_worlds(); ++world) {
      if (is_reached[static_cast<size_t>(world)] && worlds_.runs(world)) groups_->wake(world * groups_per_world_);
    }
    TRY_STATUS(sent);
  }
  return {};
}

void ControllerThread::log_moves() {
  for (const MoveReport& moved : controller_.take_moved()) {
    if (moved.is_prefix) {
      logger_->debug("request {} takes {} tokens of its prompt from group {} to group {}, {} pages", moved.request,
                     moved.num_tokens, moved.from_group, moved.to_group, moved.num_pages);
      continue;
    }
    logger_->debug("request {} with {} tokens moves from group {} to group {}, {} pages", moved.request,
                   moved.num_tokens, moved.from_group, moved.to_group, moved.num_pages);
  }
}

void ControllerThread::answer_pauses() {
  if (pauses_.empty() || !controller_.has_seen_pause()) return;
  for (const auto& done : std::exchange(pauses_, {})) done->set_value();
}

// Statistics first: a caller whose wait() returns then sees its submission counted.
void ControllerThread::publish() {
  std::vector<GroupLoad> groups;
  for (int32_t group = 0; group < controller_.num_groups(); ++group) groups.push_back(controller_.load(group));
  const std::lock_guard lock(mutex_);
  stats_ = {.scheduler = {},
            .num_queued = controller_.num_queued(),
            .num_free_slots = controller_.num_free_slots(),
            .context_len = context_len_,
            .num_kv_tokens = num_kv_tokens_,
            .num_output_tokens = controller_.num_output_tokens(),
            .failure = fatal_error_,
            .is_paused = controller_.is_paused(),
            .num_resumed = controller_.num_resumed(),
            .num_set_aside = controller_.num_set_aside(),
            .lost_groups = lost_groups()};
  for (int32_t world = 0; world < worlds_.num_worlds(); ++world) stats_.worlds.push_back(worlds_.status(world));
  for (const GroupLoad& load : groups) {
    stats_.scheduler += load.scheduler;
    stats_.num_steps = std::max(stats_.num_steps, load.num_steps);
    stats_.step_seconds = std::max(stats_.step_seconds, load.step_seconds);
  }
  stats_.balance = step_balance(groups, groups_per_world_);
  stats_.groups = std::move(groups);
  stats_.moves = controller_.moves();
  for (int32_t group = 0; group < controller_.num_groups(); ++group) {
    stats_.slowness.push_back(controller_.work_rates().slowness(group));
  }
  stats_.num_too_long_to_move = controller_.num_too_long_to_move();
  num_new_choices_ -= std::exchange(num_taken_choices_, 0);
  const std::vector<SubmissionId> ended = controller_.take_ended();
  if (ended.empty()) return;
  for (const SubmissionId id : ended) open_submissions_.erase(id);
  submission_ended_.notify_all();
}

}  // namespace braid
