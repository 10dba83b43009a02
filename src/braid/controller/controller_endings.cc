// The controller's thread when everything ends. Tested by controller_thread_test.cc and api/engine_failure_test.cc.
#include <exception>
#include <utility>

#include "braid/controller/controller_thread.h"

namespace braid {

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
    for (const auto& done : std::exchange(pauses_, {})) done->set_value();
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
  } else if (const auto* pause = std::get_if<PauseEvent>(&event)) {
    pause->done->set_value();
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
