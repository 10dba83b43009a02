// The journal on disk: requests that clients named, and every token that they were given, so that another process can
// go on with them. Records are written behind, by a thread of the journal's own: nobody waits for the disk. What cannot
// be written (a full disk, a full queue) is counted and warned of, and is at worst computed again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/journal/records.h"
#include "braid/journal/segments.h"

namespace braid {

struct JournalOptions {
  std::string folder;
  int64_t max_bytes = int64_t{1} << 30;         // on disk
  double keep_s = 600;                          // how long one can come back for what has ended
  size_t max_waiting_bytes = size_t{64} << 20;  // of records that wait to be written
};

// What the journal knows of a request.
struct JournalEntry {
  JournaledRequest request;
  std::vector<Delta> deltas;
  double ended_s = 0;  // since 1970; 0: it has not

  bool has_ended() const { return ended_s > 0; }
};

struct JournalStats {
  int64_t num_bytes = 0;             // on disk
  uint64_t num_dropped_records = 0;  // that could not be written
};

class Journal {
 public:
  // Reads what an earlier process left in the folder.
  static Result<std::unique_ptr<Journal>> open(JournalOptions options, std::shared_ptr<Logger> logger);
  // Writes what waits.
  ~Journal();

  // The requests of the earlier process, in the order of their arrival: those that were open, and those that have ended
  // a short while ago. A request that got nothing in two processes is set aside: it may be what ended them.
  std::vector<JournalEntry> take_found() { return std::exchange(found_, {}); }

  // From any thread; never waits.
  void add(JournalRecord record);

  JournalStats stats() const;
  double keep_s() const { return options_.keep_s; }

 private:
  Journal(JournalOptions options, std::shared_ptr<Logger> logger, Segments segments);
  void keep_found(std::vector<JournalEntry> entries);
  void thread_main();
  void write(const JournalRecord& record);
  void drop(std::string_view reason);
  void forget_ended(double now_s);

  const JournalOptions options_;
  const std::shared_ptr<Logger> logger_;
  std::vector<JournalEntry> found_;

  // Used by the thread alone, once it runs.
  Segments segments_;
  std::deque<std::pair<double, std::string>> ended_;  // when, and the key
  bool has_warned_ = false;                           // since a record was last written

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<JournalRecord> waiting_;
  size_t waiting_bytes_ = 0;
  bool is_ending_ = false;

  std::atomic<int64_t> num_bytes_ = 0;
  std::atomic<uint64_t> num_dropped_ = 0;
  std::thread thread_;
};

}  // namespace braid
