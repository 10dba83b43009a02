#include "braid/base/kept_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <thread>

namespace braid {
namespace {

namespace fs = std::filesystem;

class KeptMemoryTest : public ::testing::Test {
 protected:
  static KeptMemory open(const std::string& name, double wait_s = 5) {
    auto memory = KeptMemory::open(folder(), name, wait_s);
    EXPECT_TRUE(memory.ok() && memory->has_value()) << (memory.ok() ? "nobody keeps it" : memory.error().message);
    return **std::move(memory);
  }
  // The same in a child.
  static fs::path folder() {
    static const pid_t own = getpid();
    return fs::path(::testing::TempDir()) / ("kept-" + std::to_string(own)) / "memories";
  }
  static char* map(const KeptMemory& memory, size_t bytes) {
    return static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.file(), 0));
  }

  std::optional<MemoryKeeper> keeper_{MemoryKeeper::make(folder(), std::array<std::string, 2>{"0-0", "0-1"}).value()};
};

TEST_F(KeptMemoryTest, AnotherProcessFindsWhatAKilledOneHasWritten) {
  const pid_t writer = fork();
  if (writer == 0) {
    KeptMemory memory = open("0-1");
    if (memory.bytes() != 0 || !memory.clear(8192).ok()) _exit(1);
    char* const bytes = map(memory, 8192);
    std::strcpy(bytes, "it was here");
    kill(getpid(), SIGKILL);
  }
  waitpid(writer, nullptr, 0);
  const KeptMemory memory = open("0-1");
  EXPECT_EQ(memory.bytes(), 8192);
  EXPECT_EQ(memory.committed_bytes(), 4096);
  char* const bytes = map(memory, 8192);
  EXPECT_STREQ(bytes, "it was here");
  munmap(bytes, 8192);
  EXPECT_EQ(open("0-0").bytes(), 0);
}

TEST_F(KeptMemoryTest, ClearedMemoryIsZeroAndTakesNone) {
  KeptMemory memory = open("0-0");
  ASSERT_TRUE(memory.clear(8192).ok());
  char* const bytes = map(memory, 8192);
  bytes[0] = bytes[5000] = 7;
  EXPECT_EQ(memory.committed_bytes(), 8192);
  munmap(bytes, 8192);
  ASSERT_TRUE(memory.clear(4096).ok());
  EXPECT_EQ(memory.committed_bytes(), 0);
  char* const again = map(memory, 4096);
  EXPECT_EQ(again[0], 0);
  munmap(again, 4096);
}

TEST_F(KeptMemoryTest, OneProcessHasItAtATime) {
  std::optional<KeptMemory> first = open("0-0");
  const auto refused = KeptMemory::open(folder(), "0-0", 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("0-0: another process has had it for 0 s"), std::string::npos)
      << refused.error().message;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    first.reset();
  });
  EXPECT_EQ(open("0-0").bytes(), 0) << "it is waited for";
  later.join();
}

TEST_F(KeptMemoryTest, NobodyKeepsOthers) {
  const auto other = KeptMemory::open(folder(), "0-2", 0);
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE(other->has_value());
  keeper_.reset();
  EXPECT_FALSE(fs::exists(folder()));
}

}  // namespace
}  // namespace braid
