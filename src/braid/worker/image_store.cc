#include "braid/worker/image_store.h"

#include <fmt/core.h>

#include <exception>
#include <utility>

#include "braid/base/background.h"
#include "braid/base/clock.h"
#include "braid/base/thread_role.h"

namespace braid {

// `make` owns all that it uses. The edge of a thread: what is thrown, such as std::bad_alloc, is an error.
template <typename Made, typename Make>
std::function<void()> ImageStore::attempt_at(std::shared_ptr<std::optional<Attempt<Made>>> attempt, Make make) {
  return [attempt = std::move(attempt), make = std::move(make)] {
    try {
      *attempt = Attempt<Made>{.made = make()};
    } catch (const std::exception& exception) {
      *attempt = Attempt<Made>{.made = Error{exception.what()}, .is_broken = true};
    }
  };
}

template <typename Made, typename Make>
ImageStore::Attempt<Made> ImageStore::try_make(WatchedCaller& caller, Make make) const {
  const auto attempt = std::make_shared<std::optional<Attempt<Made>>>();
  if (caller.run(attempt_at<Made>(attempt, std::move(make)))) return std::move(**attempt);
  return {.made = fail("its making has not got on for {} s", options_.patience_s), .is_broken = true};
}

template <typename Made, typename Make>
std::optional<ImageStore::Attempt<Made>> ImageStore::try_idly(IdleCaller& caller, const Entry& entry, Make make) const {
  if (monotonic_seconds() - entry.wanted_s >= options_.max_idle_s) return std::nullopt;
  const auto attempt = std::make_shared<std::optional<Attempt<Made>>>();
  if (!caller.run(attempt_at<Made>(attempt, std::move(make)))) return std::nullopt;
  return std::move(*attempt);
}

ImageStore::ImageStore(std::shared_ptr<ImageMaker> maker, const ImageStoreOptions& options)
    : maker_(std::move(maker)), options_(options) {
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

bool ImageStore::Use::may_succeed_elsewhere() const {
  const std::lock_guard lock(store_->mutex_);
  return entry_->may_succeed_elsewhere;
}

ImageStore::Use ImageStore::use(const RequestImage& image, std::function<void()> on_made, Maker maker) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[image.span.key];
  const bool is_new = entry == nullptr;
  if (is_new) {
    entry = std::make_shared<Entry>();
    entry->key = image.span.key;
    in_order_.push_back(entry);
  }
  ++(is_new ? counts_.num_misses : counts_.num_hits);
  if (maker == Maker::kElsewhere) {
    entry->is_awaited = entry->is_awaited || is_new;
  } else if (is_new || (entry->is_awaited && !entry->state)) {
    entry->is_awaited = false;
    entry->bytes = image.bytes;
    entry->wanted_s = monotonic_seconds();
    to_prepare_.push_back(entry);
    to_prepare_arrived_.notify_one();
  }
  if (!entry->state) entry->on_made.push_back(std::move(on_made));
  const Use use(*this, entry);
  evict();
  return use;
}

ImageStore::Entry* ImageStore::find_made(const ImageKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() || !found->second->state ? nullptr : found->second.get();
}

const ImageFeatureRows* ImageStore::find(const ImageKey& key) {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = find_made(key);
  return entry == nullptr ? nullptr : &entry->rows;
}

const FeatureBlock* ImageStore::block(const ImageKey& key) const {
  const std::lock_guard lock(mutex_);
  const Entry* const entry = find_made(key);
  return entry == nullptr ? nullptr : &entry->features;
}

ImageCounts ImageStore::counts() const {
  const std::lock_guard lock(mutex_);
  ImageCounts counts = counts_;
  counts.num_entries = static_cast<int64_t>(entries_.size());
  for (const auto& [key, entry] : entries_) {
    counts.num_in_use += entry.use_count() > 2 + entry->num_keeps ? 1 : 0;
  }
  return counts;
}

// An entry is held by entries_, in_order_ and the queue, and by its users.
std::shared_ptr<ImageStore::Entry> ImageStore::take(Queue& queue, std::condition_variable& arrived) {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived.wait(lock, [&] { return is_ending_ || !queue.empty(); });
    if (is_ending_) return nullptr;
    std::shared_ptr<Entry> entry = std::move(queue.front());
    queue.pop_front();
    if (entry->state) continue;  // another process was faster
    constexpr int64_t kOwnHolders = 3;
    if (entry.use_count() > kOwnHolders) return entry;
    // All who wanted it have left: it is as if it had never been asked for.
    entries_.erase(entry->key);
    std::erase(in_order_, entry);
  }
}

