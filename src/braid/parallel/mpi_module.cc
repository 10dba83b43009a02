#include "braid/parallel/mpi_module.h"

#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace braid {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModuleFile = "braid_mpi.so";

// MPI_Init and MPI_Finalize wait for the other processes, without a deadline, and one thread must call both. So that
// nobody has to wait as long as they do, they have a thread of their own, which is left behind if it does not return.
class PortThread {
 public:
  explicit PortThread(OpenPort* open) : work_(std::make_shared<Work>()) {
    thread_ = std::thread([open, work = work_] { work->run(open); });
  }
  ~PortThread() { is_done_ ? thread_.join() : thread_.detach(); }
  PortThread(const PortThread&) = delete;
  PortThread& operator=(const PortThread&) = delete;

  Result<ProcessPort*> opened(double timeout_s) {
    std::unique_lock lock(work_->mutex);
    if (!work_->wait(lock, timeout_s, [&] { return work_->is_open || work_->is_closed; })) {
      return fail("MPI_Init has taken longer than {} s: have all processes of the job started?", timeout_s);
    }
    is_done_ = work_->is_closed;
    if (work_->port == nullptr) return fail("MPI: {}", work_->error);
    return work_->port;
  }

  void close(double timeout_s) {
    std::unique_lock lock(work_->mutex);
    work_->is_closing = true;
    work_->changed.notify_all();
    is_done_ = work_->wait(lock, timeout_s, [&] { return work_->is_closed; });
  }

 private:
  struct Work {
    void run(OpenPort* open) {
      const char* why = "no reason";
      ProcessPort* const opened = open(&why);
      std::unique_lock lock(mutex);
      port = opened;
      error = why;
      is_open = opened != nullptr;
      changed.notify_all();
      changed.wait(lock, [&] { return is_closing || !is_open; });
      lock.unlock();
      if (opened != nullptr) opened->close();
      const std::unique_ptr<ProcessPort> last(opened);
      lock.lock();
      is_closed = true;
      changed.notify_all();
    }
    bool wait(std::unique_lock<std::mutex>& lock, double timeout_s, const auto& condition) {
      return changed.wait_for(lock, std::chrono::duration<double>(timeout_s), condition);
    }

    std::mutex mutex;
    std::condition_variable changed;
    ProcessPort* port = nullptr;
    std::string error;
    bool is_open = false;
    bool is_closing = false;
    bool is_closed = false;
  };

  std::shared_ptr<Work> work_;  // the thread's too
  std::thread thread_;
  bool is_done_ = false;
};

// The address of its OpenPort.
Result<void*> load(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    return fail("{} is missing, and with it MPI: build braid where MPI is installed (package libopenmpi-dev)", path);
  }
  // Global, because Open MPI loads parts of its own that look for its symbols. It stays loaded: MPI cannot start twice.
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (module == nullptr) return fail("{}: is MPI installed (package openmpi-bin)?", dlerror());
  void* const symbol = dlsym(module, kOpenPortSymbol);
  if (symbol == nullptr) return fail("{} belongs to another version of braid: it has no {}", path, kOpenPortSymbol);
  return symbol;
}

}  // namespace

std::string mpi_module_path() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path beside = folder / kModuleFile;
  return fs::exists(beside, error) ? beside : folder.parent_path() / "lib" / "braid" / kModuleFile;
}

Result<std::shared_ptr<ProcessPort>> open_mpi(const std::string& module_path, double timeout_s) {
  TRY(void* const open, load(module_path));
  auto thread = std::make_unique<PortThread>(reinterpret_cast<OpenPort*>(open));
  TRY(ProcessPort* const port, thread->opened(timeout_s));
  return std::shared_ptr<ProcessPort>(port, [owner = std::shared_ptr<PortThread>(std::move(thread)),
                                             timeout_s](ProcessPort*) { owner->close(timeout_s); });
}

}  // namespace braid
