#include "braid/base/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace braid {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The timers of this process that signal one thread (proc_pid_timers(5)), as the kernel lists them.
std::string timers_of_threads() {
  std::ifstream file("/proc/self/timers");
  std::string found;
  for (std::string line; std::getline(file, line);) {
    if (line.find("signal/tid.") != std::string::npos) found += line + ' ';
  }
  return found;
}

double thread_cpu_ms() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

void work_for_cpu_ms(double duration) {
  const double end = thread_cpu_ms() + duration;
  while (thread_cpu_ms() < end) {
  }
}

// How often this thread has slept or waited so far, of its own will.
int64_t num_sleeps() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Threads that compute on all CPUs, and one more.
class FullMachine {
 public:
  FullMachine() {
    const auto num_threads = static_cast<size_t>(sysconf(_SC_NPROCESSORS_ONLN)) + 1;
    for (size_t i = 0; i < num_threads; ++i) {
      threads_.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
        }
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

TEST(ShortTurnsTest, AThreadSleepsBetweenTurnsOnAFullMachineAndNotAfterThem) {
  const FullMachine others;
  const int64_t before = num_sleeps();
  const auto start = steady_clock::now();
  {
    const ShortTurns turns;
    work_for_cpu_ms(10);
  }
  const int64_t slept = num_sleeps() - before;
  EXPECT_GE(slept, 8);  // about twenty turns, and some are longer where a timer comes late
  EXPECT_GE(steady_clock::now() - start, slept * milliseconds(9));
  work_for_cpu_ms(10);
  EXPECT_EQ(num_sleeps() - before, slept);
}

TEST(ShortTurnsTest, ATimerSignalsTheThreadWhileItLives) {
  if (!std::filesystem::exists("/proc/self/timers")) GTEST_SKIP() << "this kernel does not list timers";
  {
    const ShortTurns turns;
    const std::string timers = timers_of_threads();
    EXPECT_NE(timers.find("tid." + std::to_string(gettid())), std::string::npos) << timers;
  }
  EXPECT_EQ(timers_of_threads(), "");
}

TEST(ShortTurnsTest, ErrnoAndPriorityStayWhatTheyWere) {
  const FullMachine others;
  const int priority = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  const ShortTurns turns;
  errno = EDOM;
  work_for_cpu_ms(3);
  EXPECT_EQ(errno, EDOM);
  EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), priority);
}

TEST(ShortTurnsTest, ASleepOfTheWorkItselfIsNotCutShort) {
  const ShortTurns turns;
  const auto start = steady_clock::now();
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_GE(steady_clock::now() - start, milliseconds(30));
}

}  // namespace
}  // namespace braid
