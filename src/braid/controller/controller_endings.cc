// The controller's thread when worlds of ranks are lost, and when everything ends. Tested by controller_thread_test.cc,
// api/engine_failure_test.cc and wire/transport/link_test.cc.
#include <algorithm>
#include <exception>
#include <utility>

#include "braid/base/clock.h"
#include "braid/controller/controller_thread.h"

namespace braid {

// Takes the world of the group out. Its requests go to the others. An error, with the reason, if none is left.
Status ControllerThread::lose_world(const EngineStats::LostGroup& failure) {
  const int32_t first = failure.group / groups_per_world_ * groups_per_world_;
  const auto is_of_world = [&](const EngineStats::LostGroup& lost) { return lost.group == first; };
  if (std::ranges::any_of(lost_groups_, is_of_world)) return {};
  if (std::ssize(lost_groups_) + groups_per_world_ >= controller_.num_groups()) return Error{failure.reason};
  const std::string reason = failure.reason.substr(0, failure.reason.find('\n'));
  for (int32_t group = first; group < first + groups_per_world_; ++group) {
    lost_groups_.push_back({.group = group, .reason = reason});
    link_->leave_out(group);
    groups_->lose(group, controller_.lose_group(group, reason));
    const std::lock_guard lock(mutex_);
    is_lost_[static_cast<size_t>(group)] = true;
  }
  outputs_taken_.notify_all();
  groups_->wake(first);  // what still runs there finds its link closed, and ends
  logger_->critical("replica {} is lost, and its requests go on in the other {}: {}", first / groups_per_world_,
                    (controller_.num_groups() - std::ssize(lost_groups_)) / groups_per_world_, failure.reason);
  return {};
}

// Finds worlds that have work and do not get on, and groups whose maps could not be sent.
Status ControllerThread::look_after_worlds() {
  while (true) {
    TRY(const std::optional<LinkEvent> event, link_->receive(0));
    if (!event) break;
    if (event->kind == LinkEvent::Kind::kLeft) {
      TRY_STATUS(lose_world({.group = event->group, .reason = event->reason}));
    }
  }
  const double now_s = monotonic_seconds();
  if (now_s < next_look_s_) return {};
  next_look_s_ = now_s + watch_.interval_s();
  for (int32_t first = 0; first < controller_.num_groups(); first += groups_per_world_) {
    bool has_work = false;
    for (int32_t group = first; group < first + groups_per_world_; ++group) {
      has_work = has_work || controller_.has_work(group);
    }
    const Progress progress = has_work ? groups_->progress(first) : Progress();
    if (!watch_.is_stuck(first / groups_per_world_, has_work, progress, now_s)) continue;
    TRY_STATUS(lose_world({.group = first, .reason = "its ranks have work and do not get on"}));
  }
  return {};
}

// While everything ends, nothing may stop it: what one part throws is logged, and the other parts follow. Returns
// whether it threw nothing.
template <typename Part>
bool ControllerThread::attempt(const Part& part) {
  try {
    part();
    return true;
  } catch (const std::exception& exception) {
    logger_->error("while the engine ends: {}", exception.what());
  } catch (...) {
    logger_->error("while the engine ends: what was thrown is no std::exception");
  }
  return false;
}

// Ends all requests, and those that still arrive, until stop(). Begins with what is left of a batch in which something
// threw.
void ControllerThread::end_everything(const std::string& error) {
  const FinishReason reason = error.empty() ? FinishReason::kAbort : FinishReason::kError;
  bool is_told = error.empty() || !told_failure_;
  bool is_linked = true;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      take_inbox();
    }
    for (; !batch_.empty(); batch_.pop_front()) attempt([&] { end(batch_.front(), reason, error); });
    while (!attempt([&] { controller_.end_all(reason, error); })) {
    }
    // A world that has ended does not read its link: sending may fail, and nothing depends on it.
    attempt([&] { is_linked = is_linked && send_commands().ok(); });
    attempt([&] { publish(); });
    attempt([&] { forget_taken(); });
    if (!std::exchange(is_told, true)) attempt([&] { told_failure_(error); });
    std::unique_lock lock(mutex_);
    work_arrived_.wait(lock, [&] { return is_stopping_ || !inbox_.empty(); });
    if (is_stopping_ && inbox_.empty()) return;
  }
}

// Ends what the event asks for. It may have been carried out in part. Outputs and aborts no longer matter.
void ControllerThread::end(const Event& event, FinishReason reason, const std::string& error) {
  if (const auto* submission = std::get_if<std::shared_ptr<Submission>>(&event)) {
    if (!controller_.is_open((*submission)->id)) controller_.refuse(*submission, reason, error);
  } else if (const auto* flush = std::get_if<FlushEvent>(&event)) {
    flush->num_tokens->set_value(0);
  }
}

// Everything that was taken from the inbox has ended, whatever was thrown on the way: nobody waits for it any more.
void ControllerThread::forget_taken() {
  const std::lock_guard lock(mutex_);
  std::set<SubmissionId> left;
  for (const Event& event : inbox_) {
    if (const auto* submission = std::get_if<std::shared_ptr<Submission>>(&event)) left.insert((*submission)->id);
  }
  open_submissions_ = std::move(left);
  submission_ended_.notify_all();
}

}  // namespace braid
