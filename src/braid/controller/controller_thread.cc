#include "braid/controller/controller_thread.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"
#include "braid/base/thread_role.h"
#include "braid/controller/assignments.h"

namespace braid {
namespace {

// The most steps that a group may be ahead of the controller. A slow controller then slows the ranks down; otherwise
// unread outputs would pile up.
constexpr int32_t kMaxWaitingOutputs = 4;

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

ControllerThread::ControllerThread(ControllerOptions options, ControlledGroups groups, const Tokenizer& tokenizer,
                                   std::shared_ptr<Logger> logger, std::unique_ptr<ControllerLink> link)
    : max_queued_(options.max_queued_requests),
      groups_per_world_(groups.groups_per_world),
      context_len_(groups.context_len),
      num_kv_tokens_(groups.num_kv_tokens),
      logger_(std::move(logger)),
      told_failure_(std::move(options.on_failure)),
      controller_(tokenizer, mask_worker_, options.schedule_policy, options.load_balance_method,
                  std::move(groups.loads), options.log_steps ? logger_ : nullptr, options.kv_rebalance),
      link_(std::move(link)),
      dispatch_mode_(options.dispatch_mode),
      dispatcher_(*link_, dispatch_mode_, controller_.num_groups()) {
  publish();
}

ControllerThread::~ControllerThread() {
  stop();
}

void ControllerThread::start(LocalGroups& groups) {
  CHECK(groups_ == nullptr, "the controller's thread runs already");
  groups_ = &groups;
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

EngineStats ControllerThread::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  const bool is_idle = stats.num_queued == 0 && stats.scheduler.num_running == 0 && stats.scheduler.num_waiting == 0;
  stats.output_tokens_per_s = is_idle ? 0 : output_rate_.rate(monotonic_seconds());
  return stats;
}

void ControllerThread::on_outputs(int32_t group, GroupOutputs outputs) {
  std::unique_lock lock(mutex_);
  outputs_taken_.wait(
      lock, [&] { return num_waiting_outputs_ < kMaxWaitingOutputs * controller_.num_groups() || !takes_outputs_; });
  if (!takes_outputs_) return;
  ++num_waiting_outputs_;
  inbox_.emplace_back(OutputsEvent{.group = group, .outputs = std::move(outputs)});
  work_arrived_.notify_one();
}

void ControllerThread::on_failure(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  if (!world_failure_.empty()) return;  // another replica's
  world_failure_ = reason.empty() ? "a rank has failed" : reason;
  work_arrived_.notify_one();
}

void ControllerThread::thread_main() {
  set_thread_role(ThreadRole::kController);
  std::string failure;
  try {
    failure = run_until_stopped();
  } catch (const std::exception& exception) {  // the edge of a thread: nothing a request asks for may end the process
    failure = fmt::format("the controller: {}", exception.what());
  }
  std::string error;
  if (!failure.empty()) {
    logger_->critical("the engine has failed: {}", failure);
    logger_->flush();
    error = fmt::format("the engine has failed: {}", first_line(failure));
  }
  {
    const std::lock_guard lock(mutex_);
    fatal_error_ = error;
    stats_.failure = error;  // before any request ends with it, so that a caller who then asks is told the same
    takes_outputs_ = false;
  }
  outputs_taken_.notify_all();
  end_everything(error);
}

// Ends all requests, and those that still arrive, until stop().
void ControllerThread::end_everything(const std::string& error) {
  const FinishReason reason = error.empty() ? FinishReason::kAbort : FinishReason::kError;
  bool is_told = error.empty() || !told_failure_;
  bool is_linked = true;
  while (true) {
    std::vector<Event> events;
    {
      const std::lock_guard lock(mutex_);
      events = take_inbox();
    }
    for (Event& event : events) carry_out(std::move(event));
    controller_.end_all(reason, error);
    // A world that has ended does not read its link: sending may fail, and nothing depends on it.
    is_linked = is_linked && send_commands().ok();
    publish();
    if (!std::exchange(is_told, true)) told_failure_(error);
    std::unique_lock lock(mutex_);
    work_arrived_.wait(lock, [&] { return is_stopping_ || !inbox_.empty(); });
    if (is_stopping_ && inbox_.empty()) return;
  }
}

// Returns why it must end; empty if it was stopped.
std::string ControllerThread::run_until_stopped() {
  const auto probe = [&](int32_t group, std::span<const TokenId> prompt) { return groups_->probe(group, prompt); };
  while (true) {
    std::vector<Event> events;
    std::string failure;
    {
      std::unique_lock lock(mutex_);
      work_arrived_.wait(lock, [&] { return is_stopping_ || !inbox_.empty() || !world_failure_.empty(); });
      if (is_stopping_) return {};
      events = take_inbox();
      failure = world_failure_;
    }
    outputs_taken_.notify_all();
    for (Event& event : events) carry_out(std::move(event));
    if (!failure.empty()) return failure;
    controller_.dispatch(monotonic_seconds(), probe);
    controller_.rebalance();
    if (const Status sent = send_commands(); !sent.ok()) return sent.error().message;
    log_moves();
    publish();
  }
}

// With the mutex held.
std::vector<ControllerThread::Event> ControllerThread::take_inbox() {
  num_taken_choices_ = num_new_choices_;
  num_waiting_outputs_ = 0;
  return std::exchange(inbox_, {});
}

void ControllerThread::carry_out(Event event) {
  if (auto* submission = std::get_if<std::shared_ptr<Submission>>(&event)) {
    controller_.open(*submission);
  } else if (auto* flush = std::get_if<FlushEvent>(&event)) {
    controller_.flush([promise = flush->num_tokens](int64_t num_tokens) { promise->set_value(num_tokens); });
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

// Each world is woken once, after its maps are in their links.
Status ControllerThread::send_commands() {
  for (std::vector<GroupCommand>& map : take_assignments(controller_)) {
    const int32_t num_worlds = controller_.num_groups() / groups_per_world_;
    std::vector<bool> is_reached(static_cast<size_t>(num_worlds), dispatch_mode_ == DispatchMode::kBroadcast);
    for (const GroupCommand& command : map) is_reached[static_cast<size_t>(command.group / groups_per_world_)] = true;
    const Status sent = dispatcher_.send(std::move(map));
    for (int32_t world = 0; world < num_worlds; ++world) {
      if (is_reached[static_cast<size_t>(world)]) groups_->wake(world * groups_per_world_);
    }
    TRY_STATUS(sent);
  }
  return {};
}

void ControllerThread::log_moves() {
  for (const MoveReport& moved : controller_.take_moved()) {
    logger_->debug("request {} with {} tokens moves from group {} to group {}, {} pages", moved.request,
                   moved.num_tokens, moved.from_group, moved.to_group, moved.num_pages);
  }
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
            .failure = fatal_error_};
  for (const GroupLoad& load : groups) {
    stats_.scheduler += load.scheduler;
    stats_.num_steps = std::max(stats_.num_steps, load.num_steps);
    stats_.step_seconds = std::max(stats_.step_seconds, load.step_seconds);
  }
  stats_.balance = step_balance(groups, groups_per_world_);
  stats_.groups = std::move(groups);
  stats_.moves = controller_.moves();
  stats_.num_too_long_to_move = controller_.num_too_long_to_move();
  num_new_choices_ -= std::exchange(num_taken_choices_, 0);
  const std::vector<SubmissionId> ended = controller_.take_ended();
  if (ended.empty()) return;
  for (const SubmissionId id : ended) open_submissions_.erase(id);
  submission_ended_.notify_all();
}

}  // namespace braid
