#include "braid/formats/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace braid {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

struct OpenFile {
  FileDescriptor descriptor;
  int64_t size;
};

Result<OpenFile> open_regular(const std::string& path) {
  if (path.find('\0') != std::string::npos) return fail("a path with a NUL byte");
  FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));  // O_NONBLOCK: pipes do not hang
  if (descriptor.get() < 0) return fail("cannot open {}: {}", path, std::strerror(errno));
  struct stat status = {};
  if (fstat(descriptor.get(), &status) != 0) return fail("cannot read {}: {}", path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail("{} is not a regular file", path);
  return OpenFile{std::move(descriptor), static_cast<int64_t>(status.st_size)};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  TRY(const OpenFile file, open_regular(path));
  if (file.size == 0) return MappedFile(path, nullptr, 0);
  void* const data = mmap(nullptr, static_cast<size_t>(file.size), PROT_READ, MAP_PRIVATE, file.descriptor.get(), 0);
  if (data == MAP_FAILED) return fail("cannot map {}: {}", path, std::strerror(errno));
  return MappedFile(path, static_cast<const std::byte*>(data), file.size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

std::string MappedFile::name() const {
  return path_.substr(path_.find_last_of('/') + 1);
}

void MappedFile::release(int64_t offset, int64_t length) const {
  CHECK(offset >= 0 && length >= 0 && offset + length <= size_, "release of {}+{} of {}", offset, length, size_);
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t begin = (offset + page - 1) / page * page;
  const int64_t end = offset + length == size_ ? size_ : (offset + length) / page * page;
  if (begin < end) madvise(const_cast<std::byte*>(data_ + begin), static_cast<size_t>(end - begin), MADV_DONTNEED);
}

Result<std::string> read_text_file(const std::string& path, int64_t max_bytes) {
  TRY(const OpenFile file, open_regular(path));
  if (file.size > max_bytes) return fail("{} has {} bytes, at most {} are read", path, file.size, max_bytes);
  std::string text(static_cast<size_t>(file.size), '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::read(file.descriptor.get(), text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("cannot read {}: {}", path, std::strerror(errno));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  return text;
}

}  // namespace braid
