// What processes tell each other about their world itself: how far they are, why it ends, and that they leave it.
// Tested by process_world_test.cc and end_of_world_test.cc.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/parallel/process_mail.h"

namespace braid {
namespace {

constexpr double kAnswer_s = 1;  // for the other processes to say how they end, if they have said anything lately

}  // namespace

// What a process says of itself.
Status ProcessMail::deliver_news(const DecodedMessage& message, int32_t process) {
  const std::span<const std::byte> data = message.data;
  switch (message.head.type) {
    case HeadType::kProgress: {
      TRY(const Progress theirs, decode_progress(data));
      const std::lock_guard lock(progress_mutex_);
      progress_[static_cast<size_t>(process)] = theirs;
      return {};
    }
    case HeadType::kTrack: {
      if (!spread_.has_rank(process, message.head.from)) {
        return fail("process {} speaks for rank {}", process, message.head.from);
      }
      TRY(auto records, decode_track(data, EndOfWorld::kNow_s));
      end_.set_track(message.head.from, std::move(records));
      return {};
    }
    case HeadType::kEnd:
      end_.set_reason(process, {reinterpret_cast<const char*>(data.data()), data.size()});
      return {};
    default:
      has_left_[static_cast<size_t>(process)] = true;
      return {};
  }
}

Progress ProcessMail::progress() const {
  Progress sum = state_.progress();
  const std::lock_guard lock(progress_mutex_);
  for (const Progress& theirs : progress_) sum += theirs;
  return sum;
}

Error ProcessMail::end_as_told() {
  std::string reason;
  {
    const std::lock_guard lock(port_mutex_);
    reason = trouble_;
  }
  return state_.end(reason);
}

void ProcessMail::tell_end(const std::string& reason) {
  const IndexRange own = spread_.ranks_of(port_->process());
  for (auto rank = static_cast<int32_t>(own.begin); rank < own.end; ++rank) {
    const auto track = encode_track(state_.recorder().last(rank), monotonic_seconds());
    auto records = decode_track(track, EndOfWorld::kNow_s);  // as the others will see it
    if (records.ok()) end_.set_track(rank, std::move(*records));
    tell_all(HeadType::kTrack, rank, track);
  }
  const std::string_view text = std::string_view(reason).substr(0, kMaxShortBytes);
  end_.set_reason(port_->process(), text);
  tell_all(HeadType::kEnd, 0, std::as_bytes(std::span(text)));
}

bool ProcessMail::has_told_end() const {
  return std::ranges::none_of(sending_, &Sending::is_last_word);
}

// A process tells its progress all the time, so one that was silent for half of the time that others wait for it has
// ended, or stands still. (With short times it may only have lost its CPU.)
bool ProcessMail::has_heard_from(int32_t process) const {
  constexpr double kShortestSilence_s = 0.5;
  const double silence_s = std::max(state_.timeout_s() / 2, kShortestSilence_s);
  return monotonic_seconds() - heard_s_[static_cast<size_t>(process)] < silence_s;
}

// Called once, by the first thread that ends the world. All others of the world wait until it returns, so from then on
// none of them needs the port. Nobody waits for the last word of a process that says nothing.
std::string ProcessMail::agree_on_end(const std::string& reason) {
  std::unique_lock lock(port_mutex_);
  if (!is_quiet_) tell_end(reason);
  const double until_s = monotonic_seconds() + kAnswer_s;
  const auto is_awaited = [&](int32_t process) { return !end_.has(process) && has_heard_from(process); };
  const auto processes = std::views::iota(0, spread_.num_processes());
  while (!is_quiet_ && port_->error().empty() && monotonic_seconds() < until_s &&
         (std::ranges::any_of(processes, is_awaited) || !has_told_end())) {
    look_after_port();
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    lock.lock();
  }
  is_quiet_ = true;
  port_->give_up();
  return end_.report(state_.group_size());
}

Status ProcessMail::leave() {
  {
    const std::lock_guard lock(port_mutex_);
    hand_overs_.begin_hurry();
  }
  const double start_s = monotonic_seconds();
  bool has_said_goodbye = false;
  for (;;) {
    if (state_.has_failed()) return state_.failure();
    if (must_end_.load()) return end_as_told();
    std::vector<int32_t> missing;
    {
      const std::lock_guard lock(port_mutex_);
      look_after_port();
      if (!has_said_goodbye && !hand_overs_.has_to_give()) {
        has_left_[static_cast<size_t>(port_->process())] = true;
        tell_all(HeadType::kGoodbye, 0, {});
        has_said_goodbye = true;
      }
      for (size_t i = 0; i < has_left_.size(); ++i) {
        if (!has_left_[i]) missing.push_back(static_cast<int32_t>(i));
      }
      if (missing.empty() && has_sent_all()) {
        port_->cancel(inbox_request_);
        is_quiet_ = true;
        return {};
      }
    }
    const double waited_s = monotonic_seconds() - start_s;
    if (waited_s > state_.timeout_s()) {
      return state_.end(fmt::format("process {} waited longer than {} s for process {} to leave the world",
                                    port_->process(), state_.timeout_s(), fmt::join(missing, ", ")));
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(std::clamp(waited_s / 8, 20e-6, 10e-3)));
  }
}

// Also what has not changed: that it says it shows that the process lives.
void ProcessMail::tell_progress() {
  const Progress progress = state_.progress();
  const std::lock_guard lock(port_mutex_);
  if (has_left_[static_cast<size_t>(port_->process())]) return;  // the goodbye is the last message
  tell_all(HeadType::kProgress, 0, encode_progress(progress));
}

}  // namespace braid
