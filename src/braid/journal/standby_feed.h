// The front's end of a copy of the journal on another node, which stands by: reads what is written from the journal's
// files and sends it on, no faster than it is confirmed. A standby that is slow falls behind in the files; if they are
// gone before it has them, its copy begins anew. Not thread-safe: the journal's thread alone uses it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "braid/base/result.h"
#include "braid/journal/segments.h"
#include "braid/wire/journal_part.h"

namespace braid {

struct StandbyStats {
  bool is_there = false;
  bool is_whole = false;     // it could take over
  int64_t bytes_behind = 0;  // of the journal that it has not confirmed

  bool operator==(const StandbyStats&) const = default;
};

class StandbyFeed {
 public:
  using Send = std::function<void(JournalPart part)>;  // never waits

  // A standby is there: a copy begins. `first_copy`: the copies' numbers from there on must be new to it.
  void begin(Send send, uint64_t first_copy);
  // It is gone.
  void end();
  // An answer of the standby. An error if it makes no sense, or refuses what it was sent: the copy begins anew after a
  // while.
  Status take(const JournalKept& kept, double now_s);
  // Sends what there is, within the window. An error: the copy begins anew after a while.
  Status go_on(const Segments& segments, double now_s);

  // Calls `when_safe` once the standby has all up to `end`: from a later release(), or at once if no standby has a
  // whole copy. It does not wait longer than kLongestHold_s.
  void hold(const JournalPlace& end, std::function<void()> when_safe, double now_s);
  void release(double now_s);
  bool holds_any() const { return !held_.empty(); }

  StandbyStats stats(const Segments& segments) const;

  static constexpr double kLongestHold_s = 1;
  static constexpr double kPause_s = 2;                         // before a copy that was refused begins anew
  static constexpr int64_t kMaxPartBytes = int64_t{256} << 10;  // of the journal in one message
  static constexpr int64_t kWindowBytes = int64_t{4} << 20;     // sent and not confirmed
  static constexpr size_t kMaxParts = 64;                       // the same in messages

 private:
  struct Sent {
    uint64_t end = 0;    // in the copy
    JournalPlace place;  // behind it
    bool is_whole = false;
  };
  struct Held {
    JournalPlace end;
    double until_s = 0;
    std::function<void()> when_safe;
  };

  void begin_copy(const Segments& segments);
  void give_up(double now_s);

  Send send_;  // empty: no standby is there
  uint64_t next_copy_ = 0;
  bool has_begun_ = false;
  double next_begin_s_ = 0;
  uint64_t copy_ = 0;
  uint64_t sent_end_ = 0;  // in the copy
  JournalPlace sent_;
  bool said_whole_ = false;
  std::deque<Sent> unconfirmed_;
  uint64_t confirmed_end_ = 0;
  JournalPlace confirmed_;
  bool is_whole_ = false;
  std::deque<Held> held_;
};

}  // namespace braid
