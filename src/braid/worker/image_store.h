// The images of a process: made once for all of its ranks and groups, beside their steps, and kept for requests that
// bring the same image again.
//
// An image goes through two stages on threads of their own: several prepare images at once (decode, resize, cut into
// patches), and one encodes an image after the other (the vision tower) on a team of compute threads. An image is first
// made only where nothing else wants a CPU (base/idle_caller.h). Once somebody has waited for it for max_idle_s, or
// where it hardly gets a CPU, it is made with a quarter of the weight of the ranks' threads. A thread that gets stuck
// in an image is left behind and replaced, and the image has failed. The key is a hash of the content, not the
// request's id, so that the same image in another request, or another choice of the same one, is found. An image may
// also come from another process (adopt()).
//
// Images in use are never dropped; of the others the oldest are, once there are more than the limits allow. Tested by
// image_store_test.cc and image_faults_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/base/idle_caller.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/base/watched_caller.h"
#include "braid/model/vision/vision_tower.h"
#include "braid/request/request_image.h"
#include "braid/wire/image_counts.h"
#include "braid/worker/feature_block.h"
#include "braid/worker/image_feature_source.h"

namespace braid {

// The second stage of making images, for one thread, which also makes it: threads that it starts have that thread's
// priority.
class ImageEncoder {
 public:
  virtual ~ImageEncoder() = default;
  virtual Result<ImageFeatures> encode(const ImagePatches& patches) = 0;
};

// How images are made. Errors are for whoever sent the image. A maker outlives its encoders.
class ImageMaker {
 public:
  virtual ~ImageMaker() = default;

  // Called by several threads at a time.
  virtual Result<ImagePatches> prepare(const std::string& bytes) = 0;
  virtual std::unique_ptr<ImageEncoder> make_encoder() = 0;
};

struct ImageStoreOptions {
  int32_t num_preparing = 2;  // threads that prepare
  int64_t max_entries = 1000;
  int64_t max_bytes = int64_t{2} << 30;  // of features
  bool is_shared = false;                // other processes of the host read them
  double patience_s = 30;                // with an image that does not get on (WatchedCaller); 0: for ever
  bool watches_encoding = true;          // false: encoders end by themselves, and wait for others (JointTower)
  double max_idle_s = 0;                 // that an image may take on idle CPUs, since it is wanted; 0: none does
  double starving_s = 0.025;             // without a quarter of a CPU, after which an image is made otherwise
  Logger* log = nullptr;                 // outlives the store
};

class ImageStore final : public ImageFeatureSource {
 public:
  // Threads that are stuck keep `maker`.
  ImageStore(std::shared_ptr<ImageMaker> maker, const ImageStoreOptions& options);
  // Waits for the images that are being made, but for those that are stuck.
  ~ImageStore() override;
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;

 private:
  struct Entry;

 public:
  // An image that somebody needs: in use while this exists.
  class Use {
   public:
    // Absent while it is being made; else whether that succeeded.
    std::optional<Status> state() const;
    // It failed for another reason than the image's own, so another process may well make it.
    bool may_succeed_elsewhere() const;

   private:
    friend class ImageStore;
    explicit Use(ImageStore& store, std::shared_ptr<Entry> entry) : store_(&store), entry_(std::move(entry)) {}
    ImageStore* store_;
    std::shared_ptr<Entry> entry_;
  };

  // An image that stays though no request here needs it: it does not count as one in use.
  class Keep {
   public:
    explicit Keep(Use use) : use_(std::move(use)) { ++use_.entry_->num_keeps; }
    Keep(Keep&& other) noexcept = default;
    Keep& operator=(Keep&& other) noexcept {
      std::swap(use_, other.use_);
      return *this;
    }
    ~Keep() {
      if (use_.entry_ != nullptr) --use_.entry_->num_keeps;
    }
    std::optional<Status> state() const { return use_.state(); }

   private:
    Use use_;
  };

  enum class Maker : uint8_t { kHere, kElsewhere };

