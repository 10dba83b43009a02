#include "braid/base/shared_segment.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "braid/base/system_info.h"

namespace braid {
namespace {

// The target of a link in /proc, such as "pid:[4026531836]".
std::string link_target(const char* path) {
  std::array<char, 128> target{};
  const ssize_t length = readlink(path, target.data(), target.size());
  return length <= 0 ? "unknown" : std::string(target.data(), static_cast<size_t>(length));
}

}  // namespace

SharedSegment::~SharedSegment() {
  release();
}

SharedSegment::SharedSegment(SharedSegment&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      fd_(std::exchange(other.fd_, -1)) {}

SharedSegment& SharedSegment::operator=(SharedSegment&& other) noexcept {
  if (this == &other) return *this;
  release();
  memory_ = std::exchange(other.memory_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void SharedSegment::release() {
  if (memory_ != nullptr) munmap(memory_, static_cast<size_t>(bytes_));
  memory_ = nullptr;
  close_file();
}

void SharedSegment::close_file() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Result<SharedSegment> SharedSegment::make(int64_t bytes, const char* name) {
  // The kernel sets no limit of its own: it would take memory from everybody first.
  if (const int64_t available = available_memory_bytes(); bytes > available / 2) {
    return fail("shared memory of {} bytes: {} are free, and at most half of them may go", bytes, available);
  }
  SharedSegment segment;
  segment.fd_ = memfd_create(name, MFD_CLOEXEC);
  if (segment.fd_ < 0) return fail("shared memory: {}", std::strerror(errno));
  // All of it now: a page that cannot be had later is a signal, not an error.
  if (const int error = posix_fallocate(segment.fd_, 0, bytes); error != 0) {
    return fail("shared memory of {} bytes: {}", bytes, std::strerror(error));
  }
  void* const memory = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, segment.fd_, 0);
  if (memory == MAP_FAILED) return fail("shared memory of {} bytes: {}", bytes, std::strerror(errno));
  segment.memory_ = static_cast<std::byte*>(memory);
  segment.bytes_ = bytes;
  return segment;
}

Result<SharedSegment> SharedSegment::open(const Handle& handle) {
  const std::string path = fmt::format("/proc/{}/fd/{}", handle.pid, handle.fd);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail("shared memory {}: {}", path, std::strerror(errno));
  struct stat status = {};
  const bool has_size = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == handle.bytes;
  void* const memory =
      has_size ? mmap(nullptr, static_cast<size_t>(handle.bytes), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
  close(fd);
  if (!has_size) return fail("shared memory {}: it has not {} bytes", path, handle.bytes);
  if (memory == MAP_FAILED) return fail("shared memory {}: {}", path, std::strerror(errno));
  SharedSegment segment;
  segment.memory_ = static_cast<std::byte*>(memory);
  segment.bytes_ = handle.bytes;
  return segment;
}

SharedSegment::Handle SharedSegment::handle() const {
  return {.pid = getpid(), .fd = fd_, .bytes = bytes_};
}

std::string shared_segment_realm() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return fmt::format("{} {} {}", boot, link_target("/proc/self/ns/pid"), geteuid());
}

}  // namespace braid
