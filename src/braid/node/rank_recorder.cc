#include "braid/node/rank_recorder.h"

#include <algorithm>
#include <utility>

#include "braid/base/clock.h"

namespace braid {

RankRecorder::RankRecorder(std::function<void(const ProcessMessage&)> tell)
    : tell_(std::move(tell)), thread_([this] { answer_all(); }) {}

RankRecorder::~RankRecorder() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void RankRecorder::record(StepTrace& trace) {
  const std::lock_guard lock(mutex_);
  trace_ = &trace;
}

void RankRecorder::take(const ProfileStart& start) {
  const std::lock_guard lock(mutex_);
  id_ = start.id;
  kept_.clear();
  num_sent_.clear();
  if (trace_ != nullptr) trace_->start();
}

void RankRecorder::take(const ProfileWanted& wanted) {
  {
    const std::lock_guard lock(mutex_);
    inbox_.emplace_back(wanted);
  }
  asked_.notify_one();
}

void RankRecorder::take(const ClockQuestion& question) {
  const double now_s = monotonic_seconds();
  {
    const std::lock_guard lock(mutex_);
    inbox_.emplace_back(ClockAnswer{.id = question.id, .monotonic_s = now_s});
  }
  asked_.notify_one();
}

void RankRecorder::answer_all() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [&] { return is_stopping_ || !inbox_.empty(); });
    if (is_stopping_) return;
    ProcessMessage message = std::move(inbox_.front());
    inbox_.pop_front();
    if (const auto* wanted = std::get_if<ProfileWanted>(&message)) message = next_part(*wanted);
    lock.unlock();
    tell_(message);
    lock.lock();
  }
}

// With mutex_.
ProfilePart RankRecorder::next_part(const ProfileWanted& wanted) {
  ProfilePart part{.id = wanted.id};
  if (trace_ == nullptr || wanted.id != id_) return part;
  if (first_unsent_rank() == kept_.size() || (wanted.is_last && trace_->is_on())) keep_recorded(wanted.is_last);
  const size_t rank = first_unsent_rank();
  if (rank == kept_.size()) return part;
  std::vector<TraceSpan>& spans = kept_[rank];
  const size_t count = std::min(spans.size() - num_sent_[rank], ProfilePart::kMaxSpans);
  const auto first = spans.begin() + static_cast<int64_t>(num_sent_[rank]);
  part.rank = static_cast<int32_t>(rank);
  part.spans.assign(first, first + static_cast<int64_t>(count));
  num_sent_[rank] += count;
  part.has_more = first_unsent_rank() < kept_.size();
  return part;
}

size_t RankRecorder::first_unsent_rank() const {
  size_t rank = 0;
  while (rank < kept_.size() && num_sent_[rank] == kept_[rank].size()) ++rank;
  return rank;
}

void RankRecorder::keep_recorded(bool is_last) {
  std::vector<std::vector<TraceSpan>> recorded = is_last ? trace_->stop() : trace_->take();
  kept_.resize(recorded.size());
  num_sent_.resize(recorded.size());
  for (size_t rank = 0; rank < recorded.size(); ++rank) {
    if (num_sent_[rank] == kept_[rank].size()) {
      kept_[rank] = std::move(recorded[rank]);
      num_sent_[rank] = 0;
    } else {
      kept_[rank].insert(kept_[rank].end(), recorded[rank].begin(), recorded[rank].end());
    }
  }
}

}  // namespace braid
