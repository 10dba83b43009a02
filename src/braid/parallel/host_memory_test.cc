#include "braid/parallel/host_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <vector>

#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

using testing::memory_ports;
using testing::on_each_rank;

using Memories = std::vector<std::shared_ptr<const HostMemory>>;

Memories meet_on_one_host(const std::vector<int32_t>& ranks_of_each, int32_t group_size) {
  const RankSpread spread(ranks_of_each);
  const auto ports = memory_ports(spread.num_processes());
  Memories memories(ports.size());
  on_each_rank(spread.num_processes(), [&](int32_t process) {
    const auto index = static_cast<size_t>(process);
    auto memory = HostMemory::meet(*ports[index], spread, group_size, 60);
    ASSERT_TRUE(memory.ok()) << memory.error().message;
    memories[index] = *std::move(memory);
  });
  return memories;
}

TEST(HostMemory, RingsLeadFromEachProcessToEachOther) {
  const Memories memories = meet_on_one_host({1, 1, 1, 1}, 2);
  for (int32_t from = 0; from < 4; ++from) {
    for (int32_t to = 0; to < 4; ++to) {
      const HostMemory& sender = *memories[static_cast<size_t>(from)];
      const HostMemory& receiver = *memories[static_cast<size_t>(to)];
      EXPECT_EQ(sender.trouble(), "");
      EXPECT_EQ(sender.is_shared_with(to), from != to);
      for (const bool is_group : {false, true}) {
        const auto writer = sender.writer_to(to, is_group);
        const auto reader = receiver.reader_of(from, is_group);
        const bool is_there = from != to && (!is_group || from / 2 == to / 2);
        EXPECT_EQ(writer != nullptr, is_there);
        EXPECT_EQ(reader != nullptr, is_there);
        if (!is_there) continue;
        const std::vector<std::byte> data(kMostRingData, static_cast<std::byte>(8 * from + 2 * to));
        ASSERT_TRUE(writer->try_send({.step = 4 * from + to, .is_group = is_group}, data));
        ASSERT_TRUE(reader->has_next());
        const auto message = reader->take();
        EXPECT_EQ(message->call.step, 4 * from + to);
        EXPECT_EQ(message->call.is_group, is_group);
        EXPECT_TRUE(std::ranges::equal(message->data, data));
      }
    }
  }
}

// What was sent before stays as it is: no ring lies in another.
TEST(HostMemory, RingsDoNotTouch) {
  const Memories memories = meet_on_one_host({1, 1, 1}, 3);
  std::vector<std::unique_ptr<RingReader>> readers;
  for (int32_t from = 0; from < 3; ++from) {
    for (int32_t to = 0; to < 3; ++to) {
      for (const bool is_group : {false, true}) {
        if (from == to) continue;
        const auto writer = memories[static_cast<size_t>(from)]->writer_to(to, is_group);
        const std::vector<std::byte> data(kMostRingData, static_cast<std::byte>(readers.size()));
        while (writer->try_send({}, data)) {
        }
        readers.push_back(memories[static_cast<size_t>(to)]->reader_of(from, is_group));
      }
    }
  }
  for (size_t i = 0; i < readers.size(); ++i) {
    int num_messages = 0;
    for (; readers[i]->has_next(); ++num_messages) {
      const auto message = readers[i]->take();
      EXPECT_TRUE(std::ranges::all_of(message->data, [&](std::byte one) { return one == static_cast<std::byte>(i); }));
    }
    EXPECT_GT(num_messages, 1);
  }
}

TEST(HostMemory, AProcessOfSeveralRanksSharesMemoryWithoutRings) {
  const Memories memories = meet_on_one_host({2, 1, 1}, 1);
  EXPECT_TRUE(memories[0]->is_shared_with(1) && memories[1]->is_shared_with(0));
  EXPECT_EQ(memories[0]->writer_to(1, false), nullptr);
  EXPECT_EQ(memories[1]->reader_of(0, false), nullptr);
  EXPECT_NE(memories[1]->writer_to(2, false), nullptr);
}

TEST(HostMemory, ManyProcessesHaveSmallerSlots) {
  const Memories memories = meet_on_one_host(std::vector<int32_t>(40, 1), 1);
  const auto writer = memories[3]->writer_to(20, false);
  EXPECT_FALSE(writer->try_send({}, std::vector<std::byte>(kMostRingData)));
  ASSERT_TRUE(writer->try_send({.step = 5}, std::vector<std::byte>(4096)));
  EXPECT_EQ(memories[20]->reader_of(3, false)->take()->call.step, 5);
}

TEST(HostMemory, WithoutMemoryNothingIsSharedAndItSaysWhy) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const Memories memories = meet_on_one_host({1, 1}, 1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  for (int32_t process = 0; process < 2; ++process) {
    const HostMemory& memory = *memories[static_cast<size_t>(process)];
    EXPECT_NE(memory.trouble().find("shared memory"), std::string::npos) << memory.trouble();
    EXPECT_FALSE(memory.is_shared_with(1 - process));
    EXPECT_EQ(memory.writer_to(1 - process, false), nullptr);
  }
}

TEST(HostMemory, AProcessThatDoesNotComeIsNamed) {
  const auto ports = memory_ports(2);
  const auto memory = HostMemory::meet(*ports[0], RankSpread(std::vector<int32_t>{1, 1}), 1, 0.05);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.error().message, "process 1 of 2 has not come to share memory within 0.05 s");
}

}  // namespace
}  // namespace braid
