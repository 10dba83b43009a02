// A group's publisher and its other processes, without ranks. image_faults_test.cc has what goes wrong.
#include "braid/worker/image_carrier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/worker/carried_group.h"

namespace braid {
namespace {

using testing::CarriedGroup;
using testing::numbered_image;

class ByStrategy : public ::testing::TestWithParam<MmStrategy> {};

INSTANTIATE_TEST_SUITE_P(ImageCarrierTest, ByStrategy,
                         ::testing::Values(MmStrategy::kLocal, MmStrategy::kPerRequest, MmStrategy::kBatch,
                                           MmStrategy::kSharded),
                         [](const auto& named) { return std::string(name_of(named.param)); });

TEST_P(ByStrategy, ARequestStartsOnceEveryProcessHasItsImages) {
  CarriedGroup group(GetParam());
  group.want(1, {1, 2});
  group.want(2, {2, 3, 4});
  EXPECT_FALSE(group.sender->state(1));
  for (const RequestId request : {1, 2}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2, 3, 4}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.num_made(), GetParam() == MmStrategy::kLocal ? 4 * 3 : 4) << "each once, by one process or by all";
  for (const MmStrategy strategy : group.strategies) EXPECT_EQ(strategy, GetParam());
}

TEST_P(ByStrategy, OnlyWhatProcessesLackIsSent) {
  CarriedGroup group(GetParam());
  group.want(1, {1});
  ASSERT_TRUE(group.settle(1).ok());
  group.sender->release(1);
  const int64_t num_sent = group.num_sent;
  group.want(2, {1});
  ASSERT_TRUE(group.settle(2).ok());
  EXPECT_EQ(group.num_sent, num_sent);
  EXPECT_TRUE(group.have(1));
}

TEST_P(ByStrategy, ImagesInUseStayAndTheOldestOfTheOthersAreDropped) {
  CarriedGroup group(GetParam(), {0, 0, 1}, 2);
  for (const int number : {1, 2, 3, 4}) {
    group.want(static_cast<RequestId>(number), {number});
    ASSERT_TRUE(group.settle(static_cast<RequestId>(number)).ok());
  }
  for (const int number : {1, 2, 3, 4}) EXPECT_TRUE(group.have(number)) << "all are in use, beyond the limit";
  EXPECT_EQ(group.num_dropped, 0U);
  for (const RequestId request : {1, 2, 3, 4}) group.sender->release(request);
  group.round();
  EXPECT_EQ(group.num_dropped, 2U);
  for (const auto& store : group.stores) EXPECT_EQ(store->counts().num_in_use, 0);
  for (const size_t receiver : {1, 2}) {
    EXPECT_NE(group.stores[receiver]->find(numbered_image(4).span.key), nullptr) << "kept, though not in use";
  }
}

TEST_P(ByStrategy, ABadImageFailsItsOwnRequestOnly) {
  CarriedGroup group(GetParam());
  for (const RequestId request : {1, 3, 5}) {
    group.want(request, {static_cast<int>(request), 66});
    group.want(request + 1, {static_cast<int>(request)});
    const ImagesState bad = group.settle(request);
    ASSERT_FALSE(bad.ok());
    EXPECT_TRUE(bad.error().is_bad_request);
    EXPECT_EQ(bad.error().message, "image 1: it is bad");
    group.sender->release(request);
    ASSERT_TRUE(group.settle(request + 1).ok());
    EXPECT_TRUE(group.have(static_cast<int>(request)));
  }
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 0U);
}

TEST_P(ByStrategy, AbortedRequestsLeaveNothingInUse) {
  CarriedGroup group(GetParam(), {0, 0, 1}, 0);
  for (int number = 1; number <= 20; ++number) {
    const auto request = static_cast<RequestId>(number);
    group.want(request, {number, number + 100});
    for (int i = 0; i < number % 5; ++i) group.round();
    group.sender->release(request);
  }
  for (int i = 0; i < 10'000 && group.num_in_use() > 0; ++i) {
    group.round();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_EQ(group.num_in_use(), 0);
}

TEST(ImageCarrier, ABatchIsOneMessageAndRequestsAreOneEach) {
  for (const auto& [strategy, num_messages] : {std::pair(MmStrategy::kBatch, 1), {MmStrategy::kPerRequest, 2}}) {
    CarriedGroup group(strategy);
    group.want(1, {1, 2});
    group.want(2, {3});
    for (const int number : {1, 2, 3}) {
      while (group.stores[0]->find(numbered_image(number).span.key) == nullptr) std::this_thread::yield();
    }
    const std::vector<PlanImages> messages = group.sender->take_messages();
    EXPECT_EQ(std::ssize(messages), num_messages);
  }
}

TEST(ImageCarrier, AutoSendsABatchOfTwoAndOneAlone) {
  CarriedGroup group(std::nullopt, {0, 0});
  group.want(1, {1});
  ASSERT_TRUE(group.settle(1).ok());
  group.want(2, {2, 3});
  for (const int number : {2, 3}) {
    while (group.stores[0]->find(numbered_image(number).span.key) == nullptr) std::this_thread::yield();
  }
  ASSERT_TRUE(group.settle(2).ok());
  EXPECT_EQ(group.strategies, (std::vector{MmStrategy::kPerRequest, MmStrategy::kBatch}));
}

// Where processes share a vision tower, none of them makes an image alone.
TEST(ImageCarrier, WithASharedTowerWhatFailsIsMadeOnceMoreAtThePublisher) {
  CarriedGroup group(std::nullopt, {0, 0, 1}, 100, 30, true);
  group.makers[0]->num_to_throw = 1;
  for (const RequestId request : {1, 2, 3}) group.want(request, {static_cast<int>(request)});
  for (const RequestId request : {1, 2, 3}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2, 3}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.makers[1]->num_prepared + group.makers[2]->num_prepared, 0);
  EXPECT_EQ(group.stores[0]->counts().num_unshared, 1U);
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 0U);
}

TEST(ImageCarrier, WithASharedTowerMemoryThatCannotBeOpenedTravelsAsBytes) {
  CarriedGroup group(std::nullopt, {0, 0}, 100, 30, true);
  group.num_to_lose = 1;
  for (const RequestId request : {1, 2}) group.want(request, {static_cast<int>(request)});
  for (const RequestId request : {1, 2}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.num_made(), 2) << "each once";
  EXPECT_EQ(group.stores[0]->counts().num_unshared, 1U);
}

TEST(ImageCarrier, WithASharedTowerWhatFailsTwiceFailsTheRequest) {
  CarriedGroup group(std::nullopt, {0, 0}, 100, 30, true);
  group.makers[0]->num_to_throw = 1000;
  group.want(1, {1});
  EXPECT_FALSE(group.settle(1).ok());
  group.sender->release(1);
  group.makers[0]->num_to_throw = 0;
  group.want(2, {2, 66});
  EXPECT_EQ(group.settle(2).error().message, "image 1: it is bad");
}

}  // namespace
}  // namespace braid
