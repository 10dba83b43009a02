#include "braid/hub/blob_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFileMode = 0644;

Error cannot(std::string_view what, const std::string& path, int error) {
  return fail("cannot {} {}: {}", what, path, std::strerror(error));
}

// A name beside `path` that no other process uses.
std::string name_beside(const std::string& path) {
  return fmt::format("{}.{}.new", path, getpid());
}

}  // namespace

Result<IncompleteBlob> IncompleteBlob::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode);
  if (fd < 0) return cannot("write", path, errno);
  struct stat status = {};
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return fail("{} is not a regular file", path);
  }
  return IncompleteBlob(path, fd, static_cast<int64_t>(status.st_size));
}

IncompleteBlob::IncompleteBlob(IncompleteBlob&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

IncompleteBlob::~IncompleteBlob() {
  if (fd_ >= 0) close(fd_);
}

Status IncompleteBlob::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("write", path_, errno);
    bytes_ += count;
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return {};
}

Status IncompleteBlob::clear() {
  if (ftruncate(fd_, 0) != 0) return cannot("write", path_, errno);
  bytes_ = 0;
  return {};
}

Status IncompleteBlob::finish(const std::string& final_path) {
  if (fsync(fd_) != 0) return cannot("write", path_, errno);
  if (std::rename(path_.c_str(), final_path.c_str()) != 0) return cannot("write", final_path, errno);
  return {};
}

Result<BlobLock> BlobLock::take(const std::string& path, const std::function<void()>& on_wait) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return cannot("write", path, errno);
  BlobLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return cannot("lock", path, errno);
  if (on_wait) on_wait();
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return cannot("lock", path, errno);
  }
  return lock;
}

BlobLock::BlobLock(BlobLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

BlobLock::~BlobLock() {
  if (fd_ >= 0) close(fd_);
}

Status make_folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail("cannot make the folder {}: {}", folder.string(), error.message());
  return {};
}

Status write_link(const std::string& path, const std::string& target) {
  const std::string relative = fs::path(target).lexically_relative(fs::path(path).parent_path()).string();
  const std::string beside = name_beside(path);
  std::error_code error;
  fs::remove(beside, error);
  fs::create_symlink(relative, beside, error);
  if (!error) fs::rename(beside, path, error);
  if (error) return fail("cannot write the link {}: {}", path, error.message());
  return {};
}

Status write_small_file(const std::string& path, const std::string& text) {
  const std::string beside = name_beside(path);
  TRY(IncompleteBlob file, IncompleteBlob::open(beside));
  TRY_STATUS(file.clear());
  TRY_STATUS(file.append(std::as_bytes(std::span(text))));
  return file.finish(path);
}

int64_t free_bytes(const std::string& path) {
  struct statvfs status = {};
  if (statvfs(path.c_str(), &status) != 0) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

}  // namespace braid
