// A group's publisher and its other processes, without ranks: each has a store, and messages pass by function calls.
#include "braid/worker/image_carrier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/worker/image_receiver.h"
#include "braid/worker/image_sender.h"

namespace braid {
namespace {

constexpr int32_t kHiddenSize = 2;

// The number in an image's bytes is the value of all its features. Some are bad, or fail as often as a test says.
class NumberMaker final : public ImageMaker {
 public:
  Result<ImagePatches> prepare(const std::string& bytes) override {
    ++num_prepared;
    if (bytes == "66") return fail("it is bad");
    if (num_to_throw > 0) {
      --num_to_throw;
      throw std::runtime_error("it threw");
    }
    return ImagePatches{.pixels = {static_cast<uint8_t>(std::stoi(bytes))}};
  }
  Result<ImageFeatures> encode(const ImagePatches& patches) override {
    ImageFeatures features{.embeddings = RowsBuffer(DType::kFloat32, 3, kHiddenSize)};
    features.deepstack.emplace_back(DType::kFloat32, 3, kHiddenSize);
    for (int32_t row = 0; row < 3; ++row) {
      features.embeddings.first(3).row<float>(row)[0] = patches.pixels[0];
      features.deepstack[0].first(3).row<float>(row)[0] = -1.0F * patches.pixels[0];
    }
    return features;
  }

  std::atomic<int> num_prepared = 0;
  std::atomic<int> num_to_throw = 0;
};

RequestImage numbered_image(int number) {
  RequestImage image{.bytes = std::make_shared<const std::string>(std::to_string(number)),
                     .span = {.grid = {.rows = 1, .cols = 3}}};
  image.span.key[0] = static_cast<uint8_t>(number);
  return image;
}

class CarriedGroup {
 public:
  explicit CarriedGroup(std::optional<MmStrategy> strategy, std::vector<int32_t> hosts = {0, 0, 1},
                        int64_t max_entries = 100, bool shares_tower = false)
      : hosts_(std::move(hosts)) {
    for (size_t i = 0; i < hosts_.size(); ++i) {
      makers.push_back(std::make_unique<NumberMaker>());
      stores.push_back(
          std::make_unique<ImageStore>(*makers[i], ImageStoreOptions{.max_entries = 0, .is_shared = true}));
    }
    const ImageCarrierOptions options{.broadcast = {.strategy = strategy},
                                      .max_entries = max_entries,
                                      .hidden = kHiddenSize,
                                      .layers = 2,
                                      .max_tokens = 100,
                                      .shares_tower = shares_tower};
    sender = std::make_unique<ImageSender>(*stores[0], options,
                                           ImageProcesses{.hosts = hosts_, .share_tower = shares_tower});
    sender->on_made([] {});
    for (size_t i = 1; i < hosts_.size(); ++i) {
      receivers.push_back(std::make_unique<ImageReceiver>(*stores[i], static_cast<int32_t>(i)));
      receivers.back()->on_made([] {});
    }
  }

  void want(RequestId request, std::initializer_list<int> numbers) {
    std::vector<RequestImage> images;
    for (const int number : numbers) images.push_back(numbered_image(number));
    sender->want(request, images);
  }

  // What the processes do in a round of the world.
  void round() {
    std::vector<std::vector<PlanImages>> sent{sender->take_messages()};
    for (const auto& receiver : receivers) sent.push_back(receiver->take_messages());
    for (size_t from = 0; from < sent.size(); ++from) {
      for (const PlanImages& message : sent[from]) {
        if (message.num_images() > 0) strategies.push_back(message.strategy);
        num_sent += message.num_images();
        num_dropped += message.dropped.size();
        for (size_t to = 0; to < sent.size(); ++to) {
          if (to != from) deliver(message, from, to);
        }
      }
    }
    for (size_t i = 0; i < receivers.size(); ++i) sender->see(static_cast<int32_t>(i) + 1, receivers[i]->report());
  }

