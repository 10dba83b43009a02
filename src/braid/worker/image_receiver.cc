#include "braid/worker/image_receiver.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace braid {

void ImageReceiver::take(const PlanImages& message) {
  for (const ImageKey& key : message.dropped) {
    kept_.erase(key);
    images_.fail_awaited(key, "it is not wanted any more");  // nobody will send it
  }
  if (!message.dropped.empty()) images_.trim();
  for (const CarriedImage& image : message.images) {
    Item& item = items_.emplace_back(Item{.key = image.key});
    Result<FeatureBlock> block = taken(image);
    if (!block.ok()) continue;
    item.use = images_.adopt(image.key, *std::move(block));
    kept_.insert_or_assign(image.key, ImageStore::Keep(*item.use));
  }
  for (const ImageToMake& image : message.to_make) {
    const bool is_own = image.maker == ImageToMake::kEveryProcess || image.maker == process_;
    RequestImage made;
    made.span.key = image.key;
    if (is_own) made.bytes = std::make_shared<const std::string>(image.bytes);
    const auto maker = is_own ? ImageStore::Maker::kHere : ImageStore::Maker::kElsewhere;
    const ImageStore::Use use = images_.use(made, on_made_, maker);
    kept_.insert_or_assign(image.key, ImageStore::Keep(use));
    items_.push_back({.key = image.key, .use = use});
    if (image.maker == process_) to_send_.push_back(image.key);
  }
}

// What is not kept has been dropped in the meantime.
void ImageReceiver::take_made(const PlanImages& message) {
  for (const CarriedImage& image : message.images) {
    if (!kept_.contains(image.key)) continue;
    Result<FeatureBlock> block = taken(image);
    if (block.ok()) {
      images_.adopt(image.key, *std::move(block));
    } else {
      images_.fail_awaited(image.key, block.error().message);
    }
  }
}

ImageReport ImageReceiver::report() {
  while (!items_.empty()) {
    const Item item = items_.front();
    const std::optional<Status> state = item.use ? item.use->state() : Status(Error{"it could not be taken"});
    if (!state) break;
    items_.pop_front();
    ++num_settled_;
    if (state->ok()) {
      const bool is_for_others = std::ranges::find(to_send_, item.key) != to_send_.end();
      if (!is_for_others) images_.close(item.key, false);
      continue;
    }
    return {.num_settled = num_settled_ - 1,
            .has_failed = true,
            .may_succeed_elsewhere = !item.use || item.use->may_succeed_elsewhere()};
  }
  return {.num_settled = num_settled_};
}

std::vector<PlanImages> ImageReceiver::take_messages() {
  for (const ImageKey& key : opened_) images_.close(key, true);
  opened_ = std::exchange(offered_, {});
  PlanImages made{.strategy = MmStrategy::kSharded};
  std::erase_if(to_send_, [&](const ImageKey& key) {
    const auto kept = kept_.find(key);
    if (kept == kept_.end()) return true;  // dropped in the meantime
    const std::optional<Status> state = kept->second.state();
    if (state && state->ok()) {
      images_.offer(key);
      offered_.push_back(key);
      made.images.push_back(carried(key, *images_.block(key)));
    }
    return state.has_value();
  });
  return made.is_empty() ? std::vector<PlanImages>() : std::vector{std::move(made)};
}

}  // namespace braid
