#include "braid/multimodal/sources/local_media.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include "braid/multimodal/sources/data_url.h"
#include "braid/multimodal/sources/image_source.h"

namespace braid {
namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  std::string proc_path() const { return fmt::format("/proc/self/fd/{}", fd_); }
  // Where it is now, without links; empty if that cannot be told.
  std::string real_path() const {
    std::array<char, PATH_MAX> path;
    const ssize_t length = ::readlink(proc_path().c_str(), path.data(), path.size());
    if (length <= 0 || static_cast<size_t>(length) >= path.size()) return {};
    return {path.data(), static_cast<size_t>(length)};
  }

 private:
  int fd_;
};

// file:///path or file://localhost/path to the path.
Result<std::string> path_of(std::string_view url) {
  constexpr std::string_view kScheme = "file:";  // in either case
  const std::string_view rest = url.substr(kScheme.size());
  for (const std::string_view host : {"//localhost/", "///"}) {
    if (!rest.starts_with(host)) continue;
    auto path = decode_percent(rest.substr(host.size() - 1));
    if (!path.ok()) return fail("image \"{}\": {}", url_excerpt(url), path.error().message);
    if (path->find('\0') != std::string::npos) return fail("image \"{}\": has a NUL in its path", url_excerpt(url));
    return path;
  }
  return fail("image \"{}\": must be file:// and an absolute path (file:///data/cat.jpg)", url_excerpt(url));
}

Result<MediaBytes> read_whole(int fd, int64_t max_bytes, std::string_view url) {
  MediaBytes bytes;
  constexpr size_t kChunk = size_t{1} << 20;
  while (true) {
    const size_t size = bytes.size();
    bytes.resize(size + kChunk);
    ssize_t count = 0;
    do {
      count = ::read(fd, bytes.data() + size, kChunk);
    } while (count < 0 && errno == EINTR);
    bytes.resize(size + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0) return fail("image \"{}\": cannot be read (error {})", url_excerpt(url), errno);
    if (static_cast<int64_t>(bytes.size()) > max_bytes) {
      return fail("image \"{}\": has more than {} bytes, the limit", url_excerpt(url), max_bytes);
    }
    if (count == 0) return bytes;
  }
}

}  // namespace

// The path is checked after the file is found, on the descriptor: a link that changes meanwhile gains nothing. O_PATH
// finds a file without opening it, so that a pipe or a device is not touched.
Result<MediaBytes> read_local_media(std::string_view url, const MediaPolicy& policy) {
  if (policy.local_path.empty()) {
    return fail("image \"{}\": files are read with --allowed-local-media-path DIR only", url_excerpt(url));
  }
  TRY(const std::string path, path_of(url));
  const FileDescriptor folder(::open(policy.local_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return fail("--allowed-local-media-path names no folder that can be opened");
  const FileDescriptor found(::open(path.c_str(), O_PATH | O_CLOEXEC));
  std::string root = folder.real_path();
  if (root.empty()) return fail("--allowed-local-media-path: /proc does not say where it is");
  if (!root.ends_with('/')) root += '/';
  struct stat status = {};
  const bool is_below = found.is_open() && found.real_path().starts_with(root);
  if (!is_below || ::fstat(found.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail("image \"{}\": is no file below --allowed-local-media-path", url_excerpt(url));
  }
  if (status.st_size > policy.max_bytes) {
    return fail("image \"{}\": has {} bytes, the limit is {}", url_excerpt(url), status.st_size, policy.max_bytes);
  }
  const FileDescriptor file(::open(found.proc_path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return fail("image \"{}\": cannot be read (error {})", url_excerpt(url), errno);
  return read_whole(file.get(), policy.max_bytes, url);
}

}  // namespace braid
