#include "braid/worker/image_store.h"

#include <exception>
#include <utility>

#include "braid/base/background.h"
#include "braid/base/clock.h"

namespace braid {
namespace {

// The edge of a thread: what is thrown, such as std::bad_alloc, is the image's error.
template <typename Made, typename Make>
Result<Made> try_make(const Make& make) {
  try {
    return make();
  } catch (const std::exception& exception) {
    return Error{exception.what()};
  }
}

ImageFeatureRows rows_of(const ImageFeatures& features) {
  const auto all = [](const RowsBuffer& buffer) { return ConstRows(buffer.first(buffer.max_rows())); };
  ImageFeatureRows rows{.embeddings = all(features.embeddings)};
  for (const RowsBuffer& layer : features.deepstack) rows.deepstack.push_back(all(layer));
  return rows;
}

}  // namespace

ImageStore::ImageStore(ImageMaker& maker, const ImageStoreOptions& options) : maker_(maker), options_(options) {
  for (int32_t i = 0; i < options.num_preparing; ++i) threads_.emplace_back([this] { prepare_images(); });
  threads_.emplace_back([this] { encode_images(); });
}

ImageStore::~ImageStore() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  to_prepare_arrived_.notify_all();
  to_encode_arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::optional<Status> ImageStore::Use::state() const {
  const std::lock_guard lock(store_->mutex_);
  return entry_->state;
}

ImageStore::Use ImageStore::use(const RequestImage& image, std::function<void()> on_made) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[image.span.key];
  if (entry != nullptr) {
    ++stats_.num_hits;
  } else {
    ++stats_.num_misses;
    entry = std::make_shared<Entry>();
    entry->key = image.span.key;
    entry->bytes = image.bytes;
    in_order_.push_back(entry);
    to_prepare_.push_back(entry);
    to_prepare_arrived_.notify_one();
  }
  if (!entry->state) entry->on_made.push_back(std::move(on_made));
  const Use use(*this, entry);
  evict();
  return use;
}

const ImageFeatureRows* ImageStore::find(const ImageKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() || !found->second->state ? nullptr : &found->second->rows;
}

ImageStoreStats ImageStore::stats() const {
  const std::lock_guard lock(mutex_);
  ImageStoreStats stats = stats_;
  stats.num_entries = static_cast<int64_t>(entries_.size());
  for (const auto& [key, entry] : entries_) stats.num_in_use += is_in_use(entry) ? 1 : 0;
  return stats;
}

// An entry is held by entries_, in_order_ and the queue, and by its users.
std::shared_ptr<ImageStore::Entry> ImageStore::take(Queue& queue, std::condition_variable& arrived) {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived.wait(lock, [&] { return is_ending_ || !queue.empty(); });
    if (is_ending_) return nullptr;
    std::shared_ptr<Entry> entry = std::move(queue.front());
    queue.pop_front();
    constexpr int64_t kOwnHolders = 3;
    if (entry.use_count() > kOwnHolders) return entry;
    // All who wanted it have left: it is as if it had never been asked for.
    entries_.erase(entry->key);
    std::erase(in_order_, entry);
  }
}

void ImageStore::prepare_images() {
  give_way_to_steps();
  while (const std::shared_ptr<Entry> entry = take(to_prepare_, to_prepare_arrived_)) {
    const double start_s = monotonic_seconds();
    auto patches = try_make<ImagePatches>([&] { return maker_.prepare(*entry->bytes); });
    const double seconds = monotonic_seconds() - start_s;
    std::unique_lock lock(mutex_);
    stats_.prepare_seconds += seconds;
    entry->bytes = nullptr;
    if (!patches.ok()) {
      lock.unlock();
      finish(entry, patches.error());
      continue;
    }
    entry->patches = *std::move(patches);
    to_encode_.push_back(entry);
    to_encode_arrived_.notify_one();
  }
}

void ImageStore::encode_images() {
  give_way_to_steps();
  while (const std::shared_ptr<Entry> entry = take(to_encode_, to_encode_arrived_)) {
    const double start_s = monotonic_seconds();
    auto features = try_make<ImageFeatures>([&] { return maker_.encode(*entry->patches); });
    {
      const std::lock_guard lock(mutex_);
      stats_.encode_seconds += monotonic_seconds() - start_s;
    }
    finish(entry, std::move(features));
  }
}

// A failed image is forgotten: the next request tries it again.
void ImageStore::finish(const std::shared_ptr<Entry>& entry, Result<ImageFeatures> made) {
  std::vector<std::function<void()>> on_made;
  {
    const std::lock_guard lock(mutex_);
    entry->patches.reset();
    if (made.ok()) {
      entry->features = *std::move(made);
      entry->rows = rows_of(entry->features);
      stats_.bytes += entry->features.bytes();
      entry->state = Status();
    } else {
      ++stats_.num_failures;
      entry->state = made.error();
      entries_.erase(entry->key);
      std::erase(in_order_, entry);
    }
    on_made = std::move(entry->on_made);
    evict();
  }
  for (const auto& call : on_made) call();
}

void ImageStore::evict() {
  const auto is_over = [&] {
    return std::ssize(in_order_) > options_.max_entries || stats_.bytes > options_.max_bytes;
  };
  for (auto at = in_order_.begin(); at != in_order_.end() && is_over();) {
    const std::shared_ptr<Entry>& entry = *at;
    if (is_in_use(entry) || !entry->state) {
      ++at;
      continue;
    }
    stats_.bytes -= entry->features.bytes();
    ++stats_.num_evictions;
    entries_.erase(entry->key);
    at = in_order_.erase(at);
  }
}

}  // namespace braid
