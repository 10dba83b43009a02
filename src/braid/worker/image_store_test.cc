#include "braid/worker/image_store.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <stdexcept>

#include "braid/worker/image_desk.h"

namespace braid {
namespace {

RequestImage image_of(const std::string& content) {
  RequestImage image{.bytes = std::make_shared<const std::string>(content),
                     .span = {.grid = {.rows = 1, .cols = static_cast<int32_t>(content.size())}}};
  std::copy(content.begin(), content.end(), image.span.key.begin());
  return image;
}

// A byte of an image is one token, whose features are the byte.
class ByteEncoder final : public ImageEncoder {
 public:
  Result<ImageFeatures> encode(const ImagePatches& patches) override {
    ImageFeatures features{.embeddings = RowsBuffer(DType::kFloat32, patches.grid.cols, 1)};
    for (int32_t i = 0; i < patches.grid.cols; ++i) {
      features.embeddings.first(i + 1).row<float>(i)[0] = patches.pixels[static_cast<size_t>(i)];
    }
    return features;
  }
};

// Images may be held up.
class CountingMaker final : public ImageMaker {
 public:
  Result<ImagePatches> prepare(const std::string& bytes) override {
    ++num_prepared;
    if (bytes == "held") held.get_future().wait();
    if (bytes == "bad") return fail("not an image: \"{}\"", bytes);
    if (bytes == "throws") throw std::runtime_error("it threw");
    return ImagePatches{.grid = {.rows = 1, .cols = static_cast<int32_t>(bytes.size())},
                        .patch_size = 1,
                        .pixels = {bytes.begin(), bytes.end()}};
  }
  std::unique_ptr<ImageEncoder> make_encoder() override { return std::make_unique<ByteEncoder>(); }

  std::atomic<int> num_prepared = 0;
  std::promise<void> held;
};

class ImageStoreTest : public ::testing::Test {
 protected:
  // Waits until it is made or has failed.
  static Status made(ImageStore& store, const RequestImage& image) {
    std::promise<void> done;
    const auto use = store.use(image, [&] { done.set_value(); });
    if (!use.state()) done.get_future().wait();
    return *use.state();
  }

  const std::shared_ptr<CountingMaker> maker_ = std::make_shared<CountingMaker>();
};

TEST_F(ImageStoreTest, AnImageIsMadeOnceAndFoundByItsKey) {
  ImageStore store(maker_, {});
  EXPECT_EQ(store.find(image_of("abc").span.key), nullptr);
  ASSERT_TRUE(made(store, image_of("abc")).ok());
  ASSERT_TRUE(made(store, image_of("abc")).ok());
  EXPECT_EQ(maker_->num_prepared, 1);
  const ImageFeatureRows* const features = store.find(image_of("abc").span.key);
  ASSERT_NE(features, nullptr);
  ASSERT_EQ(features->embeddings.rows, 3);
  EXPECT_EQ(features->embeddings.row<float>(2)[0], 'c');
  const ImageCounts counts = store.counts();
  EXPECT_EQ(counts.num_entries, 1);
  EXPECT_EQ(counts.num_hits, 1U);
  EXPECT_EQ(counts.num_misses, 1U);
  EXPECT_EQ(counts.bytes, 3 * 4);
}

TEST_F(ImageStoreTest, AFailedImageIsTriedAgain) {
  ImageStore store(maker_, {});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(made(store, image_of("bad")).error().message, "not an image: \"bad\"");
  EXPECT_EQ(made(store, image_of("throws")).error().message, "it threw");
  EXPECT_EQ(maker_->num_prepared, 3);
  EXPECT_EQ(store.counts().num_entries, 0);
  EXPECT_EQ(store.counts().num_failures, 3U);
}

TEST_F(ImageStoreTest, TheOldestImageThatNobodyUsesGivesWay) {
  ImageStore store(maker_, {.max_entries = 2});
  const auto in_use = store.use(image_of("a"), [] {});
  for (const char* content : {"b", "c", "d"}) ASSERT_TRUE(made(store, image_of(content)).ok());
  (void)made(store, image_of("d"));  // evicts what was still being looked at before
  EXPECT_NE(store.find(image_of("a").span.key), nullptr) << "in use";
  EXPECT_EQ(store.find(image_of("b").span.key), nullptr);
  EXPECT_EQ(store.find(image_of("c").span.key), nullptr);
  EXPECT_NE(store.find(image_of("d").span.key), nullptr);
  EXPECT_EQ(store.counts().num_evictions, 2U);
}

TEST_F(ImageStoreTest, FeaturesAreBoundedByTheirBytes) {
  ImageStore store(maker_, {.max_bytes = 8});
  for (const char* content : {"ab", "cd", "ef"}) ASSERT_TRUE(made(store, image_of(content)).ok());
  (void)made(store, image_of("ef"));
  EXPECT_EQ(store.counts().bytes, 8);
  EXPECT_EQ(store.counts().num_entries, 1);
}

TEST_F(ImageStoreTest, ImagesInUseExceedEveryLimit) {
  ImageStore store(maker_, {.max_entries = 10, .max_bytes = 100});
  std::vector<ImageStore::Use> uses;
  constexpr int kImages = 1500;
  std::promise<void> done;
  std::atomic<int> num_made = 0;
  for (int i = 0; i < kImages; ++i) {
    uses.push_back(store.use(image_of(std::to_string(i)), [&] {
      if (++num_made == kImages) done.set_value();
    }));
  }
  done.get_future().wait();
  for (int i = 0; i < kImages; ++i) EXPECT_NE(store.find(image_of(std::to_string(i)).span.key), nullptr) << i;
  uses.clear();
  (void)made(store, image_of("1"));
  EXPECT_LE(store.counts().num_entries, 10);
}

TEST_F(ImageStoreTest, WhatNobodyWantsAnyMoreIsNotMade) {
  ImageStore store(maker_, {.num_preparing = 1});
  const auto held = store.use(image_of("held"), [] {});
  {
    const auto left = store.use(image_of("left"), [] {});
  }
  maker_->held.set_value();
  ASSERT_TRUE(made(store, image_of("next")).ok());
  EXPECT_EQ(maker_->num_prepared, 2) << "held and next";
  EXPECT_EQ(store.find(image_of("left").span.key), nullptr);
}

TEST_F(ImageStoreTest, TheEndWaitsForWhatIsBeingMade) {
  std::thread releases;
  {
    ImageStore store(maker_, {});
    const auto held = store.use(image_of("held"), [] {});
    releases = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      maker_->held.set_value();
    });
  }
  releases.join();
}

