#include "braid/base/cpu_quota.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace braid {
namespace {

// A cgroup hierarchy that may limit CPU time.
struct CpuHierarchy {
  bool is_v2 = false;
  std::string mounted_cgroup;  // the cgroup at the mount point; "/" outside containers
  std::string mount_point;
};

bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    if (list.substr(0, end) == word) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// The kernel writes blanks and backslashes of a path as \040: a backslash and three octal digits.
std::string unescape(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// Lines of mountinfo: "31 23 0:28 ROOT MOUNT_POINT options [optional fields] - TYPE source SUPER_OPTIONS".
std::vector<CpuHierarchy> mounted_hierarchies(const std::string& root) {
  std::vector<CpuHierarchy> hierarchies;
  std::ifstream in(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream mount(line.substr(0, dash));
    std::istringstream filesystem(line.substr(dash + 3));
    std::string skipped;
    CpuHierarchy own;
    std::string type;
    std::string options;
    if (!(mount >> skipped >> skipped >> skipped >> own.mounted_cgroup >> own.mount_point)) continue;
    if (!(filesystem >> type >> skipped >> options)) continue;
    own.is_v2 = type == "cgroup2";
    if (!own.is_v2 && !(type == "cgroup" && has_word(options, "cpu"))) continue;
    own.mounted_cgroup = unescape(own.mounted_cgroup);
    own.mount_point = unescape(own.mount_point);
    hierarchies.push_back(std::move(own));
  }
  return hierarchies;
}

// The process's cgroup in the hierarchy: "5:cpu,cpuacct:/path", or "0::/path" for v2. Empty if there is none.
std::string own_cgroup(const std::string& root, bool is_v2) {
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : has_word(controllers, "cpu")) return line.substr(second + 1);
  }
  return {};
}

// The cgroup's folder below the mount point: "" or "/a/b". A container may see its cgroup by the host's path, or by one
// that leads out of its own part ("/../a"): then only what is mounted is known to hold it.
std::string folder_below(const CpuHierarchy& hierarchy, std::string_view cgroup) {
  std::string_view mounted = hierarchy.mounted_cgroup;
  if (mounted == "/") mounted = {};
  if (!cgroup.starts_with(mounted)) return {};
  cgroup.remove_prefix(mounted.size());
  while (cgroup.ends_with('/')) cgroup.remove_suffix(1);
  if (!cgroup.starts_with('/') || (std::string(cgroup) + "/").find("/../") != std::string::npos) return {};
  return std::string(cgroup);
}

// Of one cgroup. Nothing for "max", for -1, and for what is no number.
std::optional<double> quota_of(const std::string& folder, bool is_v2) {
  double quota = 0;
  double period = 0;
  if (is_v2) {
    std::ifstream in(folder + "/cpu.max");
    if (!(in >> quota >> period)) return std::nullopt;
  } else {
    std::ifstream quota_in(folder + "/cpu.cfs_quota_us");
    std::ifstream period_in(folder + "/cpu.cfs_period_us");
    if (!(quota_in >> quota) || !(period_in >> period)) return std::nullopt;
  }
  if (!(quota > 0 && period > 0 && std::isfinite(quota / period))) return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> cgroup_cpu_quota(const std::string& root) {
  std::optional<double> least;
  for (const CpuHierarchy& hierarchy : mounted_hierarchies(root)) {
    std::string below = folder_below(hierarchy, own_cgroup(root, hierarchy.is_v2));
    while (true) {
      const auto quota = quota_of(root + hierarchy.mount_point + below, hierarchy.is_v2);
      if (quota) least = std::min(least.value_or(*quota), *quota);
      if (below.empty()) break;
      below.resize(below.rfind('/'));
    }
  }
  return least;
}

int threads_for(int num_cpus, std::optional<double> quota) {
  const double allowed = std::min(quota.value_or(num_cpus), static_cast<double>(num_cpus));
  return std::max(1, static_cast<int>(std::ceil(allowed)));
}

}  // namespace braid
