#include "braid/base/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace braid {
namespace {

TEST(RunInBackground, WorkIsDoneByAnotherThreadWhenItReturns) {
  std::thread::id worker;
  run_in_background([&] { worker = std::this_thread::get_id(); });
  EXPECT_NE(worker, std::thread::id());
  EXPECT_NE(worker, std::this_thread::get_id());
}

TEST(RunInBackground, LongWorkLosesItsPriorityAndTheCallerKeepsItsOwn) {
  const auto priority = [] { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); };
  const int before = priority();
  int reached = before;
  run_in_background([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((reached = priority()) != 19 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(reached, 19);
  EXPECT_EQ(priority(), before);
}

// The timers of this process that signal one thread (proc_pid_timers(5)), as the kernel lists them.
std::string timers_of_threads() {
  std::ifstream file("/proc/self/timers");
  std::string found;
  for (std::string line; std::getline(file, line);) {
    if (line.find("signal/tid.") != std::string::npos) found += line + ' ';
  }
  return found;
}

TEST(RunInBackground, LongWorkIsInterruptedByATimerSoThatItOffersItsCpu) {
  if (!std::filesystem::exists("/proc/self/timers")) GTEST_SKIP() << "this kernel does not list timers";
  std::string reached;
  pid_t id = 0;
  run_in_background([&] {
    id = gettid();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((reached = timers_of_threads()).empty() && std::chrono::steady_clock::now() < deadline) {
    }
    const auto enough = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);  // forty turns
    while (std::chrono::steady_clock::now() < enough) {
    }
  });
  EXPECT_NE(reached.find("tid." + std::to_string(id)), std::string::npos) << reached;
  EXPECT_EQ(timers_of_threads(), "");
}

TEST(RunInBackground, AnExceptionReachesTheCaller) {
  EXPECT_THROW(run_in_background([] { throw std::runtime_error("no"); }), std::runtime_error);
}

}  // namespace
}  // namespace braid
