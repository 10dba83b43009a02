#include "braid/weights/pack_cache/new_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".being-written";

// Covers the time between a file's creation and its lock.
constexpr auto kLeastAge = std::chrono::minutes(1);

bool is_abandoned(const fs::path& path) {
  std::error_code error;
  const auto written = fs::last_write_time(path, error);
  if (error || fs::file_time_type::clock::now() - written < kLeastAge) return false;
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool is_unlocked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  close(fd);
  return is_unlocked;
}

}  // namespace

Result<NewFile> NewFile::create(std::string path) {
  std::random_device random;
  std::string temporary = fmt::format("{}.{:08x}{:08x}{}", path, random(), random(), kSuffix);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return fail("cannot create {}: {}", temporary, std::strerror(errno));
  // On a file system without locks nobody can tell that the file is abandoned, so it stays.
  static_cast<void>(flock(fd, LOCK_EX | LOCK_NB));
  return NewFile(std::move(path), std::move(temporary), fd);
}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  unlink(temporary_path_.c_str());
  close(fd_);
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_path_(std::move(other.temporary_path_)),
      fd_(std::exchange(other.fd_, -1)) {}

Status NewFile::write(int64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail("cannot write {}: {}", path_, std::strerror(count < 0 ? errno : EIO));
    bytes = bytes.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

Status NewFile::commit() {
  // Some file systems report only here that there was no space.
  const bool is_closed = close(std::exchange(fd_, -1)) == 0;
  if (is_closed && std::rename(temporary_path_.c_str(), path_.c_str()) == 0) return {};
  const Error error = fail("cannot write {}: {}", path_, std::strerror(errno));
  unlink(temporary_path_.c_str());
  return error;
}

void remove_abandoned_files(const std::string& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const fs::path& path = entry->path();
    if (path.string().ends_with(kSuffix) && entry->is_regular_file(ignored) && is_abandoned(path)) {
      fs::remove(path, ignored);
    }
  }
}

}  // namespace braid
