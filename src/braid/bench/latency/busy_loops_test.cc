#include "braid/bench/latency/busy_loops.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "braid/base/result.h"

namespace braid {
namespace {

// Its third field: R runs, T is stopped, Z has ended; none is left of a process whose end its parent has seen.
std::string state_of(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string id;
  std::string name;
  std::string state;
  in >> id >> name >> state;
  return state;
}

// Processor time in clock ticks.
int64_t ticks_of(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/stat");
  std::string field;
  for (int i = 0; i < 13; ++i) in >> field;
  int64_t user = 0;
  in >> user;
  return user;
}

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

TEST(BusyLoops, TheyComputeBetweenRunAndPauseAlone) {
  auto loops = BusyLoops::start(2);
  ASSERT_TRUE(loops.ok()) << loops.error().message;
  ASSERT_EQ(loops->processes().size(), 2U);
  for (int turn = 0; turn < 2; ++turn) {
    for (const pid_t process : loops->processes()) EXPECT_EQ(state_of(process), "T");
    ASSERT_TRUE(loops->run().ok());
    for (const pid_t process : loops->processes()) {
      const int64_t before = ticks_of(process);
      for (int i = 0; i < 1000 && ticks_of(process) < before + 3; ++i) sleep_ms(10);
      EXPECT_GE(ticks_of(process), before + 3);
    }
    ASSERT_TRUE(loops->pause().ok());
  }
}

TEST(BusyLoops, NoneIsLeftBehind) {
  pid_t process = 0;
  {
    auto loops = BusyLoops::start(1);
    ASSERT_TRUE(loops.ok());
    ASSERT_TRUE(loops->run().ok());
    process = loops->processes().front();
    EXPECT_EQ(kill(process, 0), 0);
  }
  EXPECT_NE(kill(process, 0), 0);
}

// The measuring process has no time to tell them.
TEST(BusyLoops, TheyEndWithAProcessThatIsKilled) {
  for (const bool runs : {false, true}) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t owner = fork();
    ASSERT_GE(owner, 0);
    if (owner == 0) {
      auto loops = BusyLoops::start(1);
      if (!loops.ok() || (runs && !loops->run().ok())) _exit(1);
      const pid_t process = loops->processes().front();
      if (write(pipe_ends[1], &process, sizeof(process)) != sizeof(process)) _exit(1);
      for (;;) pause();
    }
    pid_t process = 0;
    ASSERT_EQ(read(pipe_ends[0], &process, sizeof(process)), static_cast<ssize_t>(sizeof(process)));
    ASSERT_EQ(kill(owner, SIGKILL), 0);
    ASSERT_EQ(waitpid(owner, nullptr, 0), owner);
    const auto has_ended = [&] { return state_of(process).empty() || state_of(process) == "Z"; };
    for (int i = 0; i < 1000 && !has_ended(); ++i) sleep_ms(10);
    EXPECT_TRUE(has_ended()) << state_of(process);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
  }
}

}  // namespace
}  // namespace braid
