#include "braid/journal/segments.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace braid {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kSegmentsAtMost = 64;  // of equal size: so much of the limit is lost at once, at most
constexpr std::string_view kExtension = ".journal";

// The number of a file of the journal; nothing: it is another file.
std::optional<int64_t> number_of(const fs::path& path) {
  const std::string stem = path.stem().string();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  if (path.extension() != kExtension || error != std::errc() || end != stem.data() + stem.size()) return std::nullopt;
  return number;
}

}  // namespace

Segments::Segments(fs::path folder, int lock, int64_t max_bytes)
    : folder_(std::move(folder)), lock_(lock), max_bytes_(max_bytes) {}

Segments::~Segments() {
  if (lock_ >= 0) close(lock_);
}

Segments::Segments(Segments&& other) noexcept
    : folder_(std::move(other.folder_)),
      lock_(std::exchange(other.lock_, -1)),
      max_bytes_(other.max_bytes_),
      found_(std::move(other.found_)),
      next_number_(other.next_number_),
      newest_(std::move(other.newest_)),
      segments_(std::move(other.segments_)),
      needed_by_(std::move(other.needed_by_)),
      lost_(std::move(other.lost_)) {}

Result<Segments> Segments::open(const std::string& folder, int64_t max_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  const std::string lock_path = (fs::path(folder) / "lock").string();
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return fail("--journal {}: cannot create {}: {}", folder, lock_path, std::strerror(errno));
  Segments segments(folder, lock, max_bytes);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return fail("--journal {}: another process writes there; each server needs a folder of its own", folder);
  }
  std::map<int64_t, fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (const auto number = number_of(entry.path())) found.emplace(*number, entry.path());
  }
  if (error) return fail("--journal {}: cannot be read: {}", folder, error.message());
  for (const auto& [number, path] : found) {
    segments.found_.push_back(path);
    segments.next_number_ = number + 1;
  }
  return segments;
}

Result<Segments::Found> Segments::read_found() const {
  Found found;
  for (const fs::path& path : found_) {
    TRY(SegmentRecords segment, read_segment(path.string()));
    std::ranges::move(segment.records, std::back_inserter(found.records));
    if (!segment.is_whole) found.damaged_files.push_back(path.string());
  }
  return found;
}

void Segments::drop_found() {
  std::error_code ignored;  // what stays is read again by the next process
  for (const fs::path& path : std::exchange(found_, {})) fs::remove(path, ignored);
}

fs::path Segments::path_of(int64_t number) const {
  return folder_ / fmt::format("{:010}{}", number, kExtension);
}

Status Segments::append(const std::string& key, std::string_view record) {
  if (!newest_ || newest_->bytes() >= max_bytes_ / kSegmentsAtMost) {
    TRY(SegmentFile file, SegmentFile::create(path_of(next_number_).string()));
    newest_ = std::move(file);
    segments_[next_number_++] = {};
    remove_unneeded();
  }
  TRY_STATUS(newest_->append(record));
  auto& [number, segment] = *std::prev(segments_.end());
  segment.bytes = newest_->bytes();
  segment.keys.insert(key);
  needed_by_[key].insert(number);
  while (bytes() > max_bytes_ && segments_.size() > 1) remove(segments_.begin()->first);
  return {};
}

void Segments::forget(const std::string& key) {
  const auto found = needed_by_.find(key);
  if (found == needed_by_.end()) return;
  for (const int64_t number : found->second) segments_.at(number).keys.erase(key);
  needed_by_.erase(found);
  remove_unneeded();
}

std::vector<std::string> Segments::take_lost() {
  return std::exchange(lost_, {});
}

int64_t Segments::bytes() const {
  int64_t sum = 0;
  for (const auto& [number, segment] : segments_) sum += segment.bytes;
  return sum;
}

JournalPlace Segments::begin() const {
  return {.segment = segments_.empty() ? next_number_ : segments_.begin()->first};
}

JournalPlace Segments::end() const {
  if (segments_.empty()) return begin();
  const auto& [number, segment] = *segments_.rbegin();
  return {.segment = number, .offset = segment.bytes};
}

int64_t Segments::bytes_behind(const JournalPlace& place) const {
  int64_t sum = 0;
  for (auto at = segments_.lower_bound(place.segment); at != segments_.end(); ++at) {
    sum += at->second.bytes - (at->first == place.segment ? place.offset : 0);
  }
  return sum;
}

Result<std::string> Segments::read_on(JournalPlace& place, int64_t max_bytes) const {
  if (segments_.empty() && place == begin()) return std::string();
  for (;;) {
    const auto at = segments_.find(place.segment);
    if (at == segments_.end()) return fail("file {} of the journal is gone", place.segment);
    const int64_t left = at->second.bytes - place.offset;
    if (left > 0) {
      const std::string path = path_of(place.segment).string();
      TRY(std::string bytes, read_segment_bytes(path, place.offset, std::min(left, max_bytes)));
      if (bytes.empty()) return fail("{} is shorter than it was written", path);
      place.offset += std::ssize(bytes);
      return bytes;
    }
    if (std::next(at) == segments_.end()) return std::string();
    place = {.segment = std::next(at)->first};
  }
}

void Segments::forget_all() {
  segments_.clear();
  needed_by_.clear();
  newest_.reset();
}

void Segments::set_aside() {
  for (const auto& [number, segment] : segments_) found_.push_back(path_of(number));
  forget_all();
}

void Segments::clear() {
  std::error_code ignored;  // what stays is read again by the next process
  for (const auto& [number, segment] : segments_) fs::remove(path_of(number), ignored);
  forget_all();
}

// From the oldest on, so that a request's end stays as long as its beginning. The newest is written to.
void Segments::remove_unneeded() {
  while (segments_.size() > 1 && segments_.begin()->second.keys.empty()) remove(segments_.begin()->first);
}

void Segments::remove(int64_t number) {
  const auto node = segments_.extract(number);
  for (const std::string& key : node.mapped().keys) {
    lost_.push_back(key);
    for (const int64_t other : needed_by_.at(key)) {
      if (other != number) segments_.at(other).keys.erase(key);
    }
    needed_by_.erase(key);
  }
  std::error_code ignored;  // what stays is read again by the next process
  fs::remove(path_of(number), ignored);
}

}  // namespace braid
