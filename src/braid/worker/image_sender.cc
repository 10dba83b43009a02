#include "braid/worker/image_sender.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace braid {
namespace {

// Beyond that a message is cut in two, so that none is near the limit of a plan's bytes.
constexpr int64_t kFullMessageBytes = int64_t{32} << 20;

int64_t bytes_of(const PlanImages& message) {
  int64_t total = 0;
  for (const CarriedImage& image : message.images) {
    total += image.segment.pid != 0 ? 0 : static_cast<int64_t>(image.features.size());
  }
  for (const ImageToMake& image : message.to_make) total += static_cast<int64_t>(image.bytes.size());
  return total;
}

// The message that the next image of this kind goes into, from number `first` on.
PlanImages& open_message(MmStrategy strategy, size_t first, std::vector<PlanImages>& messages) {
  if (messages.size() == first || bytes_of(messages.back()) >= kFullMessageBytes) {
    messages.push_back({.strategy = strategy});
  }
  return messages.back();
}

}  // namespace

ImageSender::ImageSender(ImageStore& images, const ImageCarrierOptions& options, ImageProcesses processes, Logger* log)
    : images_(images),
      options_(options),
      processes_(std::move(processes)),
      log_(log),
      num_settled_(processes_.hosts.size()) {}

void ImageSender::see_link(double message_s, double bytes_per_s) {
  processes_.message_s = message_s;
  processes_.bytes_per_s = bytes_per_s;
}

void ImageSender::want(RequestId request, std::span<const RequestImage> images) {
  std::vector<ImageKey>& keys = requests_[request];
  std::vector<ImageKey> fresh;
  for (const RequestImage& image : images) {
    const ImageKey& key = image.span.key;
    keys.push_back(key);
    const auto [at, is_new] = records_.try_emplace(key);
    Record& record = at->second;
    ++record.num_users;
    if (is_new) {
      record.image = image;
      fresh.push_back(key);
    } else if (!record.use) {
      record.image = image;
      record.use = images_.use(image, on_made_);  // the others have it; this process may have dropped it
    }
  }
  if (fresh.empty()) return;
  const MmStrategy strategy = strategy_for(fresh);
  for (const ImageKey& key : fresh) begin(key, strategy);
}

MmStrategy ImageSender::strategy_for(std::span<const ImageKey> keys) const {
  ImageCosts costs{.make_s = images_.make_seconds()};
  int64_t raw_bytes = 0;
  int64_t feature_bytes = 0;
  for (const ImageKey& key : keys) {
    const RequestImage& image = records_.at(key).image;
    raw_bytes += static_cast<int64_t>(image.bytes->size());
    feature_bytes +=
        FeatureShape{.layers = options_.layers, .tokens = image.span.num_tokens(), .hidden = options_.hidden}.bytes();
  }
  costs.raw_bytes = raw_bytes / std::ssize(keys);
  costs.feature_bytes = feature_bytes / std::ssize(keys);
  return choose_strategy(options_.broadcast, std::ssize(keys) + std::ssize(unsent_), costs, processes_);
}

void ImageSender::begin(const ImageKey& key, MmStrategy strategy) {
  Record& record = records_.at(key);
  record.strategy = strategy;
  if (strategy == MmStrategy::kSharded) {
    record.maker = next_maker_;
    next_maker_ = (next_maker_ + 1) % static_cast<int32_t>(processes_.hosts.size());
  }
  const auto maker = record.maker == 0 ? ImageStore::Maker::kHere : ImageStore::Maker::kElsewhere;
  record.use = images_.use(record.image, on_made_, maker);
  unsent_.push_back(key);
}

void ImageSender::release(RequestId request) {
  const auto found = requests_.find(request);
  if (found == requests_.end()) return;
  const std::vector<ImageKey> keys = std::move(found->second);
  requests_.erase(found);
  for (const ImageKey& key : keys) {
    Record& record = records_.at(key);
    if (--record.num_users > 0) continue;
    const std::optional<Status> state = record.use->state();
    const bool has_failed = !record.error.empty() || (state && !state->ok());
    if (record.is_settled && !has_failed) {
      record.use.reset();
    } else if (record.item == 0 || has_failed) {
      forget(key);
    }  // else it is on its way to all, who may need it later
  }
  images_.trim();
}

void ImageSender::forget(const ImageKey& key) {
  unsettle(key);
  images_.close(key, records_.at(key).is_offered);
  std::erase(unsent_, key);
  if (records_.at(key).was_sent) dropped_.push_back(key);
  records_.erase(key);
}

