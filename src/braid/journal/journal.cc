#include "braid/journal/journal.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/thread_role.h"

namespace braid {
namespace {

constexpr int32_t kMaxTries = 2;

// Adds one record to what is known. A record that belongs to nothing known is left out.
void take_record(JournalRecord record, std::vector<JournalEntry>& entries, std::map<std::string, size_t>& place_of) {
  if (auto* request = std::get_if<JournaledRequest>(&record)) {
    const auto [place, is_new] = place_of.emplace(request->key, entries.size());
    if (is_new) return entries.push_back({.request = std::move(*request), .deltas = {}});
    entries[place->second].request = std::move(*request);
    return;
  }
  const auto place = place_of.find(key_of(record));
  if (place == place_of.end()) return;
  JournalEntry& entry = entries[place->second];
  if (std::holds_alternative<JournaledEnd>(record)) {
    entry.request.key.clear();
    place_of.erase(place);
    return;
  }
  auto& delta = std::get<JournaledDelta>(record);
  if (entry.has_ended() || delta.index != std::ssize(entry.deltas)) return;
  if (delta.delta.finish != FinishReason::kNone) entry.ended_s = delta.time_s;
  entry.deltas.push_back(std::move(delta.delta));
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options, std::shared_ptr<Logger> logger) {
  TRY(Segments segments, Segments::open(options.folder, options.max_bytes));
  TRY(const Segments::Found found, segments.read_found());
  for (const std::string& file : found.damaged_files) {
    logger->warn("{} is incomplete or damaged at its end: what was written last is computed again", file);
  }
  std::vector<JournalEntry> entries;
  std::map<std::string, size_t> place_of;
  for (const std::string& bytes : found.records) {
    auto record = decode_record(bytes);
    if (record.ok()) take_record(*std::move(record), entries, place_of);
  }
  std::unique_ptr<Journal> journal(new Journal(std::move(options), std::move(logger), std::move(segments)));
  journal->keep_found(std::move(entries));
  return journal;
}

Journal::Journal(JournalOptions options, std::shared_ptr<Logger> logger, Segments segments)
    : options_(std::move(options)), logger_(std::move(logger)), segments_(std::move(segments)) {}

// Writes anew what is needed of the earlier files, removes them, and starts the thread.
void Journal::keep_found(std::vector<JournalEntry> entries) {
  const double now_s = unix_seconds();
  for (JournalEntry& entry : entries) {
    JournaledRequest& request = entry.request;
    if (request.key.empty() || (entry.has_ended() && entry.ended_s + options_.keep_s < now_s)) continue;
    if (!entry.has_ended()) {
      const int64_t num_deltas = std::ssize(entry.deltas);
      request.num_tries = std::exchange(request.tried_at, num_deltas) == num_deltas ? request.num_tries + 1 : 1;
      if (request.num_tries > kMaxTries) {
        logger_->error("request {} is set aside: the process ended {} times while it ran and got no token", request.rid,
                       kMaxTries);
        continue;
      }
    }
    write(request);
    for (size_t i = 0; i < entry.deltas.size(); ++i) {
      write(JournaledDelta{
          .key = request.key, .index = static_cast<int64_t>(i), .time_s = entry.ended_s, .delta = entry.deltas[i]});
    }
    found_.push_back(std::move(entry));
  }
  if (num_dropped_ == 0) segments_.drop_found();
  num_bytes_ = segments_.bytes();
  thread_ = std::thread([this] { thread_main(); });
}

Journal::~Journal() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Journal::add(JournalRecord record) {
  const size_t bytes = memory_bytes(record);
  {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ + bytes <= options_.max_waiting_bytes) {
      waiting_bytes_ += bytes;
      waiting_.push_back(std::move(record));
      changed_.notify_one();
      return;
    }
  }
  ++num_dropped_;
}

JournalStats Journal::stats() const {
  return {.num_bytes = num_bytes_, .num_dropped_records = num_dropped_};
}

void Journal::thread_main() {
  set_thread_role(ThreadRole::kOutput);
  constexpr std::chrono::seconds kPause{1};  // for what is too old
  while (true) {
    std::deque<JournalRecord> records;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, kPause, [&] { return !waiting_.empty() || is_ending_; });
      if (waiting_.empty() && is_ending_) return;
      records = std::exchange(waiting_, {});
      waiting_bytes_ = 0;
    }
    for (const JournalRecord& record : records) write(record);
    forget_ended(unix_seconds());
    num_bytes_ = segments_.bytes();
  }
}

void Journal::write(const JournalRecord& record) {
  if (const Status written = segments_.append(key_of(record), encode(record)); !written.ok()) {
    return drop(written.error().message);
  }
  has_warned_ = false;
  if (const auto* end = std::get_if<JournaledEnd>(&record)) segments_.forget(end->key);
  const auto* delta = std::get_if<JournaledDelta>(&record);
  if (delta != nullptr && delta->delta.finish != FinishReason::kNone) ended_.emplace_back(delta->time_s, delta->key);
  if (const auto lost = segments_.take_lost(); !lost.empty()) {
    logger_->warn("--journal {}: it has grown to its {} bytes, so {} requests cannot go on in another process",
                  options_.folder, options_.max_bytes, lost.size());
  }
}

void Journal::drop(std::string_view reason) {
  ++num_dropped_;
  if (!std::exchange(has_warned_, true)) {
    logger_->warn("--journal: {}; what is not written is computed again after a restart", reason);
  }
}

void Journal::forget_ended(double now_s) {
  while (!ended_.empty() && ended_.front().first + options_.keep_s < now_s) {
    segments_.forget(ended_.front().second);
    ended_.pop_front();
  }
}

}  // namespace braid
