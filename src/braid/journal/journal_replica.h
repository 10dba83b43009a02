// The copy of the front's journal on the node that stands by, in a folder that is read as a journal's is once the node
// takes over. Parts are checked and written by a thread of its own. A copy that begins anew replaces the one before
// only when it is whole, so that the front's death in between loses nothing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/journal/journal.h"
#include "braid/journal/record_files.h"
#include "braid/wire/journal_part.h"

namespace braid {

class JournalReplica {
 public:
  // `on_answer`: take_answers() has something; called on the thread.
  static Result<std::unique_ptr<JournalReplica>> open(const JournalOptions& options, std::function<void()> on_answer,
                                                      std::shared_ptr<Logger> logger);
  // Writes what waits.
  ~JournalReplica();

  // From any thread; never waits. What a front that keeps to its window sends has room.
  void take(JournalPart part);
  // For the front that sent the parts.
  std::vector<JournalKept> take_answers();

  // Whether a copy has ever been whole: then the folder has what is needed to take over.
  bool has_whole() const { return has_whole_; }

  static constexpr int64_t kMaxWaitingBytes = 4 * StandbyFeed::kWindowBytes;

 private:
  JournalReplica(const JournalOptions& options, std::function<void()> on_answer, std::shared_ptr<Logger> logger,
                 Segments segments);
  void thread_main();

  // On the thread.
  void process(const JournalPart& part);
  Status keep(const JournalPart& part);
  Status write_records();
  void answer(JournalKept kept);

  const uint64_t max_record_bytes_;
  const std::function<void()> on_answer_;
  const std::shared_ptr<Logger> logger_;
  RecordFiles files_;
  uint64_t copy_ = 0;
  bool is_refused_ = true;  // the copy: what else comes of it does not count
  bool is_whole_ = false;
  uint64_t end_ = 0;     // of what came of the copy
  std::string partial_;  // the bytes of a record that is not complete
  std::atomic<bool> has_whole_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<JournalPart> waiting_;
  int64_t waiting_bytes_ = 0;
  bool has_overflowed_ = false;
  std::vector<JournalKept> answers_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace braid
