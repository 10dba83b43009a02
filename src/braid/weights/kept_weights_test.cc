#include "braid/weights/kept_weights.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "braid/tensor/buffer_arena.h"

namespace braid {
namespace {

constexpr std::array<uint64_t, 3> kSums{7, 8, 9};
constexpr std::array<int64_t, 4> kSizes{100, 3L << 20, 70L << 20, 5000};

class KeptWeightsTest : public ::testing::Test {
 protected:
  static std::filesystem::path folder() {
    static const pid_t own = getpid();  // the same in a child
    return std::filesystem::path(::testing::TempDir()) / ("weights-" + std::to_string(own));
  }
  static std::unique_ptr<KeptWeights> open(const std::string& what) {
    auto memory = KeptMemory::open(folder(), "weights-0-0", 5);
    EXPECT_TRUE(memory.ok() && *memory);
    auto kept = KeptWeights::open(**std::move(memory), what);
    EXPECT_TRUE(kept.ok()) << kept.error().message;
    return *std::move(kept);
  }
  static std::vector<Buffer> take(KeptWeights& kept) {
    BufferArena arena([&](int64_t bytes) { return kept.take(bytes); });
    std::vector<Buffer> buffers;
    for (const int64_t bytes : kSizes) {
      buffers.push_back(arena.take(bytes));
      kept.prepare({buffers.back().data(), static_cast<size_t>(bytes)});
    }
    return buffers;
  }
  static void fill(const std::vector<Buffer>& buffers) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      for (int64_t at = 0; at < buffers[i].bytes(); ++at) buffers[i].data()[at] = static_cast<std::byte>(at % 251 + i);
    }
  }
  static bool are_filled(const std::vector<Buffer>& buffers) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      for (int64_t at = 0; at < buffers[i].bytes(); ++at) {
        if (buffers[i].data()[at] != static_cast<std::byte>(at % 251 + i)) return false;
      }
    }
    return true;
  }
  // Loads weights of "a model" in a process that is killed then, or just before the last word.
  static void load_and_be_killed(bool finishes) {
    const pid_t loader = fork();
    if (loader == 0) {
      const auto kept = open("a model");
      const std::vector<Buffer> buffers = take(*kept);
      fill(buffers);
      if (finishes && !kept->finish(kSums).ok()) _exit(1);
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    waitpid(loader, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  MemoryKeeper keeper_ = MemoryKeeper::make(folder(), std::array<std::string, 1>{"weights-0-0"}).value();
};

TEST_F(KeptWeightsTest, TheNextProcessHasWhatAKilledOneHasLoaded) {
  load_and_be_killed(true);
  for (int start = 0; start < 2; ++start) {
    const auto kept = open("a model");
    ASSERT_TRUE(kept->are_there());
    EXPECT_TRUE(are_filled(take(*kept)));
    EXPECT_EQ(kept->sums().value(), std::vector<uint64_t>(kSums.begin(), kSums.end()));
  }
}

TEST_F(KeptWeightsTest, WhatIsNotWholeIsLoadedAgain) {
  load_and_be_killed(false);
  const auto kept = open("a model");
  EXPECT_FALSE(kept->are_there());
  for (const Buffer& buffer : take(*kept)) {
    for (int64_t at = 0; at < buffer.bytes(); at += 100) ASSERT_EQ(buffer.data()[at], std::byte{0}) << at;
  }
}

TEST_F(KeptWeightsTest, OtherWeightsTakeTheirPlace) {
  load_and_be_killed(true);
  {
    const auto kept = open("another model");
    EXPECT_FALSE(kept->are_there());
    fill(take(*kept));
    ASSERT_TRUE(kept->finish(kSums).ok());
  }
  EXPECT_TRUE(open("another model")->are_there());
  EXPECT_FALSE(open("a model")->are_there());
}

TEST_F(KeptWeightsTest, ADescriptionThatIsTooLongIsAnError) {
  auto memory = KeptMemory::open(folder(), "weights-0-0", 5);
  ASSERT_TRUE(memory.ok() && *memory);
  const auto kept = KeptWeights::open(**std::move(memory), std::string(5000, 'x'));
  ASSERT_FALSE(kept.ok());
  EXPECT_EQ(kept.error().message, "5000 bytes say what the weights are, of at most 3071");
}

TEST_F(KeptWeightsTest, AWriteThatGoesAstrayEndsTheProcess) {
  for (const bool are_there : {false, true}) {
    const auto kept = open("a model");
    ASSERT_EQ(kept->are_there(), are_there);
    const std::vector<Buffer> buffers = take(*kept);
    if (!are_there) {
      fill(buffers);
      ASSERT_TRUE(kept->finish(kSums).ok());
    }
    volatile std::byte* const last = buffers.back().data() + buffers.back().bytes() - 1;
    EXPECT_EXIT(*last = std::byte{0}, ::testing::KilledBySignal(SIGSEGV), "");
    EXPECT_TRUE(are_filled(buffers));
  }
}

}  // namespace
}  // namespace braid