  // Rounds until the request may start, or has failed.
  Status settle(RequestId request) {
    for (int i = 0; i < 10'000; ++i) {
      if (const auto state = sender->state(request)) return *state;
      round();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return fail("it does not settle");
  }

  // Whether all processes have it, with the same features.
  bool have(int number) const {
    for (const auto& store : stores) {
      const ImageFeatureRows* const rows = store->find(numbered_image(number).span.key);
      if (rows == nullptr) return false;
      EXPECT_EQ(rows->embeddings.rows, 3);
      EXPECT_EQ(rows->embeddings.row<float>(2)[0], static_cast<float>(number));
      EXPECT_EQ(rows->deepstack.at(0).row<float>(1)[0], static_cast<float>(-number));
    }
    return true;
  }
  int num_made() const {
    int total = 0;
    for (const auto& maker : makers) total += maker->num_prepared;
    return total;
  }

  std::vector<std::unique_ptr<NumberMaker>> makers;
  std::vector<std::unique_ptr<ImageStore>> stores;
  std::unique_ptr<ImageSender> sender;
  std::vector<std::unique_ptr<ImageReceiver>> receivers;
  std::vector<MmStrategy> strategies;  // of messages with images
  int64_t num_sent = 0;
  size_t num_dropped = 0;
  int num_to_lose = 0;  // images that receivers cannot open

 private:
  void deliver(const PlanImages& message, size_t from, size_t to) {
    const std::vector<std::byte> bytes = encode_for(message, hosts_[from] == hosts_[to]);
    auto taken = decode_plan_images(bytes, kHiddenSize, 100);
    ASSERT_TRUE(taken.ok()) << taken.error().message;
    for (CarriedImage& image : taken->images) {
      if (image.segment.pid != 0 && num_to_lose > 0) {
        --num_to_lose;
        image.segment.fd = 1'000'000;
      }
    }
    if (to == 0) {
      sender->take_made(*taken);
    } else if (from == 0) {
      receivers[to - 1]->take(*taken);
    } else {
      receivers[to - 1]->take_made(*taken);
    }
  }

  const std::vector<int32_t> hosts_;
};

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
    const Status bad = group.settle(request);
    ASSERT_FALSE(bad.ok());
    EXPECT_EQ(bad.error().message, "image 1: it is bad");
    group.sender->release(request);
    ASSERT_TRUE(group.settle(request + 1).ok());
    EXPECT_TRUE(group.have(static_cast<int>(request)));
  }
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 0U);
}

TEST_P(ByStrategy, AMakerThatThrowsMakesEveryProcessMakeIt) {
  for (const size_t process : {0, 1, 2}) {
    CarriedGroup group(GetParam());
    group.makers[process]->num_to_throw = 1;
    for (const RequestId request : {1, 2, 3}) group.want(request, {static_cast<int>(request)});
    for (const RequestId request : {1, 2, 3}) ASSERT_TRUE(group.settle(request).ok()) << process;
    for (const int number : {1, 2, 3}) EXPECT_TRUE(group.have(number)) << number;
    const bool makes = process == 0 || GetParam() == MmStrategy::kLocal || GetParam() == MmStrategy::kSharded;
    EXPECT_EQ(group.stores[0]->counts().num_fallbacks, makes ? 1U : 0U) << process;
  }
}

TEST_P(ByStrategy, AMakerThatThrowsAgainFailsTheRequest) {
  CarriedGroup group(GetParam());
  for (const auto& maker : group.makers) maker->num_to_throw = 1000;
  group.want(1, {1});
  EXPECT_FALSE(group.settle(1).ok());
  group.sender->release(1);
  for (const auto& maker : group.makers) maker->num_to_throw = 0;
  group.want(2, {2});
  EXPECT_TRUE(group.settle(2).ok());
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 1U);
}

TEST_P(ByStrategy, AProcessThatCannotOpenTheMemoryMakesEveryProcessMakeIt) {
  CarriedGroup group(GetParam(), {0, 0});
  group.num_to_lose = 1;
  for (const RequestId request : {1, 2}) group.want(request, {static_cast<int>(request)});
  for (const RequestId request : {1, 2}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, GetParam() == MmStrategy::kLocal ? 0U : 1U);
}

TEST_P(ByStrategy, AbortedRequestsLeaveNothingInUse) {
  CarriedGroup group(GetParam(), {0, 0, 1}, 0);
  for (int number = 1; number <= 20; ++number) {
    const auto request = static_cast<RequestId>(number);
    group.want(request, {number, number + 100});
    for (int i = 0; i < number % 5; ++i) group.round();
    group.sender->release(request);
  }
  const auto num_left = [&] {
    int64_t total = 0;
    for (const auto& store : group.stores) total += store->counts().num_in_use;
    return total;
  };
  for (int i = 0; i < 10'000 && num_left() > 0; ++i) {
    group.round();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_EQ(num_left(), 0);
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
  CarriedGroup group(std::nullopt, {0, 0, 1}, 100, true);
  group.makers[0]->num_to_throw = 1;
  for (const RequestId request : {1, 2, 3}) group.want(request, {static_cast<int>(request)});
  for (const RequestId request : {1, 2, 3}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2, 3}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.makers[1]->num_prepared + group.makers[2]->num_prepared, 0);
  EXPECT_EQ(group.stores[0]->counts().num_unshared, 1U);
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 0U);
}

TEST(ImageCarrier, WithASharedTowerMemoryThatCannotBeOpenedTravelsAsBytes) {
  CarriedGroup group(std::nullopt, {0, 0}, 100, true);
  group.num_to_lose = 1;
  for (const RequestId request : {1, 2}) group.want(request, {static_cast<int>(request)});
  for (const RequestId request : {1, 2}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.num_made(), 2) << "each once";
  EXPECT_EQ(group.stores[0]->counts().num_unshared, 1U);
}

TEST(ImageCarrier, WithASharedTowerWhatFailsTwiceFailsTheRequest) {
  CarriedGroup group(std::nullopt, {0, 0}, 100, true);
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
