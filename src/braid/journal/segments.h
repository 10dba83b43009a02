// The journal's files in their folder. The oldest goes when no request needs its records, or when all together have
// grown too large. Not thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/journal/segment_file.h"

namespace braid {

class Segments {
 public:
  // Locks the folder, and makes it if there is none.
  static Result<Segments> open(const std::string& folder, int64_t max_bytes);
  ~Segments();
  Segments(Segments&& other) noexcept;
  Segments& operator=(Segments&&) = delete;

  struct Found {
    std::vector<std::string> records;        // of all files, oldest first
    std::vector<std::string> damaged_files;  // whose ends could not be read
  };
  // What an earlier process left. Its files stay until drop_found(), so that a death in between loses nothing.
  Result<Found> read_found() const;
  void drop_found();

  // `key`: of the request to which the record belongs.
  Status append(const std::string& key, std::string_view record);
  // The request's records are needed no more.
  void forget(const std::string& key);
  // The requests that lost records because the files had grown too large, since the last call.
  std::vector<std::string> take_lost();

  int64_t bytes() const;

 private:
  Segments(std::filesystem::path folder, int lock, int64_t max_bytes);
  std::filesystem::path path_of(int64_t number) const;
  void remove(int64_t number);
  void remove_unneeded();

  struct Segment {
    int64_t bytes = 0;
    std::set<std::string> keys;  // of requests that need it
  };

  std::filesystem::path folder_;
  int lock_ = -1;
  const int64_t max_bytes_;
  std::vector<std::filesystem::path> found_;  // oldest first
  int64_t next_number_ = 1;
  std::optional<SegmentFile> newest_;
  std::map<int64_t, Segment> segments_;                 // by number
  std::map<std::string, std::set<int64_t>> needed_by_;  // by key
  std::vector<std::string> lost_;
};

}  // namespace braid
