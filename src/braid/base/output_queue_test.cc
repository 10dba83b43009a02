#include "braid/base/output_queue.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "braid/base/check.h"
#include "tests/support/base/test_pipe.h"

namespace braid {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::TestPipe;

std::string dropped(uint64_t num_lines) {
  return fmt::format("{} dropped\n", num_lines);
}

TEST(OutputQueue, WritesLinesInTheirOrderAndTheRestAtItsEnd) {
  TestPipe pipe;
  std::string wanted;
  {
    OutputQueue queue(pipe.write_end());
    for (int i = 0; i < 1000; ++i) {
      const std::string line = fmt::format("line {}\n", i);
      wanted += line;
      queue.push(line);
    }
    EXPECT_TRUE(queue.flush());
    EXPECT_EQ(pipe.read(wanted.size()), wanted);
    queue.push("last\n");
  }
  EXPECT_EQ(pipe.read(5), "last\n");
}

TEST(OutputQueue, NobodyWaitsForAReaderThatDoesNotRead) {
  TestPipe pipe;
  const size_t num_bytes_before = pipe.fill();
  OutputQueue queue(pipe.write_end(), dropped, 1000);
  const std::string line = std::string(99, '-') + "\n";
  const auto start = steady_clock::now();
  for (int i = 0; i < 25; ++i) queue.push(line);
  EXPECT_LT(steady_clock::now() - start, milliseconds(500));
  EXPECT_EQ(queue.num_dropped(), 15U);
  EXPECT_FALSE(queue.flush(milliseconds(20)));

  (void)pipe.read(num_bytes_before);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pipe.read_line(), line);
  EXPECT_EQ(pipe.read_line(), "15 dropped\n") << "where they are missing";
  queue.push("after\n");
  EXPECT_EQ(pipe.read_line(), "after\n");
  EXPECT_EQ(queue.num_dropped(), 15U) << "a notice is said once";
}

TEST(OutputQueue, AStuckReaderDoesNotKeepItFromItsEnd) {
  TestPipe pipe;
  const size_t num_bytes_before = pipe.fill();
  const auto start = steady_clock::now();
  {
    OutputQueue queue(pipe.write_end());
    queue.push("later\n");
  }
  EXPECT_LT(steady_clock::now() - start, kLastWritesTime + milliseconds(4000));
  (void)pipe.read(num_bytes_before);
  EXPECT_EQ(pipe.read_line(), "later\n") << "the thread that is left behind writes when it can";
}

TEST(OutputQueue, CountsWhatCannotBeWritten) {
  const int file = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  {
    OutputQueue queue(file, dropped);
    queue.push("a\nb\n");
    EXPECT_TRUE(queue.flush()) << "lost is not waiting";
    EXPECT_EQ(queue.num_dropped(), 2U);
  }
  ::close(file);
}

TEST(OutputQueue, SeveralThreadsLoseNothing) {
  TestPipe pipe;
  constexpr int kLines = 2000;
  OutputQueue queue(pipe.write_end());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&queue] {
      for (int i = 0; i < kLines; ++i) queue.push("0123456\n");
    });
  }
  const std::string all = pipe.read(size_t{4} * kLines * 8);
  for (std::thread& thread : threads) thread.join();
  for (size_t at = 0; at < all.size(); at += 8) ASSERT_EQ(all.substr(at, 8), "0123456\n");
  EXPECT_EQ(queue.num_dropped(), 0U);
}

TEST(OutputQueueDeathTest, AFailedCheckSaysWhatWaitsFirst) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        OutputQueue queue(STDERR_FILENO);
        for (int i = 0; i < 100; ++i) queue.push("before\n");
        CHECK(1 > 2, "after");
      },
      "(before\n){100}braid: .*CHECK.1 > 2. failed: after\n");
}

TEST(OutputQueueDeathTest, AFailedCheckEndsTheProcessEvenIfNobodyReads) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        TestPipe pipe;
        pipe.fill();
        ::dup2(pipe.write_end(), STDERR_FILENO);
        OutputQueue queue(STDERR_FILENO);
        queue.push("before\n");
        CHECK(1 > 2, "after");
      },
      "");
}

TEST(OutputQueue, WriteWithinGivesUp) {
  TestPipe pipe;
  EXPECT_TRUE(write_within(milliseconds(0), pipe.write_end(), "at once"));
  EXPECT_EQ(pipe.read(7), "at once");
  pipe.fill();
  EXPECT_FALSE(write_within(milliseconds(20), pipe.write_end(), "never"));
}

}  // namespace
}  // namespace braid
