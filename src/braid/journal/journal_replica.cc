#include "braid/journal/journal_replica.h"

#include <chrono>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/thread_role.h"

namespace braid {
namespace {

constexpr uint64_t kNowhere = ~uint64_t{0};

}  // namespace

Result<std::unique_ptr<JournalReplica>> JournalReplica::open(const JournalOptions& options,
                                                             std::function<void()> on_answer,
                                                             std::shared_ptr<Logger> logger) {
  TRY(Segments segments, Segments::open(options.folder, options.max_bytes));
  return std::unique_ptr<JournalReplica>(
      new JournalReplica(options, std::move(on_answer), std::move(logger), std::move(segments)));
}

JournalReplica::JournalReplica(const JournalOptions& options, std::function<void()> on_answer,
                               std::shared_ptr<Logger> logger, Segments segments)
    : max_record_bytes_(static_cast<uint64_t>(options.max_bytes)),
      on_answer_(std::move(on_answer)),
      logger_(std::move(logger)),
      files_(std::move(segments), options.keep_s),
      thread_([this] { thread_main(); }) {}

JournalReplica::~JournalReplica() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void JournalReplica::take(JournalPart part) {
  const std::lock_guard lock(mutex_);
  const auto bytes = static_cast<int64_t>(part.bytes.size());
  has_overflowed_ |= waiting_bytes_ + bytes > kMaxWaitingBytes;
  if (has_overflowed_) part = {.copy = part.copy, .begin = kNowhere};  // the gap is noticed, and the copy refused
  waiting_bytes_ += std::ssize(part.bytes);
  waiting_.push_back(std::move(part));
  changed_.notify_one();
}

std::vector<JournalKept> JournalReplica::take_answers() {
  const std::lock_guard lock(mutex_);
  return std::exchange(answers_, {});
}

void JournalReplica::thread_main() {
  set_thread_role(ThreadRole::kOutput);
  constexpr std::chrono::seconds kPause{1};  // for what is too old
  while (true) {
    std::deque<JournalPart> parts;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kPause, [&] { return !waiting_.empty() || is_ending_; });
      if (waiting_.empty() && is_ending_) return;
      parts = std::exchange(waiting_, {});
      waiting_bytes_ = 0;
      has_overflowed_ = false;
    }
    for (const JournalPart& part : parts) process(part);
    files_.forget_ended(unix_seconds());
    if (const auto lost = files_.segments().take_lost(); !lost.empty()) {
      logger_->warn("the copy of the journal has grown to its {} bytes: {} requests could not go on here",
                    max_record_bytes_, lost.size());
    }
  }
}

void JournalReplica::process(const JournalPart& part) {
  if (part.copy == copy_ && is_refused_ && part.begin > 0) return;
  const Status kept = keep(part);
  is_refused_ = !kept.ok();
  if (is_refused_) {
    logger_->warn("the front's journal: {}; its copy begins anew", kept.error().message);
    answer({.copy = part.copy, .refusal = kept.error().message});
  } else {
    answer({.copy = part.copy, .end = end_});
  }
}

Status JournalReplica::keep(const JournalPart& part) {
  if (part.copy != copy_ || is_refused_) {
    const bool was_whole = std::exchange(is_whole_, false);
    if (was_whole) {
      files_.segments().set_aside();
    } else {
      files_.segments().clear();
    }
    copy_ = part.copy;
    end_ = 0;
    partial_.clear();
  }
  if (part.begin != end_) return fail("a part begins at byte {} of its copy, and byte {} is next", part.begin, end_);
  partial_ += part.bytes;
  end_ += part.bytes.size();
  TRY_STATUS(write_records());
  if (!part.is_whole || is_whole_) return {};
  files_.segments().drop_found();
  is_whole_ = true;
  has_whole_ = true;
  return {};
}

Status JournalReplica::write_records() {
  std::string_view rest = partial_;
  for (;;) {
    TRY(const auto bytes, take_record(rest, max_record_bytes_));
    if (!bytes) break;
    TRY(const JournalRecord record, decode_record(*bytes));
    TRY_STATUS(files_.write(record, *bytes));
  }
  partial_.erase(0, partial_.size() - rest.size());
  return {};
}

void JournalReplica::answer(JournalKept kept) {
  {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::move(kept));
  }
  on_answer_();
}

}  // namespace braid
