// One file of the journal: records, each behind its length and checksum. Tested by segments_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// A file that is written at its end. What a failed write has left of a record is taken back.
class SegmentFile {
 public:
  static Result<SegmentFile> create(const std::string& path);
  ~SegmentFile();
  SegmentFile(SegmentFile&& other) noexcept;
  SegmentFile& operator=(SegmentFile&& other) noexcept;

  Status append(std::string_view record);
  int64_t bytes() const { return bytes_; }

 private:
  SegmentFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::string path_;
  int descriptor_ = -1;
  int64_t bytes_ = 0;
};

// Takes the first record off `bytes`. Nothing: they end within it. An error: it is damaged, or longer than `max_bytes`.
Result<std::optional<std::string_view>> take_record(std::string_view& bytes, uint64_t max_bytes);

struct SegmentRecords {
  std::vector<std::string> records;  // up to the first one that is incomplete or damaged
  bool is_whole = true;              // false: the file goes on behind them
};
Result<SegmentRecords> read_segment(const std::string& path);
// At most `max_bytes` of the file, from `offset` on.
Result<std::string> read_segment_bytes(const std::string& path, int64_t offset, int64_t max_bytes);

}  // namespace braid
