// A sampler asks once, gets what the front answers, and does not wait for ever.
#include "braid/node/remote_masks.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace braid {
namespace {

class RemoteMasksTest : public ::testing::Test {
 protected:
  std::vector<MaskWanted> asked;
  RemoteMasks masks{[this](const MaskWanted& wanted) { asked.push_back(wanted); }, 30};
};

TEST_F(RemoteMasksTest, AMaskIsAskedForOnceAndGivenOnce) {
  masks.expect(7, 3);
  masks.expect(7, 3);
  EXPECT_EQ(asked, (std::vector{MaskWanted{.request = 7, .position = 3}}));
  masks.take({.request = 7, .position = 3, .words = {5, 6}});
  EXPECT_EQ(**masks.wait_for(7, 3, {}), (std::vector<uint32_t>{5, 6}));
  masks.expect(7, 3);
  EXPECT_EQ(asked.size(), 2U) << "of another world, perhaps";
}

TEST_F(RemoteMasksTest, ASamplerWaitsForTheAnswer) {
  masks.expect(7, 3);
  auto waiting = std::async(std::launch::async, [&] { return masks.wait_for(7, 3, {}); });
  masks.take({.request = 7, .position = 3});
  EXPECT_EQ(*waiting.get(), nullptr) << "any token";
}

TEST_F(RemoteMasksTest, AnErrorEndsTheRequestAlone) {
  masks.expect(7, 3);
  masks.take({.request = 7, .position = 3, .error = "too deep"});
  masks.take({.request = 8, .position = 3, .error = "nobody waits for it"});
  EXPECT_EQ(masks.wait_for(7, 3, {}).error().message, "too deep");
}

TEST(RemoteMasks, NobodyWaitsForEver) {
  RemoteMasks masks([](const MaskWanted&) {}, 0.01);
  EXPECT_EQ(masks.wait_for(7, 3, {}).error().message, "the mask of token 3 has not come within 0.01 s");
  std::stop_source ended;
  ended.request_stop();
  EXPECT_FALSE(masks.wait_for(7, 4, ended.get_token()).ok());
}

}  // namespace
}  // namespace braid
