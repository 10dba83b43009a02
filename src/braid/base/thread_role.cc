#include "braid/base/thread_role.h"

#include <pthread.h>

#include <charconv>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace braid {
namespace {

constexpr std::string_view kPrefix = "braid-";  // the system keeps 15 characters of a thread's name

std::optional<ThreadRole> role_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  for (int i = 0; i < kNumThreadRoles; ++i) {
    const auto role = static_cast<ThreadRole>(i);
    if (name == thread_role_name(role)) return role;
  }
  return std::nullopt;
}

// The clock of a thread of this process, built as pthread_getcpuclockid() builds it from a pthread_t. Exact to the
// nanosecond; /proc/self/task/*/stat counts hundredths of a second.
clockid_t clock_of_thread(uint32_t thread_id) {
  constexpr uint32_t kThreadSchedulerClock = 6;
  return static_cast<clockid_t>(~thread_id << 3U | kThreadSchedulerClock);
}

}  // namespace

std::string_view thread_role_name(ThreadRole role) {
  switch (role) {
    case ThreadRole::kHttp:
      return "http";
    case ThreadRole::kWorker:
      return "worker";
    case ThreadRole::kOutput:
      return "output";
    case ThreadRole::kController:
      return "control";
    case ThreadRole::kMasks:
      return "masks";
    case ThreadRole::kRank:
      return "rank";
    case ThreadRole::kCompute:
      return "compute";
    case ThreadRole::kImages:
      return "images";
    case ThreadRole::kLog:
      return "log";
    case ThreadRole::kOther:
      break;
  }
  return "other";
}

void set_thread_role(ThreadRole role) {
  const std::string name = std::string(kPrefix).append(thread_role_name(role));
  pthread_setname_np(pthread_self(), name.c_str());
}

double CpuByRole::front() const {
  double total = 0;
  for (const auto role : {ThreadRole::kHttp, ThreadRole::kWorker, ThreadRole::kOutput, ThreadRole::kController,
                          ThreadRole::kMasks, ThreadRole::kLog}) {
    total += of(role);
  }
  return total;
}

CpuByRole cpu_seconds_by_role() {
  CpuByRole total;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
    const std::string id_text = entry.path().filename();
    uint32_t id = 0;
    std::from_chars(id_text.data(), id_text.data() + id_text.size(), id);
    std::string name;
    timespec time{};
    std::ifstream comm(entry.path() / "comm");
    // A thread may have ended since the listing.
    if (!std::getline(comm, name) || clock_gettime(clock_of_thread(id), &time) != 0) continue;
    total.seconds[static_cast<size_t>(role_of(name).value_or(ThreadRole::kOther))] +=
        static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  return total;
}

}  // namespace braid
