// The journal on disk: requests that clients named, and every token that they were given, so that another process can
// go on with them. Records are written behind, by a thread of the journal's own: nobody waits for the disk. What cannot
// be written (a full disk, a full queue) is counted and warned of, and is at worst computed again. What is written may
// be copied to a node that stands by (StandbyFeed, JournalReplica).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/journal/record_files.h"
#include "braid/journal/records.h"
#include "braid/journal/standby_feed.h"
#include "braid/wire/journal_part.h"

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
  StandbyStats standby = {};
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

  // From any thread; never waits. `when_safe` is called once, on any thread: when the record is written and a standby
  // that has a whole copy has this, too, if there is one; at once if the record is dropped.
  void add(JournalRecord record, std::function<void()> when_safe = {});

  // A node stands by: the journal is copied to it, by `send`, on the journal's thread. From any thread, like the next
  // two, which never wait.
  void connect_standby(StandbyFeed::Send send);
  void disconnect_standby();
  void take_kept(JournalKept kept);  // from it

  JournalStats stats() const;
  double keep_s() const { return options_.keep_s; }

 private:
  struct Waiting {
    JournalRecord record;
    std::function<void()> when_safe;
  };
  // What has come for the thread.
  struct Mail {
    std::deque<Waiting> records;
    std::optional<StandbyFeed::Send> standby;  // empty: it is gone
    std::deque<JournalKept> kept;              // by the standby that there is now

    bool is_empty() const { return records.empty() && !standby && kept.empty(); }
  };

  Journal(JournalOptions options, std::shared_ptr<Logger> logger, Segments segments);
  void keep_found(std::vector<JournalEntry> entries);
  void thread_main();
  bool write(const JournalRecord& record);
  void drop(std::string_view reason);
  void feed_standby(Mail& mail, double now_s);

  const JournalOptions options_;
  const std::shared_ptr<Logger> logger_;
  std::vector<JournalEntry> found_;

  // Used by the thread alone, once it runs.
  RecordFiles files_;
  StandbyFeed feed_;
  bool has_warned_ = false;  // since a record was last written

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Mail mail_;
  size_t waiting_bytes_ = 0;
  StandbyStats standby_;
  bool is_ending_ = false;

  std::atomic<int64_t> num_bytes_ = 0;
  std::atomic<uint64_t> num_dropped_ = 0;
  std::thread thread_;
};

}  // namespace braid
