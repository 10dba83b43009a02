#include "braid/worker/header_exchange.h"

#include <gtest/gtest.h>

#include "braid/parallel/local_world.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

TEST(WorldHeaders, CarryEveryFieldToEveryRank) {
  const ParallelLayout layout{.tp_size = 3};
  const LocalWorld world(layout);
  const std::vector<StepHeader> sent{
      {.round = 9,
       .work_count = 7,
       .num_tokens = 512,
       .num_logit_rows = 3,
       .halved_sizes = 0x80000201,
       .must_stop = true},
      {.round = 9,
       .plan_bytes = int64_t{1} << 40,
       .image_bytes = int64_t{1} << 41,
       .images = {.num_settled = uint64_t{1} << 42, .has_failed = true, .may_succeed_elsewhere = true},
       .held_steps = 5,
       .prefill_goes_on = true,
       .moves_pages = true},
      {.round = 9, .halved_sizes = ~uint32_t{0}, .has_failed = true}};
  testing::on_each_rank(3, [&](int32_t rank) {
    WorldHeaders headers(world.world(rank));
    std::vector<StepHeader> got(3);
    const Status met = headers.exchange(sent[static_cast<size_t>(rank)], got);
    ASSERT_TRUE(met.ok()) << met.error().message;
    EXPECT_EQ(got, sent);
  });
}

}  // namespace
}  // namespace braid