void ImageStore::prepare_images() {
  set_thread_role(ThreadRole::kImages);
  give_way_to_steps();
  IdleCaller idle(options_.starving_s);
  WatchedCaller caller(options_.patience_s);
  while (std::shared_ptr<Entry> entry = take(to_prepare_, to_prepare_arrived_)) {
    const double start_s = monotonic_seconds();
    const auto prepare = [maker = maker_, bytes = entry->bytes] { return maker->prepare(*bytes); };
    auto attempt = try_idly<ImagePatches>(idle, *entry, prepare);
    auto [patches, is_broken] = attempt ? *std::move(attempt) : try_make<ImagePatches>(caller, prepare);
    const double seconds = monotonic_seconds() - start_s;
    std::unique_lock lock(mutex_);
    counts_.prepare_seconds += seconds;
    entry->bytes = nullptr;
    if (!patches.ok()) {
      lock.unlock();
      finish(entry, {.made = patches.error(), .is_broken = is_broken});
      continue;
    }
    entry->patches = std::make_shared<const ImagePatches>(*std::move(patches));
    to_encode_.push_back(std::move(entry));  // whoever holds an entry keeps it from being evicted
    to_encode_arrived_.notify_one();
  }
}

void ImageStore::encode_images() {
  set_thread_role(ThreadRole::kImages);
  give_way_to_steps();
  // An encoder belongs to the thread that uses it first, so each caller has its own.
  using OwnEncoder = std::shared_ptr<std::unique_ptr<ImageEncoder>>;
  IdleCaller idle(options_.starving_s);
  WatchedCaller caller(options_.watches_encoding ? options_.patience_s : 0);
  auto idle_encoder = std::make_shared<std::unique_ptr<ImageEncoder>>();
  auto encoder = std::make_shared<std::unique_ptr<ImageEncoder>>();
  while (const std::shared_ptr<Entry> entry = take(to_encode_, to_encode_arrived_)) {
    const double start_s = monotonic_seconds();
    const auto encode_by = [&](const OwnEncoder& own) {
      return [maker = maker_, own, patches = entry->patches, is_shared = options_.is_shared]() -> Result<FeatureBlock> {
        if (*own == nullptr) *own = maker->make_encoder();
        TRY(const ImageFeatures made, (*own)->encode(*patches));
        return FeatureBlock(made, is_shared);
      };
    };
    std::optional<Attempt<FeatureBlock>> attempt;
    if (options_.watches_encoding) attempt = try_idly<FeatureBlock>(idle, *entry, encode_by(idle_encoder));
    auto features = attempt ? *std::move(attempt) : try_make<FeatureBlock>(caller, encode_by(encoder));
    if (features.is_broken) {
      idle_encoder = std::make_shared<std::unique_ptr<ImageEncoder>>();
      encoder = std::make_shared<std::unique_ptr<ImageEncoder>>();
    }
    {
      const std::lock_guard lock(mutex_);
      counts_.encode_seconds += monotonic_seconds() - start_s;
    }
    finish(entry, std::move(features));
  }
}

