// The tests of all worlds (communicator_cases.h) in the processes of an MPI job, and what happens when one of them
// dies: tests/e2e/test_mpi.py starts it with mpirun. All processes run the same tests at once. A job ends with its
// first world that fails, so each test of a failure is a job of its own.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "braid/base/clock.h"
#include "braid/parallel/host_memory.h"
#include "braid/parallel/mpi_module.h"
#include "braid/parallel/process_join.h"
#include "braid/parallel/process_world.h"
#include "tests/support/parallel/communicator_cases.h"

namespace braid::testing {
namespace {

// Of this process; main() opens it.
std::shared_ptr<ProcessPort>& job_port() {
  static std::shared_ptr<ProcessPort> port;
  return port;
}

// Whether processes share memory beside the port.
bool& is_one_host() {
  static bool is_one = false;
  return is_one;
}

int32_t this_process() {
  return job_port()->process();
}

// Within which the others have their report, too.
constexpr std::chrono::seconds kOthersReport(2);

// The ranks that this process has of a world. The last processes have one each, the first has the rest.
class MpiProcesses {
 public:
  static int32_t fewest_ranks() { return job_port()->num_processes(); }

  explicit MpiProcesses(const ParallelLayout& layout, const WorldOptions& options = {}) {
    const int32_t others = fewest_ranks() - 1;
    const auto spread =
        join_processes(*job_port(), {.layout = layout, .num_ranks = this_process() == 0 ? layout.tp_size - others : 1});
    if (!spread.ok()) throw std::runtime_error(spread.error().message);
    std::shared_ptr<const HostMemory> memory;
    if (is_one_host()) {
      const auto met = HostMemory::meet(*job_port(), *spread, layout.attn_tp_size(), 60);
      if (!met.ok() || !(*met)->trouble().empty()) throw std::runtime_error("the processes share no memory");
      memory = *met;
    }
    world_ = std::make_unique<ProcessWorld>(layout, *spread, job_port(), options, std::move(memory));
  }
  ~MpiProcesses() {
    const Status left = world_->has_failed() ? Status() : world_->leave();
    EXPECT_TRUE(left.ok()) << left.error().message;
    if (!world_->has_failed()) return;
    std::string report = "process " + std::to_string(this_process()) + " reports: " + world_->failure();
    std::ranges::replace(report, '\n', '|');
    report += '\n';
    std::fputs(report.c_str(), stdout);
    std::fflush(stdout);
    // mpirun lets a stopped process go on as soon as another one has ended: then it would answer the others' questions.
    std::this_thread::sleep_for(kOthersReport);
  }
  MpiProcesses(const MpiProcesses&) = delete;
  MpiProcesses& operator=(const MpiProcesses&) = delete;

  IndexRange own_ranks() const { return world_->own_ranks(); }
  WorldCommunicator world(int32_t rank) const { return world_->world(rank); }
  GroupCommunicator group(int32_t rank) const { return world_->group(rank); }
  void abort(std::string_view reason) const { world_->abort(reason); }
  bool has_failed() const { return world_->has_failed(); }
  std::string failure() const { return world_->failure(); }

 private:
  std::unique_ptr<ProcessWorld> world_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Mpi, CommunicatorOf, MpiProcesses);

TEST(Idle, ALongWaitCostsNextToNothing) {
  constexpr double kWait_s = 2;
  const MpiProcesses world({.tp_size = 4});
  const double before_s = process_cpu_seconds();
  run_ranks(world, [&](int32_t rank) {
    if (rank == 3) std::this_thread::sleep_for(std::chrono::duration<double>(kWait_s));
    EXPECT_TRUE(world.world(rank).barrier().ok());
  });
  const auto num_ranks = static_cast<double>(world.own_ranks().end - world.own_ranks().begin);
  EXPECT_LT(process_cpu_seconds() - before_s, 0.02 * num_ranks * kWait_s);
}

constexpr int32_t kFaultyProcess = 1;

// Ranks that meet again and again, until the fault of one process in step 20. The others must end, and name it.
void expect_named_after(void (*fault)()) {
  const MpiProcesses world({.tp_size = 4}, {.timeout_s = 1});
  run_ranks(world, [&](int32_t rank) {
    Status status;
    std::vector<float> data(10'000, static_cast<float>(rank));
    for (int64_t step = 0; status.ok(); ++step) {
      if (step == 20 && this_process() == kFaultyProcess) fault();
      world.world(rank).begin_step(step);
      status = world.world(rank).all_reduce(std::span(data));
    }
    const std::string& error = status.error().message;
    EXPECT_NE(error.find("took longer than 1 s"), std::string::npos) << error;
    EXPECT_NE(error.find("its process 1 does not answer"), std::string::npos) << error;
  });
}

// The fault comes between the halves of operations that overlap: two are under way, and long ones.
void expect_named_within_begun(void (*fault)()) {
  const MpiProcesses world({.tp_size = 4}, {.timeout_s = 1});
  run_ranks(world, [&](int32_t rank) {
    const WorldCommunicator comm = world.world(rank);
    const std::vector<int64_t> counts(4, 20'000);
    const std::vector<float> parts(80'000, static_cast<float>(rank));
    std::vector<float> first(20'000);
    std::vector<float> second(20'000);
    Status status;
    for (int64_t step = 0; status.ok(); ++step) {
      comm.begin_step(step);
      status = comm.begin_reduce_scatter_v(parts, first, counts);
      if (status.ok()) status = comm.begin_reduce_scatter_v(parts, second, counts);
      if (step == 20 && this_process() == kFaultyProcess) fault();
      if (status.ok()) status = comm.finish();
      if (status.ok()) status = comm.finish();
    }
    const std::string& error = status.error().message;
    EXPECT_NE(error.find("took longer than 1 s"), std::string::npos) << error;
    EXPECT_NE(error.find("its process 1 does not answer"), std::string::npos) << error;
  });
}

TEST(Fault, AProcessKilledWithinAnOverlapIsNamed) {
  expect_named_within_begun([] { raise(SIGKILL); });
}

TEST(Fault, AProcessStoppedWithinAnOverlapIsNamed) {
  expect_named_within_begun([] { raise(SIGSTOP); });
}

TEST(Fault, AKilledProcessIsNamed) {
  expect_named_after([] { raise(SIGKILL); });
}

TEST(Fault, AProcessThatExitsIsNamed) {
  expect_named_after([] { std::_Exit(3); });
}

TEST(Fault, AStoppedProcessIsNamed) {
  expect_named_after([] { raise(SIGSTOP); });
}

}  // namespace
}  // namespace braid::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const bool has_host = argc == 3 && std::string_view(argv[2]) == "host";
  if (argc != 2 && !has_host) {
    std::fprintf(stderr, "usage: mpirun -n 2 mpi_ranks build/…/braid_mpi.so [host] [--gtest_filter=…]\n");
    return 2;
  }
  braid::testing::is_one_host() = has_host;
  auto port = braid::open_mpi(argv[1], 60);
  if (!port.ok()) {
    std::fprintf(stderr, "%s\n", port.error().message.c_str());
    return 2;
  }
  braid::testing::job_port() = *port;
  port->reset();
  const int code = RUN_ALL_TESTS();
  braid::testing::job_port().reset();
  return code;
}
