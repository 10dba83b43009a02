#include "braid/node/runtime_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

#include "braid/node/secret_file.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "braid-";

// "braid-4711-x1y2z3" is of process 4711.
void remove_left_behind(const fs::path& base) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(base, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    struct stat info {};
    if (lstat(entry.path().c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid()) continue;
    pid_t pid = 0;
    const char* const number = name.c_str() + kPrefix.size();
    const auto parsed = std::from_chars(number, name.c_str() + name.size(), pid);
    if (parsed.ec != std::errc() || *parsed.ptr != '-' || pid <= 0) continue;
    if (kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

Result<RuntimeFolder> RuntimeFolder::make() {
  std::error_code no_temporary;
  const fs::path temporary = fs::temp_directory_path(no_temporary);
  std::string problem;
  for (const fs::path& base : {fs::path("/dev/shm"), temporary}) {
    remove_left_behind(base);
    std::string path = (base / fmt::format("{}{}-XXXXXX", kPrefix, getpid())).string();
    if (mkdtemp(path.data()) != nullptr) return RuntimeFolder(path);
    problem = fmt::format("{}: {}", path, std::strerror(errno));
  }
  return fail("no folder for sockets and keys: {}", problem);
}

RuntimeFolder::RuntimeFolder(RuntimeFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

RuntimeFolder::~RuntimeFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::string> RuntimeFolder::write_secret(const std::string& name, const std::string& text) const {
  std::string path = (path_ / name).string();
  TRY_STATUS(write_secret_file(path, text));
  return path;
}

}  // namespace braid
