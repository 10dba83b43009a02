#include "braid/worker/weight_check.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "braid/worker/rank_set.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

std::unique_ptr<RankSet> two_groups() {
  const auto checkpoint = Checkpoint::open({.kind = ResolvedModel::Kind::kGguf, .path = testing::kTinyModel}).value();
  const RankOptions options{.layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                            .threads_per_rank = 1,
                            .max_running_requests = 8,
                            .max_total_tokens = 4096};
  return RankSet::load(checkpoint, options, make_null_logger(), {}).value();
}

// The first memory that exactly these ranks compute with.
const WeightMemory& memory_of(const WeightPages& pages, const std::vector<int32_t>& ranks) {
  return *std::ranges::find(pages.memory(), ranks, &WeightMemory::ranks);
}

void flip_bit(const WeightMemory& memory) {
  const_cast<std::byte&>(memory.bytes[memory.bytes.size() / 2]) ^= std::byte{4};
}

TEST(WeightCheck, NamesTheRanksWhoseMemoryChangedAndTheirTensors) {
  const auto ranks = two_groups();
  WeightCheck& check = ranks->weight_check();
  EXPECT_EQ(check.last(1).checked_unix_s, 0);
  const auto before = check.run();
  EXPECT_EQ(before->num_bad_pages, 0);
  ASSERT_EQ(before->ranks.size(), 2U);
  EXPECT_GT(before->ranks[0].checked_unix_s, 1e9);
  EXPECT_LT(before->num_pages, before->ranks[0].num_pages + before->ranks[1].num_pages) << "attention is shared";
  EXPECT_GE(before->num_pages, before->ranks[0].num_pages);

  const WeightMemory& own = memory_of(check.pages(), {1});
  flip_bit(own);
  auto after = check.run();
  EXPECT_EQ(after->num_bad_pages, 1);
  EXPECT_EQ(after->ranks[0].num_bad_pages, 0);
  EXPECT_TRUE(after->ranks[0].damaged.empty());
  EXPECT_EQ(after->ranks[1].num_bad_pages, 1);
  EXPECT_EQ(after->ranks[1].damaged, (std::vector<RankWeights::Damaged>{{own.tensors, 1}}));
  EXPECT_EQ(ranks->status(0)[1].weights, after->ranks[1]);
  EXPECT_EQ(ranks->status(0)[0].weights, after->ranks[0]);

  const WeightMemory& shared = memory_of(check.pages(), {0, 1});
  flip_bit(shared);
  after = check.run();
  EXPECT_EQ(after->num_bad_pages, 2) << "what ranks share counts once";
  EXPECT_EQ(after->ranks[0].damaged, (std::vector<RankWeights::Damaged>{{shared.tensors, 1}}));
  EXPECT_EQ(after->ranks[1].num_bad_pages, 2);

  flip_bit(own);
  flip_bit(shared);
  EXPECT_EQ(check.run()->num_bad_pages, 0);
}

TEST(WeightCheck, ListsNotAllOfManyDamagedWeights) {
  std::vector<std::byte> bytes(2 * RankWeights::kMaxDamaged);
  std::vector<WeightMemory> memory;
  for (const std::byte& byte : bytes) memory.push_back({.tensors = "t", .bytes = {&byte, 1}, .ranks = {0}});
  ThreadTeam team(1);
  WeightCheck check(WeightPages(std::move(memory), team), 1);
  std::ranges::fill(bytes, std::byte{1});
  const auto found = check.run();
  EXPECT_EQ(found->num_bad_pages, std::ssize(bytes));
  EXPECT_EQ(found->ranks[0].num_bad_pages, std::ssize(bytes));
  EXPECT_EQ(found->ranks[0].damaged.size(), RankWeights::kMaxDamaged);
}

TEST(WeightCheck, IsStopped) {
  const auto ranks = two_groups();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(ranks->weight_check().run(stop.get_token()).has_value());
  EXPECT_EQ(ranks->weight_check().last(0).checked_unix_s, 0);
}

}  // namespace
}  // namespace braid