  // Begins to make the image, unless it is there or being made, or another process makes it and will send it. `on_made`
  // is called once it is there or has failed, on any thread, unless it is there already.
  Use use(const RequestImage& image, std::function<void()> on_made, Maker maker = Maker::kHere);

  // An image that has been made; null if it is not here. Valid while it is in use. From any thread.
  const ImageFeatureRows* find(const ImageKey& key) override;

  // Of an image in use that has been made; null if it is not here.
  const FeatureBlock* block(const ImageKey& key) const;

  // Drops what exceeds the limits and is not in use any more. For whoever has let go of images.
  void trim();

  // Of an image in use that has been made: other processes are told where its features lie, and may open them until
  // close() has been called as often.
  void offer(const ImageKey& key);
  // All have opened them that are told of them by the caller, if any: without other offers the image costs no open file
  // any more.
  void close(const ImageKey& key, bool was_offered);

  // An image that another process has made, unless it is here already.
  Use adopt(const ImageKey& key, FeatureBlock features);
  // An image that another process was to make has not come. Nothing if it is here, or being made here.
  void fail_awaited(const ImageKey& key, const std::string& error);

  ImageCounts counts() const;
  // Seconds that an image takes this process, on average; 0: none has been made.
  double make_seconds() const;
  // Adds what is not an image's own: messages and fallbacks.
  void add(const ImageCounts& counts);

 private:
  struct Entry {
    ImageKey key = {};
    double wanted_s = 0;                          // when it began to be made here, on the monotonic clock
    std::shared_ptr<const std::string> bytes;     // until it is prepared
    std::shared_ptr<const ImagePatches> patches;  // until it is encoded
    FeatureBlock features;                        // once it is made, like the next
    ImageFeatureRows rows;
    int32_t num_offers = 0;
    bool is_awaited = false;             // another process makes it
    bool may_succeed_elsewhere = false;  // with a state that is an error
    std::optional<Status> state;
    std::vector<std::function<void()>> on_made;
    std::atomic<int32_t> num_keeps = 0;
  };
  using Queue = std::deque<std::shared_ptr<Entry>>;
  // What a maker has returned; or it has thrown, or is stuck.
  template <typename Made>
  struct Attempt {
    Result<Made> made;
    bool is_broken = false;  // not the image, but its making
  };

  template <typename Made, typename Make>
  static std::function<void()> attempt_at(std::shared_ptr<std::optional<Attempt<Made>>> attempt, Make make);
  template <typename Made, typename Make>
  Attempt<Made> try_make(WatchedCaller& caller, Make make) const;
  // Absent if it has not been made in time.
  template <typename Made, typename Make>
  std::optional<Attempt<Made>> try_idly(IdleCaller& caller, const Entry& entry, Make make) const;

  void prepare_images();
  void encode_images();
  // The next entry that is still in use; null at the end of the store.
  std::shared_ptr<Entry> take(Queue& queue, std::condition_variable& arrived);
  void finish(const std::shared_ptr<Entry>& entry, Attempt<FeatureBlock> made);
  void see_sharing(const FeatureBlock& made);
  std::vector<std::function<void()>> fail_entry(Entry& entry, const Error& error);
  // With the lock, as the rest. Null: it is not here, or not made yet.
  Entry* find_made(const ImageKey& key) const;
  std::vector<std::function<void()>> settle(Entry& entry, FeatureBlock features);
  void evict();
  static bool is_in_use(const std::shared_ptr<Entry>& entry) { return entry.use_count() > 2; }

  const std::shared_ptr<ImageMaker> maker_;
  const ImageStoreOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable to_prepare_arrived_;
  std::condition_variable to_encode_arrived_;
  std::map<ImageKey, std::shared_ptr<Entry>> entries_;
  Queue in_order_;  // of entries_, the oldest first
  Queue to_prepare_;
  Queue to_encode_;
  ImageCounts counts_;
  bool is_memory_short_ = false;  // that can be shared, for the last image
  uint64_t num_made_ = 0;
  bool is_ending_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace braid
