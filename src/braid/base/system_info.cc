#include "braid/base/system_info.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "braid/base/cpu_quota.h"
#include "braid/base/proc_file.h"

namespace braid {
namespace {

std::optional<int64_t> read_number(const std::string& path) {
  std::ifstream in(path);
  int64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;  // no such file, or "max"
}

// The path of this process's cgroup below the mount of `controller` ("" for the v2 hierarchy).
std::string cgroup_path(const std::string& controller) {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool matches =
        controller.empty() ? controllers == ",," : controllers.find("," + controller + ",") != std::string::npos;
    if (matches) return line.substr(second + 1);
  }
  return "/";
}

// A limit may be set at any level above us, so this takes the least that any level leaves. In a container the path seen
// from outside may not exist, but its own root does.
int64_t cgroup_memory_left() {
  struct MemoryHierarchy {
    std::string root;
    std::string path;
    std::string limit;
    std::string usage;
    std::string cache_key;
  };
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const MemoryHierarchy& h :
       {MemoryHierarchy{"/sys/fs/cgroup", cgroup_path(""), "memory.max", "memory.current", "inactive_file"},
        MemoryHierarchy{"/sys/fs/cgroup/memory", cgroup_path("memory"), "memory.limit_in_bytes",
                        "memory.usage_in_bytes", "total_inactive_file"}}) {
    std::string path = h.path;
    while (true) {
      const std::string folder = h.root + (path == "/" ? "" : path) + "/";
      const auto limit = read_number(folder + h.limit);
      const auto usage = read_number(folder + h.usage);
      if (limit && usage) {
        const int64_t reclaimable = read_field(folder + "memory.stat", h.cache_key).value_or(0);
        least = std::min(least, std::max<int64_t>(0, *limit - *usage + reclaimable));
      }
      if (path.empty() || path == "/") break;
      path = path.substr(0, path.rfind('/'));
      if (path.empty()) path = "/";
    }
  }
  return least;
}

}  // namespace

int64_t available_memory_bytes() {
  const int64_t system_kb = read_field("/proc/meminfo", "MemAvailable:").value_or(0);
  return std::min(system_kb * 1024, cgroup_memory_left());
}

int64_t resident_memory_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  in >> total_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

int64_t page_faults() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cores = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  return threads_for(cores, cgroup_cpu_quota());
}

std::string boot_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id;
}

std::string program_id() {
  struct stat file = {};
  if (stat("/proc/self/exe", &file) != 0) return "";
  return fmt::format("{:x} {:x} {} {}.{:09}", file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec,
                     file.st_mtim.tv_nsec);
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace braid
