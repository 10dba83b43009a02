#include "braid/journal/segment_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "braid/base/checksum.h"

namespace braid {
namespace {

constexpr size_t kHeadBytes = 16;  // length and checksum

std::array<char, kHeadBytes> head_of(std::string_view record) {
  const uint64_t length = record.size();
  const uint64_t sum = checksum(std::as_bytes(std::span(record)));
  std::array<char, kHeadBytes> head{};
  std::memcpy(head.data(), &length, sizeof length);
  std::memcpy(head.data() + sizeof length, &sum, sizeof sum);
  return head;
}

}  // namespace

Result<SegmentFile> SegmentFile::create(const std::string& path) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);  // prompts are private
  if (descriptor < 0) return fail("cannot create {}: {}", path, std::strerror(errno));
  return SegmentFile(path, descriptor);
}

SegmentFile::~SegmentFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), bytes_(other.bytes_) {}

SegmentFile& SegmentFile::operator=(SegmentFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Status SegmentFile::append(std::string_view record) {
  const auto head = head_of(record);
  const std::string bytes = std::string(head.data(), head.size()).append(record);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote =
        pwrite(descriptor_, bytes.data() + done, bytes.size() - done, bytes_ + static_cast<off_t>(done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      const Error error = fail("cannot write {}: {}", path_, wrote < 0 ? std::strerror(errno) : "nothing is taken");
      (void)!ftruncate(descriptor_, bytes_);  // or the next record is written over it
      return error;
    }
    done += static_cast<size_t>(wrote);
  }
  bytes_ += static_cast<int64_t>(bytes.size());
  return {};
}

Result<std::optional<std::string_view>> take_record(std::string_view& bytes, uint64_t max_bytes) {
  uint64_t length = 0;
  if (bytes.size() < kHeadBytes) return std::optional<std::string_view>();
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > max_bytes) return fail("a record of {} bytes, at most {} are allowed", length, max_bytes);
  if (length > bytes.size() - kHeadBytes) return std::optional<std::string_view>();
  const std::string_view record = bytes.substr(kHeadBytes, length);
  const auto head = head_of(record);
  if (!bytes.starts_with(std::string_view(head.data(), head.size()))) {
    return fail("a record of {} bytes has another checksum", length);
  }
  bytes.remove_prefix(kHeadBytes + length);
  return std::optional(record);
}

Result<SegmentRecords> read_segment(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail("cannot read {}", path);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  SegmentRecords found;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const auto record = take_record(rest, rest.size());
    found.is_whole = record.ok() && *record;
    if (!found.is_whole) break;
    found.records.emplace_back(**record);
  }
  return found;
}

Result<std::string> read_segment_bytes(const std::string& path, int64_t offset, int64_t max_bytes) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(static_cast<size_t>(max_bytes), '\0');
  if (!in || !in.seekg(offset)) return fail("cannot read {}", path);
  in.read(bytes.data(), max_bytes);
  if (in.bad()) return fail("cannot read {}", path);
  bytes.resize(static_cast<size_t>(in.gcount()));
  return bytes;
}

}  // namespace braid
