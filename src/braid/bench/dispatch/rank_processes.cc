// Ranks as processes of this program, over ZeroMQ. Tested by tests/e2e/test_bench.py.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "braid/bench/dispatch/rank_loops.h"
#include "braid/bench/dispatch/ranks.h"

namespace braid::dispatch {
namespace {

namespace fs = std::filesystem;

// A folder that only this user can open: for sockets, and for tasks with their keys.
class PrivateFolder {
 public:
  static Result<PrivateFolder> make() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "braid-dispatch-XXXXXX").string();
    if (error) return fail("no folder for temporary files: {}", error.message());
    if (mkdtemp(name.data()) == nullptr) return fail("cannot make the folder {}: {}", name, std::strerror(errno));
    return PrivateFolder(std::move(name));
  }
  PrivateFolder(PrivateFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  std::string at(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

class RankProcesses : public Ranks {
 public:
  RankProcesses(PrivateFolder folder, ZmqController controller)
      : folder_(std::move(folder)), controller_(std::move(controller)) {}
  ~RankProcesses() override {
    for (const Child& child : children_) {
      if (child.pid <= 0) continue;
      kill(child.pid, SIGKILL);
      waitpid(child.pid, nullptr, 0);
    }
  }

  Status start(const RankTask& task) {
    const std::string path = folder_.at(fmt::format("task-{}-{}", task.group, task.rank));
    std::ofstream file(path);
    file << task_text(task);
    file.close();
    if (!file) return fail("cannot write {}", path);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) return fail("cannot start a process: {}", std::strerror(errno));
    if (pid == 0) {  // only what is safe between fork and exec
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      execl("/proc/self/exe", "braid", "bench", "dispatch", "--as-rank", path.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    children_.push_back({.pid = pid, .group = task.group, .rank = task.rank});
    return {};
  }

  ControllerLink& link() override { return *controller_.link; }

  Status check() override {
    for (Child& child : children_) TRY_STATUS(look_at(child, false));
    return {};
  }

  Status join() override {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (Child& child : children_) {
      while (child.pid > 0) {
        TRY_STATUS(look_at(child, true));
        if (child.pid <= 0) break;
        if (std::chrono::steady_clock::now() > end)
          return fail("rank {} of group {} does not end", child.rank, child.group);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    }
    return {};
  }

 private:
  struct Child {
    pid_t pid = 0;  // 0: it has ended
    int32_t group = 0;
    int32_t rank = 0;
  };

  static Status look_at(Child& child, bool may_end) {
    int status = 0;
    if (child.pid <= 0 || waitpid(child.pid, &status, WNOHANG) != child.pid) return {};
    child.pid = 0;
    if (may_end && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status))
      return fail("rank {} of group {} ended with code {}", child.rank, child.group, WEXITSTATUS(status));
    return fail("rank {} of group {} ended by signal {}", child.rank, child.group, WTERMSIG(status));
  }

  const PrivateFolder folder_;
  const ZmqController controller_;
  std::vector<Child> children_;
};

}  // namespace

Result<std::unique_ptr<Ranks>> start_processes(const ZmqRanksOptions& options) {
  TRY(PrivateFolder folder, PrivateFolder::make());
  ZmqControllerOptions own{.num_groups = options.layout.num_groups, .limits = link_limits(), .curve = {}};
  own.endpoints = options.is_tcp
                      ? ZmqEndpoints{.maps = "tcp://127.0.0.1:*", .outputs = "tcp://127.0.0.1:*"}
                      : ZmqEndpoints{.maps = "ipc://" + folder.at("maps"), .outputs = "ipc://" + folder.at("outputs")};
  RankTask task{.layout = options.layout};
  if (options.is_encrypted) {
    TRY(const CurveKeyPair server, make_curve_key_pair());
    TRY(const CurveKeyPair client, make_curve_key_pair());
    own.curve = CurveServer{.own = server, .allowed_clients = {client.public_key}};
    task.curve = CurveClient{.own = client, .server_key = server.public_key};
  }
  TRY(ZmqController controller, listen_as_controller(own));
  task.controller = controller.endpoints;
  const auto group_endpoints = [&folder](int32_t group) {
    return ZmqEndpoints{.maps = "ipc://" + folder.at(fmt::format("group-{}-plans", group)),
                        .outputs = "ipc://" + folder.at(fmt::format("group-{}-answers", group))};
  };
  std::vector<ZmqEndpoints> group_links;
  for (int32_t group = 0; group < options.layout.num_groups; ++group) group_links.push_back(group_endpoints(group));
  auto ranks = std::make_unique<RankProcesses>(std::move(folder), std::move(controller));
  for (task.group = 0; task.group < options.layout.num_groups; ++task.group) {
    task.group_link = group_links[static_cast<size_t>(task.group)];
    for (task.rank = 0; task.rank < options.layout.ranks_per_group; ++task.rank) TRY_STATUS(ranks->start(task));
  }
  return std::unique_ptr<Ranks>(std::move(ranks));
}

}  // namespace braid::dispatch
