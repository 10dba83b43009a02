#include "braid/journal/journal.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
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
    : options_(std::move(options)), logger_(std::move(logger)), files_(std::move(segments), options_.keep_s) {}

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
  if (num_dropped_ == 0) files_.segments().drop_found();
  num_bytes_ = files_.segments().bytes();
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

void Journal::add(JournalRecord record, std::function<void()> when_safe) {
  const size_t bytes = memory_bytes(record);
  {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ + bytes <= options_.max_waiting_bytes) {
      waiting_bytes_ += bytes;
      mail_.records.push_back({.record = std::move(record), .when_safe = std::move(when_safe)});
      changed_.notify_one();
      return;
    }
  }
  ++num_dropped_;
  if (when_safe) when_safe();
}

void Journal::connect_standby(StandbyFeed::Send send) {
  const std::lock_guard lock(mutex_);
  mail_.standby = std::move(send);
  mail_.kept.clear();
  changed_.notify_one();
}

void Journal::disconnect_standby() {
  connect_standby({});
}

void Journal::take_kept(JournalKept kept) {
  const std::lock_guard lock(mutex_);
  mail_.kept.push_back(std::move(kept));
  changed_.notify_one();
}

JournalStats Journal::stats() const {
  const std::lock_guard lock(mutex_);
  return {.num_bytes = num_bytes_, .num_dropped_records = num_dropped_, .standby = standby_};
}

void Journal::thread_main() {
  set_thread_role(ThreadRole::kOutput);
  constexpr std::chrono::milliseconds kPause{1000};  // for what is too old
  constexpr std::chrono::milliseconds kShortPause{50};
  while (true) {
    Mail mail;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, feed_.holds_any() ? kShortPause : kPause,
                        [&] { return !mail_.is_empty() || is_ending_; });
      if (mail_.records.empty() && is_ending_) return;
      mail = std::exchange(mail_, {});
      waiting_bytes_ = 0;
    }
    const double now_s = monotonic_seconds();
    for (Waiting& waiting : mail.records) {
      const bool is_written = write(waiting.record);
      if (!waiting.when_safe) continue;
      if (is_written) {
        feed_.hold(files_.segments().end(), std::move(waiting.when_safe), now_s);
      } else {
        waiting.when_safe();
      }
    }
    files_.forget_ended(unix_seconds());
    num_bytes_ = files_.segments().bytes();
    feed_standby(mail, now_s);
  }
}

// Copies have numbers that no other process takes.
void Journal::feed_standby(Mail& mail, double now_s) {
  if (mail.standby && *mail.standby) {
    std::random_device random;
    feed_.begin(*std::move(mail.standby), (uint64_t{random()} << 32) + random());
  } else if (mail.standby) {
    feed_.end();
  }
  for (const JournalKept& kept : mail.kept) {
    if (const Status taken = feed_.take(kept, now_s); !taken.ok()) logger_->warn("{}", taken.error().message);
  }
  if (const Status sent = feed_.go_on(files_.segments(), now_s); !sent.ok()) logger_->warn("{}", sent.error().message);
  feed_.release(now_s);
  const StandbyStats stats = feed_.stats(files_.segments());
  bool was_whole = false;
  {
    const std::lock_guard lock(mutex_);
    was_whole = std::exchange(standby_, stats).is_whole;
  }
  if (stats.is_whole && !was_whole) logger_->info("the node that stands by has the whole journal, and could take over");
}

// Returns whether it is written.
bool Journal::write(const JournalRecord& record) {
  if (const Status written = files_.write(record, encode(record)); !written.ok()) {
    drop(written.error().message);
    return false;
  }
  has_warned_ = false;
  if (const auto lost = files_.segments().take_lost(); !lost.empty()) {
    logger_->warn("--journal {}: it has grown to its {} bytes, so {} requests cannot go on in another process",
                  options_.folder, options_.max_bytes, lost.size());
  }
  return true;
}

void Journal::drop(std::string_view reason) {
  ++num_dropped_;
  if (!std::exchange(has_warned_, true)) {
    logger_->warn("--journal: {}; what is not written is computed again after a restart", reason);
  }
}

}  // namespace braid