void ImageSender::unsettle(const ImageKey& key) {
  Record& record = records_.at(key);
  if (!std::exchange(record.is_settled, false)) return;
  std::erase(in_order_, key);
  bytes_ -= record.bytes;
}

std::optional<ImagesState> ImageSender::state(RequestId request) {
  settle_arrived();
  bool is_complete = true;
  const std::vector<ImageKey>& keys = requests_.at(request);
  for (size_t i = 0; i < keys.size(); ++i) {
    Record& record = records_.at(keys[i]);
    const std::optional<Status> made = record.use->state();
    const auto failed = [&](const std::string& why, bool is_bad) {
      return ImagesError{.message = fmt::format("image {}: {}", i, why), .is_bad_request = is_bad};
    };
    if (!record.error.empty()) {
      if (!record.is_bad) return failed(record.error, false);
      // This process will find so too, and say what is bad.
      if (made) return failed(made->ok() ? record.error : made->error().message, true);
      is_complete = false;
      continue;
    }
    if (made && !made->ok()) {
      const bool is_bad = !record.use->may_succeed_elsewhere();
      if (is_bad || record.has_fallen_back) return failed(made->error().message, is_bad);
      fall_back(keys[i], made->error().message, true);
    }
    is_complete = is_complete && made && made->ok() && record.is_settled;
  }
  return is_complete ? std::optional(ImagesState()) : std::nullopt;
}

// `is_news`: not an image that is bad itself. Such an image is made once more only for its error's message.
void ImageSender::fall_back(const ImageKey& key, const std::string& why, bool is_news) {
  Record& record = records_.at(key);
  if (record.num_users == 0) {
    forget(key);
    return;
  }
  if (record.has_fallen_back) {
    record.error = why;
    record.is_bad = !is_news;
    return;
  }
  if (is_news) count_fallback(why);
  unsettle(key);
  record.has_fallen_back = true;
  if (!processes_.share_tower) record.strategy = MmStrategy::kLocal;
  record.maker = 0;
  record.item = 0;
  record.use = images_.use(record.image, on_made_);
  if (std::ranges::find(unsent_, key) == unsent_.end()) unsent_.push_back(key);
}

void ImageSender::count_fallback(const std::string& why) {
  ImageCounts counts;
  (processes_.share_tower ? counts.num_unshared : counts.num_fallbacks) = 1;
  images_.add(counts);
  if (log_ == nullptr) return;
  log_->warn("an image could not be shared: {} ({})",
             processes_.share_tower ? "it travels as bytes" : "every process makes it itself", why);
}

// What all others have settled, and this process too.
void ImageSender::settle_arrived() {
  const uint64_t settled_by_all = *std::min_element(num_settled_.begin() + 1, num_settled_.end());
  for (auto at = in_flight_.begin(); at != in_flight_.end() && at->first <= settled_by_all;) {
    const auto found = records_.find(at->second);
    const bool is_current = found != records_.end() && found->second.item == at->first;
    at = !is_current || try_settle(found->first) ? in_flight_.erase(at) : std::next(at);
  }
}

// False while this process still makes it.
bool ImageSender::try_settle(const ImageKey& key) {
  Record& record = records_.at(key);
  const std::optional<Status> state = record.use->state();
  if (!state) return false;
  if (!state->ok() || !record.error.empty()) {
    if (record.num_users == 0) forget(key);
    return true;
  }
  record.is_settled = true;
  record.image.bytes = nullptr;
  images_.close(key, std::exchange(record.is_offered, false));
  record.bytes = images_.block(key)->shape().bytes();
  bytes_ += record.bytes;
  in_order_.push_back(key);
  if (record.num_users == 0) record.use.reset();
  return true;
}

void ImageSender::see(int32_t process, const ImageReport& report) {
  num_settled_[static_cast<size_t>(process)] = report.num_settled;
  if (report.has_failed) {
    const auto failed = in_flight_.find(report.num_settled + 1);
    const auto at = failed == in_flight_.end() ? records_.end() : records_.find(failed->second);
    if (at != records_.end() && at->second.item == failed->first) {
      fall_back(at->first, fmt::format("process {} of the group could not take or make it", process),
                report.may_succeed_elsewhere);
    }
  }
}

void ImageSender::take_made(const PlanImages& message) {
  for (const CarriedImage& image : message.images) {
    const auto at = records_.find(image.key);
    if (at == records_.end() || !at->second.use || at->second.use->state()) continue;
    Result<FeatureBlock> block = taken(image);
    if (block.ok()) {
      images_.adopt(image.key, *std::move(block));
    } else {
      fall_back(image.key, block.error().message, true);
    }
  }
}

