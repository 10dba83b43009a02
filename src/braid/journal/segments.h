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

// A place in the files, between two bytes.
struct JournalPlace {
  int64_t segment = 0;
  int64_t offset = 0;

  auto operator<=>(const JournalPlace&) const = default;
};

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

  // For a copy elsewhere: everything that append() has written, from begin() on.
  JournalPlace begin() const;
  JournalPlace end() const;
  int64_t bytes_behind(const JournalPlace& place) const;
  // At most `max_bytes` behind `place`, which moves on; none: nothing more is written. An error if its file is gone:
  // what was needed of it is unknown.
  Result<std::string> read_on(JournalPlace& place, int64_t max_bytes) const;

  // Takes what is written as found: it stays until drop_found(), and counts no more.
  void set_aside();
  // Removes what is written, but not what was found.
  void clear();

 private:
  Segments(std::filesystem::path folder, int lock, int64_t max_bytes);
  std::filesystem::path path_of(int64_t number) const;
  void remove(int64_t number);
  void remove_unneeded();
  void forget_all();  // and leaves the files

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
