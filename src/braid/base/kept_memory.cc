#include "braid/base/kept_memory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "braid/base/clock.h"

namespace braid {
namespace {

constexpr int64_t kBlockBytes = 512;  // stat's unit
constexpr std::chrono::milliseconds kLookAgain{2};

}  // namespace

Result<MemoryKeeper> MemoryKeeper::make(std::filesystem::path folder, std::span<const std::string> names) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail("{}: {}", folder.string(), error.message());
  MemoryKeeper keeper(std::move(folder));
  for (const std::string& name : names) {
    const int file = memfd_create("braid-kept", MFD_CLOEXEC);
    if (file < 0) return fail("memory for the next start: {}", std::strerror(errno));
    keeper.files_.push_back(file);
    const std::string link = (keeper.folder_ / name).string();
    if (symlink(fmt::format("/proc/{}/fd/{}", getpid(), file).c_str(), link.c_str()) != 0) {
      return fail("{}: {}", link, std::strerror(errno));
    }
  }
  return keeper;
}

MemoryKeeper::MemoryKeeper(MemoryKeeper&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), files_(std::exchange(other.files_, {})) {}

MemoryKeeper& MemoryKeeper::operator=(MemoryKeeper&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(files_, other.files_);
  return *this;
}

MemoryKeeper::~MemoryKeeper() {
  for (const int file : files_) close(file);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

// The lock goes when all threads of its holder have let go of their memory: nobody writes any more.
Result<std::optional<KeptMemory>> KeptMemory::open(const std::filesystem::path& folder, const std::string& name,
                                                   double wait_s) {
  const std::string path = (folder / name).string();
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return std::optional<KeptMemory>();
  if (file < 0) return fail("{}: {}", path, std::strerror(errno));
  KeptMemory memory(file);
  const double until_s = monotonic_seconds() + wait_s;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail("{}: {}", path, std::strerror(errno));
    if (monotonic_seconds() > until_s) return fail("{}: another process has had it for {} s", path, wait_s);
    std::this_thread::sleep_for(kLookAgain);
  }
  return std::optional(std::move(memory));
}

KeptMemory::KeptMemory(KeptMemory&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

KeptMemory& KeptMemory::operator=(KeptMemory&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

KeptMemory::~KeptMemory() {
  if (file_ >= 0) close(file_);
}

int64_t KeptMemory::bytes() const {
  struct stat status = {};
  return fstat(file_, &status) == 0 ? status.st_size : 0;
}

int64_t KeptMemory::committed_bytes() const {
  struct stat status = {};
  return fstat(file_, &status) == 0 ? int64_t{status.st_blocks} * kBlockBytes : 0;
}

Status KeptMemory::clear(int64_t bytes) {
  if (ftruncate(file_, 0) != 0 || ftruncate(file_, bytes) != 0) {
    return fail("memory of {} bytes for the next start: {}", bytes, std::strerror(errno));
  }
  return {};
}

}  // namespace braid