std::vector<PlanImages> ImageSender::take_messages() {
  settle_arrived();
  drop_oldest();
  std::vector<PlanImages> messages;
  send_to_make(MmStrategy::kLocal, messages);
  send_to_make(MmStrategy::kSharded, messages);
  send_ready(messages);
  if (!dropped_.empty()) {
    if (messages.empty()) messages.emplace_back();
    messages.front().dropped = std::exchange(dropped_, {});
  }
  number(messages);
  return messages;
}

bool ImageSender::is_made_here_alone(const Record& record) const {
  return record.strategy == MmStrategy::kBatch || record.strategy == MmStrategy::kPerRequest;
}

void ImageSender::send_ready(std::vector<PlanImages>& messages) {
  std::vector<ImageKey> ready;
  for (const ImageKey& key : unsent_) {
    const Record& record = records_.at(key);
    const std::optional<Status> state = record.use->state();
    if (is_made_here_alone(record) && state && state->ok()) ready.push_back(key);
  }
  if (ready.empty()) return;
  const MmBroadcastOptions& broadcast = options_.broadcast;
  const int32_t batch_min = broadcast.batch_min > 0 ? broadcast.batch_min : kLeastWorthBatching;
  const bool is_batch = broadcast.strategy ? *broadcast.strategy == MmStrategy::kBatch : std::ssize(ready) >= batch_min;
  if (is_batch) {
    send_made(MmStrategy::kBatch, ready, messages);
    return;
  }
  // An image of several requests goes with the first of them that has all of its own.
  for (const auto& [request, keys] : requests_) {
    std::vector<ImageKey> own;
    bool has_all = true;
    for (const ImageKey& key : keys) {
      const bool is_ready = std::ranges::find(ready, key) != ready.end();
      has_all = has_all && (is_ready || std::ranges::find(unsent_, key) == unsent_.end());
      if (is_ready && std::ranges::find(own, key) == own.end()) own.push_back(key);
    }
    if (own.empty() || !has_all) continue;
    send_made(MmStrategy::kPerRequest, own, messages);
    std::erase_if(ready, [&](const ImageKey& key) { return std::ranges::find(own, key) != own.end(); });
  }
}

void ImageSender::send_made(MmStrategy strategy, std::span<const ImageKey> keys, std::vector<PlanImages>& messages) {
  const size_t first = messages.size();
  for (const ImageKey& key : keys) {
    open_message(strategy, first, messages).images.push_back(offered(key));
    std::erase(unsent_, key);
  }
}

CarriedImage ImageSender::offered(const ImageKey& key) {
  Record& record = records_.at(key);
  if (record.has_fallen_back) return carried(key, *images_.block(key), true);
  images_.offer(key);
  record.is_offered = true;
  return carried(key, *images_.block(key));
}

// An image that this process makes for all is sent as soon as it is made, like one of a batch.
void ImageSender::send_to_make(MmStrategy strategy, std::vector<PlanImages>& messages) {
  const size_t first = messages.size();
  for (const ImageKey& key : std::vector(unsent_)) {
    const Record& record = records_.at(key);
    if (record.strategy != strategy) continue;
    if (strategy == MmStrategy::kSharded && record.maker == 0) {
      const std::optional<Status> state = record.use->state();
      if (!state || !state->ok()) continue;
      open_message(strategy, first, messages).images.push_back(offered(key));
    } else {
      const int32_t maker = strategy == MmStrategy::kSharded ? record.maker : ImageToMake::kEveryProcess;
      open_message(strategy, first, messages)
          .to_make.push_back({.key = key, .maker = maker, .bytes = *record.image.bytes});
    }
    std::erase(unsent_, key);
  }
}

// In the order in which receivers take them.
void ImageSender::number(std::span<const PlanImages> messages) {
  const auto give_number = [&](const ImageKey& key) {
    Record& record = records_.at(key);
    record.item = ++last_item_;
    record.was_sent = true;
    in_flight_.emplace(last_item_, key);
  };
  for (const PlanImages& message : messages) {
    for (const CarriedImage& image : message.images) give_number(image.key);
    for (const ImageToMake& image : message.to_make) give_number(image.key);
  }
}

void ImageSender::drop_oldest() {
  const auto is_over = [&] { return std::ssize(in_order_) > options_.max_entries || bytes_ > options_.max_bytes; };
  for (auto at = in_order_.begin(); at != in_order_.end() && is_over();) {
    const Record& record = records_.at(*at);
    if (record.num_users > 0) {
      ++at;
      continue;
    }
    bytes_ -= record.bytes;
    dropped_.push_back(*at);
    records_.erase(*at);
    at = in_order_.erase(at);
  }
}

}  // namespace braid
