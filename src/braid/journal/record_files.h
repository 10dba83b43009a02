// The journal's records in its files, for as long as a request needs them. Not thread-safe. Tested by journal_test.cc.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "braid/base/result.h"
#include "braid/journal/records.h"
#include "braid/journal/segments.h"

namespace braid {

class RecordFiles {
 public:
  // `keep_s`: how long what has ended is needed.
  RecordFiles(Segments segments, double keep_s) : segments_(std::move(segments)), keep_s_(keep_s) {}

  // `bytes`: the record's, as encode() makes them.
  Status write(const JournalRecord& record, std::string_view bytes);
  void forget_ended(double now_s);  // unix

  Segments& segments() { return segments_; }
  const Segments& segments() const { return segments_; }

 private:
  Segments segments_;
  const double keep_s_;
  std::deque<std::pair<double, std::string>> ended_;  // when, and the key
};

}  // namespace braid
