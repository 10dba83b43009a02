// A group's publisher and its other processes, without ranks: each has a store, and messages pass by function calls.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <atomic>
#include <chrono>
#include <future>
#include <initializer_list>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/worker/image_receiver.h"
#include "braid/worker/image_sender.h"

namespace braid::testing {

inline constexpr int32_t kHiddenSize = 2;

// One of those that are left, if any.
inline bool take_one(std::atomic<int>& left) {
  int number = left;
  while (number > 0 && !left.compare_exchange_weak(number, number - 1)) {
  }
  return number > 0;
}

class NumberEncoder final : public ImageEncoder {
 public:
  NumberEncoder(std::atomic<int>& num_to_hang, std::shared_future<void> released)
      : num_to_hang_(num_to_hang), released_(std::move(released)) {}

  Result<ImageFeatures> encode(const ImagePatches& patches) override {
    if (take_one(num_to_hang_)) released_.wait();
    ImageFeatures features{.embeddings = RowsBuffer(DType::kFloat32, 3, kHiddenSize)};
    features.deepstack.emplace_back(DType::kFloat32, 3, kHiddenSize);
    for (int32_t row = 0; row < 3; ++row) {
      features.embeddings.first(3).row<float>(row)[0] = patches.pixels[0];
      features.deepstack[0].first(3).row<float>(row)[0] = -1.0F * patches.pixels[0];
    }
    return features;
  }

 private:
  std::atomic<int>& num_to_hang_;
  const std::shared_future<void> released_;
};

// The number in an image's bytes is the value of all its features. Some are bad, or fail or hang as often as a test
// says.
class NumberMaker final : public ImageMaker {
 public:
  Result<ImagePatches> prepare(const std::string& bytes) override {
    ++num_prepared;
    if (bytes == "66") return fail("it is bad");
    if (take_one(num_to_throw)) throw std::runtime_error("it threw");
    if (take_one(num_to_hang)) released_.wait();
    return ImagePatches{.pixels = {static_cast<uint8_t>(std::stoi(bytes))}};
  }
  std::unique_ptr<ImageEncoder> make_encoder() override {
    return std::make_unique<NumberEncoder>(num_encodes_to_hang, released_);
  }

  // Ends what hangs.
  void release() { release_.set_value(); }

  std::atomic<int> num_prepared = 0;
  std::atomic<int> num_to_throw = 0;
  std::atomic<int> num_to_hang = 0;          // when they are prepared
  std::atomic<int> num_encodes_to_hang = 0;  // later

 private:
  std::promise<void> release_;
  const std::shared_future<void> released_ = release_.get_future().share();
};

inline RequestImage numbered_image(int number) {
  RequestImage image{.bytes = std::make_shared<const std::string>(std::to_string(number)),
                     .span = {.grid = {.rows = 1, .cols = 3}}};
  image.span.key[0] = static_cast<uint8_t>(number);
  return image;
}

class CarriedGroup {
 public:
  explicit CarriedGroup(std::optional<MmStrategy> strategy, std::vector<int32_t> hosts = {0, 0, 1},
                        int64_t max_entries = 100, double patience_s = 30, bool shares_tower = false)
      : hosts_(std::move(hosts)) {
    for (size_t i = 0; i < hosts_.size(); ++i) {
      makers.push_back(std::make_shared<NumberMaker>());
      stores.push_back(std::make_unique<ImageStore>(
          makers[i], ImageStoreOptions{.max_entries = 0, .is_shared = true, .patience_s = patience_s, .log = &log_}));
    }
    const ImageCarrierOptions options{.broadcast = {.strategy = strategy},
                                      .max_entries = max_entries,
                                      .hidden = kHiddenSize,
                                      .layers = 2,
                                      .max_tokens = 100};
    const ImageProcesses processes{.hosts = hosts_, .share_tower = shares_tower};
    sender = std::make_unique<ImageSender>(*stores[0], options, processes, &log_);
    sender->on_made([] {});
    for (size_t i = 1; i < hosts_.size(); ++i) {
      receivers.push_back(std::make_unique<ImageReceiver>(*stores[i], static_cast<int32_t>(i)));
      receivers.back()->on_made([] {});
    }
  }

  // What hangs may end now, and does not outlive the test for long.
  ~CarriedGroup() {
    for (const auto& maker : makers) maker->release();
  }
  CarriedGroup(const CarriedGroup&) = delete;
  CarriedGroup& operator=(const CarriedGroup&) = delete;

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
  ImagesState settle(RequestId request) {
    for (int i = 0; i < 10'000; ++i) {
      if (const auto state = sender->state(request)) return *state;
      round();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return ImagesError{"it does not settle"};
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
  // Of the log.
  int num_warnings() const {
    const std::string text = lines_.str();
    int total = 0;
    for (size_t at = text.find("warning"); at != std::string::npos; at = text.find("warning", at + 1)) ++total;
    return total;
  }
  int64_t num_in_use() const {
    int64_t total = 0;
    for (const auto& store : stores) total += store->counts().num_in_use;
    return total;
  }
  int num_made() const {
    int total = 0;
    for (const auto& maker : makers) total += maker->num_prepared;
    return total;
  }

  std::ostringstream lines_;
  Logger log_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_)};

 public:
  std::vector<std::shared_ptr<NumberMaker>> makers;
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

}  // namespace braid::testing