// A failed image is forgotten: the next request tries it again.
void ImageStore::finish(const std::shared_ptr<Entry>& entry, Attempt<FeatureBlock> attempt) {
  auto& [made, is_broken] = attempt;
  std::vector<std::function<void()>> on_made;
  {
    const std::lock_guard lock(mutex_);
    entry->patches = nullptr;
    if (entry->state) return;  // another process was faster
    if (made.ok()) {
      if (options_.is_shared) see_sharing(*made);
      ++num_made_;
      on_made = settle(*entry, *std::move(made));
    } else {
      ++counts_.num_failures;
      entry->may_succeed_elsewhere = is_broken;
      on_made = fail_entry(*entry, made.error());
    }
    evict();
  }
  for (const auto& call : on_made) call();
}

void ImageStore::see_sharing(const FeatureBlock& made) {
  const bool was_short = std::exchange(is_memory_short_, !made.is_shared());
  if (!is_memory_short_) return;
  ++counts_.num_unshared;
  if (was_short || options_.log == nullptr) return;
  options_.log->warn("memory cannot be shared, so images travel to other processes as bytes ({})", made.why_unshared());
}

std::vector<std::function<void()>> ImageStore::fail_entry(Entry& entry, const Error& error) {
  entry.state = error;
  auto on_made = std::move(entry.on_made);
  const auto found = entries_.find(entry.key);
  std::erase(in_order_, found->second);
  entries_.erase(found);
  return on_made;
}

// Returns what is to be called without the lock.
std::vector<std::function<void()>> ImageStore::settle(Entry& entry, FeatureBlock features) {
  entry.features = std::move(features);
  entry.rows = entry.features.rows();
  entry.state = Status();
  counts_.bytes += entry.features.shape().bytes();
  return std::move(entry.on_made);
}

ImageStore::Use ImageStore::adopt(const ImageKey& key, FeatureBlock features) {
  std::vector<std::function<void()>> on_made;
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& kept = entries_[key];
    if (kept == nullptr) {
      kept = std::make_shared<Entry>();
      kept->key = key;
      in_order_.push_back(kept);
    }
    entry = kept;
    if (!entry->state) on_made = settle(*entry, std::move(features));
    evict();
  }
  for (const auto& call : on_made) call();
  return Use(*this, std::move(entry));
}

void ImageStore::fail_awaited(const ImageKey& key, const std::string& error) {
  std::vector<std::function<void()>> on_made;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second->state || !found->second->is_awaited) return;
    const std::shared_ptr<Entry> entry = found->second;
    entry->may_succeed_elsewhere = true;
    on_made = fail_entry(*entry, Error{error});
  }
  for (const auto& call : on_made) call();
}

double ImageStore::make_seconds() const {
  const std::lock_guard lock(mutex_);
  if (num_made_ == 0) return 0;
  return (counts_.prepare_seconds / options_.num_preparing + counts_.encode_seconds) / static_cast<double>(num_made_);
}

void ImageStore::trim() {
  const std::lock_guard lock(mutex_);
  evict();
}

void ImageStore::offer(const ImageKey& key) {
  const std::lock_guard lock(mutex_);
  if (Entry* const entry = find_made(key)) ++entry->num_offers;
}

void ImageStore::close(const ImageKey& key, bool was_offered) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find_made(key);
  if (entry == nullptr) return;
  if (was_offered) --entry->num_offers;
  if (entry->num_offers == 0) entry->features.close_file();
}

void ImageStore::add(const ImageCounts& counts) {
  const std::lock_guard lock(mutex_);
  counts_ += counts;
}

void ImageStore::evict() {
  const auto is_over = [&] {
    return std::ssize(in_order_) > options_.max_entries || counts_.bytes > options_.max_bytes;
  };
  for (auto at = in_order_.begin(); at != in_order_.end();) {
    const std::shared_ptr<Entry>& entry = *at;
    // Nobody waits any more for what another process was to send.
    const bool is_forsaken = entry->is_awaited && !entry->state;
    if (is_in_use(entry) || !(is_forsaken || (entry->state && is_over()))) {
      ++at;
      continue;
    }
    counts_.bytes -= entry->features.shape().bytes();
    counts_.num_evictions += is_forsaken ? 0 : 1;
    entries_.erase(entry->key);
    at = in_order_.erase(at);
  }
}

}  // namespace braid
