#include "braid/formats/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace braid {
namespace {

int64_t nanoseconds(const struct timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

Result<InputFile> InputFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) return fail("a path with a NUL byte");
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: pipes do not hang
  if (fd < 0) return fail("cannot open {}: {}", path, std::strerror(errno));
  InputFile file(path, fd, 0);
  struct stat status = {};
  if (fstat(fd, &status) != 0) return fail("cannot read {}: {}", path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail("{} is not a regular file", path);
  file.bytes_ = static_cast<int64_t>(status.st_size);
  return file;
}

InputFile::~InputFile() {
  if (fd_ >= 0) close(fd_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

std::string InputFile::name() const {
  return path_.substr(path_.find_last_of('/') + 1);
}

Status InputFile::read(int64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(fd_, out.data(), out.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("{}: cannot be read at {}: {}", name(), offset, std::strerror(errno));
    if (count == 0) {
      return fail("{}: had {} bytes when it was opened, and ends at {} now: it was cut short meanwhile", name(), bytes_,
                  offset);
    }
    out = out.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

Result<std::vector<std::byte>> InputFile::read_head(int64_t bytes) const {
  std::vector<std::byte> head(static_cast<size_t>(std::min(bytes, bytes_)));
  TRY_STATUS(read(0, head));
  return head;
}

void InputFile::read_ahead(int64_t offset, int64_t bytes) const {
  const int64_t end = std::min(offset + bytes, bytes_);
  if (end > offset) posix_fadvise(fd_, offset, end - offset, POSIX_FADV_WILLNEED);
}

Result<FileIdentity> InputFile::identity() const {
  struct stat status = {};
  if (fstat(fd_, &status) != 0) return fail("cannot read {}: {}", path_, std::strerror(errno));
  return FileIdentity{.device = status.st_dev,
                      .inode = status.st_ino,
                      .bytes = status.st_size,
                      .modified_ns = nanoseconds(status.st_mtim),
                      .changed_ns = nanoseconds(status.st_ctim)};
}

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

Result<std::string> read_text_file(const std::string& path, int64_t max_bytes) {
  TRY(const InputFile file, InputFile::open(path));
  if (file.bytes() > max_bytes) return fail("{} has {} bytes, at most {} are read", path, file.bytes(), max_bytes);
  std::string text(static_cast<size_t>(file.bytes()), '\0');
  TRY_STATUS(file.read(0, std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace braid
