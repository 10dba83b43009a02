#include "braid/worker/plan_courier.h"

#include <algorithm>
#include <map>

#include "braid/worker/token_work.h"

namespace braid {

// Each piece of a move has a page at least.
StepPlanLimits step_plan_limits(const SchedulerConfig& group, int64_t vocab_size, int32_t num_groups) {
  StepPlanLimits limits{.max_sequences = group.max_running_requests,
                        .max_step_tokens = max_step_tokens(group),
                        .context_len = group.context_len,
                        .vocab_size = static_cast<int32_t>(vocab_size),
                        .page_size = group.page_size,
                        .num_groups = num_groups,
                        .max_moves = std::max(kMaxMovesUnderWay, group.max_moved_pages)};
  for (const KvGroupPool& pool : group.kv_groups()) {
    limits.kv_groups.push_back({.window = pool.window, .num_pages = pool.num_pages});
  }
  return limits;
}

PlanCourier::PlanCourier(GroupCommunicator group, int32_t publisher, std::vector<int32_t> receivers,
                         StepPlanLimits limits, CourierImages images)
    : group_(group),
      publisher_(publisher),
      receivers_(std::move(receivers)),
      limits_(std::move(limits)),
      images_(std::move(images)) {
  if (images_.store == nullptr) return;
  image_sender_.emplace(*images_.store, images_.carrier);
  image_receiver_.emplace(*images_.store, images_.carrier);
}

Result<int64_t> PlanCourier::send(const StepPlan& plan) const {
  const std::vector<std::byte> bytes = encode(plan);
  for (const int32_t receiver : receivers_) TRY_STATUS(group_.send(bytes, receiver));
  return static_cast<int64_t>(bytes.size());
}

// There are two kinds of receivers, which open this process' memory or do not. One length is announced to all of them,
// so the shorter message is filled up.
Result<int64_t> PlanCourier::send_images(const StepPlan& plan) {
  const PlanImages images = image_sender_ ? image_sender_->images_for(plan) : PlanImages();
  if (images.is_empty()) return int64_t{0};
  std::map<bool, std::vector<std::byte>> messages;
  for (const bool opens_memory : images_.open_memory) messages.try_emplace(opens_memory);
  size_t num_bytes = 0;
  for (auto& [opens_memory, message] : messages) {
    message = encode_for(images, opens_memory);
    num_bytes = std::max(num_bytes, message.size());
  }
  for (auto& [opens_memory, message] : messages) message.resize(num_bytes);
  for (size_t i = 0; i < receivers_.size(); ++i) {
    TRY_STATUS(group_.send(messages.at(images_.open_memory[i]), receivers_[i]));
  }
  if (!images.images.empty()) {
    images_.store->count_broadcast(std::ssize(images.images), static_cast<int64_t>(num_bytes));
  }
  return static_cast<int64_t>(num_bytes);
}

Result<std::shared_ptr<const StepPlan>> PlanCourier::receive(std::span<const StepHeader> headers) {
  const StepHeader& header = headers[static_cast<size_t>(publisher_)];
  const int64_t num_bytes = header.plan_bytes;
  if (num_bytes == 0) return std::shared_ptr<const StepPlan>();
  if (num_bytes < 0 || num_bytes > limits_.max_bytes) {
    return fail("the publisher at rank {} announces a plan of {} bytes, {} are allowed", publisher_, num_bytes,
                limits_.max_bytes);
  }
  std::vector<std::byte> bytes(static_cast<size_t>(num_bytes));
  TRY_STATUS(group_.recv(bytes, 0));
  auto plan = decode_step_plan(bytes, limits_);
  if (!plan.ok()) return fail("the plan of the publisher at rank {}: {}", publisher_, plan.error().message);
  if (header.image_bytes != 0) TRY_STATUS(receive_images(header.image_bytes));
  return std::make_shared<const StepPlan>(std::move(plan).value());
}

Status PlanCourier::receive_images(int64_t num_bytes) {
  const int64_t max_bytes = image_receiver_ ? limits_.max_bytes : 0;
  if (num_bytes < 0 || num_bytes > max_bytes) {
    return fail("the publisher at rank {} announces images of {} bytes, {} are allowed", publisher_, num_bytes,
                max_bytes);
  }
  std::vector<std::byte> bytes(static_cast<size_t>(num_bytes));
  TRY_STATUS(group_.recv(bytes, 0));
  const Status taken = image_receiver_->take(bytes);
  if (!taken.ok()) return fail("the images of the publisher at rank {}: {}", publisher_, taken.error().message);
  return {};
}

}  // namespace braid
