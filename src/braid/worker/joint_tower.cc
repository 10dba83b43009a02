#include "braid/worker/joint_tower.h"

#include <exception>
#include <utility>

#include "braid/base/background.h"
#include "braid/base/thread_role.h"
#include "braid/parallel/token_exchange.h"

namespace braid {
namespace {

// What the leader says of the next image. Processes of a job are one program on equal machines (process_join.h).
struct JointHead {
  int32_t frames = 0;  // 0: there is no next one
  int32_t rows = 0;
  int32_t cols = 0;
  int32_t patch_frames = 1;
};

}  // namespace

JointTower::JointTower(std::shared_ptr<const VisionTower> tower, std::unique_ptr<ThreadWorld> world, CpuIsa isa,
                       int32_t num_threads)
    : tower_(std::move(tower)),
      world_(std::move(world)),
      group_(world_->group(static_cast<int32_t>(world_->own_ranks().begin))),
      isa_(isa),
      num_threads_(num_threads),
      exchange_(group_) {
  watch([] { return Progress(); });
  if (!leads()) helper_ = std::thread([this] { help_with_images(); });
}

JointTower::~JointTower() {
  end();
  if (helper_.joinable()) helper_.join();
}

void JointTower::end() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_ended_, true)) return;
  }
  changed_.notify_all();
  world_->abort("the ranks of the vision tower have ended");
}

void JointTower::watch(std::function<Progress()> ranks) {
  world_->watch([this, ranks = std::move(ranks)] { return progress(ranks); });
}

// Ranks that get on would hide a thread that hangs while it encodes. It has a fifth of a busy CPU at least, so it is
// not taken for one that hangs because they are busy.
Progress JointTower::progress(const std::function<Progress()>& ranks) {
  const Progress now = ranks();
  const std::lock_guard lock(mutex_);
  const bool is_called = num_ended_ < (leads() ? num_sent_ : num_called_);
  if (!is_called) ranks_seen_ = now;
  Progress all = ranks_seen_;
  if (compute_) all += compute_->team.progress();
  return all;
}

Ops& JointTower::ops() {
  const std::lock_guard lock(mutex_);
  if (!compute_) compute_.emplace(isa_, num_threads_);
  return *compute_->ops;
}

Result<ImageFeatures> JointTower::encode(const ImagePatches& image) {
  CHECK(leads());
  {
    const std::lock_guard lock(mutex_);
    if (is_leaving_ || has_ended_) return Error{"the ranks end"};
    ++num_called_;
  }
  on_call_();
  bool has_ended = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return num_sent_ == num_called_ || is_leaving_ || has_ended_; });
    has_ended = has_ended_;
  }
  Result<std::optional<ImageFeatures>> made = Error{"the ranks have ended"};
  if (!has_ended) made = encode_next(&image);
  {
    const std::lock_guard lock(mutex_);
    ++num_ended_;
  }
  changed_.notify_all();
  if (!made.ok()) return made.error();
  return *std::move(*made);
}

uint64_t JointTower::take_calls() {
  uint64_t num_calls = 0;
  {
    const std::lock_guard lock(mutex_);
    num_calls = num_sent_ = num_called_;
  }
  changed_.notify_all();
  return num_calls;
}

void JointTower::help(uint64_t num_images) {
  {
    const std::lock_guard lock(mutex_);
    num_called_ = num_images;
  }
  changed_.notify_all();
}

void JointTower::help_with_images() {
  set_thread_role(ThreadRole::kImages);
  give_way_to_steps();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return num_called_ > num_ended_ || is_leaving_ || has_ended_; });
      if (has_ended_) return;
    }
    const Result<std::optional<ImageFeatures>> made = encode_next(nullptr);
    if (!made.ok() || !*made) return;
    const std::lock_guard lock(mutex_);
    ++num_ended_;
  }
}

// The edge of a thread. The others would wait for this process, so they get its error.
Result<std::optional<ImageFeatures>> JointTower::encode_next(const ImagePatches* image) {
  try {
    return try_encode_next(image);
  } catch (const std::exception& exception) {
    group_.abort(exception.what());
    return Error{exception.what()};
  }
}

Result<std::optional<ImageFeatures>> JointTower::try_encode_next(const ImagePatches* image) {
  group_.begin_step(num_encoded_++);
  JointHead head;
  if (image != nullptr) {
    head = {.frames = image->grid.frames,
            .rows = image->grid.rows,
            .cols = image->grid.cols,
            .patch_frames = image->patch_frames};
  }
  TRY_STATUS(group_.broadcast(std::as_writable_bytes(std::span(&head, 1)), 0));
  if (head.frames == 0) return std::optional<ImageFeatures>();
  ImagePatches copy{.grid = {.frames = head.frames, .rows = head.rows, .cols = head.cols},
                    .patch_size = tower_->config().patch_size,
                    .patch_frames = head.patch_frames,
                    .pixels = {}};
  if (image != nullptr) {
    copy.pixels = image->pixels;
  } else {
    TRY_STATUS(check_grid(tower_->config(), copy.grid));
    copy.pixels.resize(static_cast<size_t>(copy.patch_frames * copy.frame_bytes()));
  }
  TRY_STATUS(group_.broadcast(std::as_writable_bytes(std::span(copy.pixels)), 0));
  std::optional<ImageFeatures> features;
  TRY_STATUS(until_world_ends([&] { features = tower_->encode(ops(), copy, &exchange_); }));
  return features;
}

Status JointTower::say_goodbye() {
  group_.begin_step(num_encoded_++);
  JointHead none;
  return group_.broadcast(std::as_writable_bytes(std::span(&none, 1)), 0);
}

Status JointTower::leave() {
  {
    std::unique_lock lock(mutex_);
    is_leaving_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !leads() || num_ended_ == num_called_; });
  }
  if (leads()) {
    TRY_STATUS(say_goodbye());
  } else {
    helper_.join();
  }
  TRY_STATUS(world_->leave());
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  return {};
}

}  // namespace braid