// Says of each call what it runs on: SCHED_IDLE or SCHED_OTHER. On idle CPUs it may be held up.
class PolicyMaker final : public ImageMaker {
 public:
  struct Calls {
    std::vector<int> prepares;
    std::vector<int> encodes;
  };

  Result<ImagePatches> prepare(const std::string& bytes) override {
    note(&Calls::prepares, holds_prepares);
    return ImagePatches{.grid = {.rows = 1, .cols = static_cast<int32_t>(bytes.size())},
                        .patch_size = 1,
                        .pixels = {bytes.begin(), bytes.end()}};
  }
  std::unique_ptr<ImageEncoder> make_encoder() override { return std::make_unique<Encoder>(*this); }

  Calls calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  std::atomic<bool> holds_prepares = false;
  std::atomic<bool> holds_encodes = false;
  std::promise<void> held;

 private:
  class Encoder final : public ImageEncoder {
   public:
    explicit Encoder(PolicyMaker& maker) : maker_(maker) {}
    Result<ImageFeatures> encode(const ImagePatches& patches) override {
      maker_.note(&Calls::encodes, maker_.holds_encodes);
      return bytes_.encode(patches);
    }

   private:
    PolicyMaker& maker_;
    ByteEncoder bytes_;
  };

  void note(std::vector<int> Calls::*of, bool holds) {
    const int policy = sched_getscheduler(0);
    {
      const std::lock_guard lock(mutex_);
      (calls_.*of).push_back(policy);
    }
    if (holds && policy == SCHED_IDLE) held_.wait();
  }

  std::shared_future<void> held_ = held.get_future().share();
  std::mutex mutex_;
  Calls calls_;
};

class IdleImageStoreTest : public ImageStoreTest {
 protected:
  static constexpr double kForEver_s = 1e6;
  const std::shared_ptr<PolicyMaker> policy_maker_ = std::make_shared<PolicyMaker>();
};

TEST_F(IdleImageStoreTest, AnImageIsMadeOnIdleCpus) {
  ImageStore store(policy_maker_, {.max_idle_s = kForEver_s, .starving_s = kForEver_s});
  ASSERT_TRUE(made(store, image_of("abc")).ok());
  EXPECT_EQ(policy_maker_->calls().prepares, std::vector<int>{SCHED_IDLE});
  EXPECT_EQ(policy_maker_->calls().encodes, std::vector<int>{SCHED_IDLE});
}

TEST_F(IdleImageStoreTest, AnImageThatHasWaitedTakesItsPartOfTheCpus) {
  ImageStore store(policy_maker_, {.max_idle_s = 0, .starving_s = kForEver_s});
  ASSERT_TRUE(made(store, image_of("abc")).ok());
  EXPECT_EQ(policy_maker_->calls().prepares, std::vector<int>{SCHED_OTHER});
  EXPECT_EQ(policy_maker_->calls().encodes, std::vector<int>{SCHED_OTHER});
}

TEST_F(IdleImageStoreTest, AnImageThatStarvesIsMadeAnewAndOnlyOnceForItsUsers) {
  for (const bool when_encoding : {false, true}) {
    const auto maker = std::make_shared<PolicyMaker>();
    (when_encoding ? maker->holds_encodes : maker->holds_prepares) = true;
    ImageStore store(maker, {.num_preparing = 1, .max_idle_s = kForEver_s, .starving_s = 0.02});
    ASSERT_TRUE(made(store, image_of("abc")).ok());
    ASSERT_TRUE(made(store, image_of("de")).ok()) << "while the first still starves";
    EXPECT_EQ(store.find(image_of("abc").span.key)->embeddings.row<float>(2)[0], 'c');
    EXPECT_EQ(store.counts().num_failures, 0U);
    maker->held.set_value();
    ASSERT_TRUE(made(store, image_of("f")).ok());
    EXPECT_EQ(store.counts().num_entries, 3);
    EXPECT_EQ(store.counts().bytes, 6 * 4);
  }
}

TEST_F(ImageStoreTest, ADeskKnowsWhenAllImagesOfARequestAreThere) {
  ImageStore store(maker_, {});
  ImageStoreDesk desk(store, [] {});
  desk.want(1, std::vector{image_of("held"), image_of("b")});
  desk.want(2, std::vector{image_of("bad"), image_of("b")});
  while (!desk.state(2)) std::this_thread::yield();
  EXPECT_EQ(desk.state(2)->error().message, "image 0: not an image: \"bad\"");
  EXPECT_FALSE(desk.state(1).has_value());
  desk.release(2);
  maker_->held.set_value();
  while (!desk.state(1)) std::this_thread::yield();
  EXPECT_TRUE(desk.state(1)->ok());
  EXPECT_EQ(store.counts().num_in_use, 2);
  desk.release(1);
  while (store.counts().num_in_use > 0) std::this_thread::yield();  // a thread may still hold the last one
}

}  // namespace
}  // namespace braid
