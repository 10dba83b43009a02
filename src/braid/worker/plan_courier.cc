#include "braid/worker/plan_courier.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "braid/worker/token_work.h"

namespace braid {
namespace {

// Before the plan and its images: their bytes.
struct Prefix {
  uint64_t plan_bytes = 0;
  uint64_t image_bytes = 0;
};
constexpr uint64_t kPrefixBytes = sizeof(Prefix);

// Up to where the next part begins.
constexpr uint64_t padded(uint64_t bytes) {
  return (bytes + 7) / 8 * 8;
}

std::vector<std::byte> joined(std::span<const std::byte> plan, const PlanImages& images, bool opens_memory) {
  const std::vector<std::byte> carried =
      images.is_empty() ? std::vector<std::byte>() : encode_for(images, opens_memory);
  const Prefix prefix{.plan_bytes = plan.size(), .image_bytes = carried.size()};
  std::vector<std::byte> message(kPrefixBytes + padded(plan.size()) + carried.size());
  std::memcpy(message.data(), &prefix, sizeof prefix);
  std::memcpy(message.data() + kPrefixBytes, plan.data(), plan.size());
  std::ranges::copy(carried, message.begin() + static_cast<int64_t>(kPrefixBytes + padded(plan.size())));
  return message;
}

}  // namespace

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

// Images stand behind the plan, whose bytes are filled up to a multiple of 8. One number before both says where.
Result<int64_t> PlanCourier::send(const StepPlan& plan) {
  const std::vector<std::byte> plan_bytes = encode(plan);
  const PlanImages images = image_sender_ ? image_sender_->images_for(plan) : PlanImages();
  int64_t num_bytes = 0;
  std::map<bool, std::vector<std::byte>> messages;  // by whether the receiver opens shared memory
  for (size_t i = 0; i < receivers_.size(); ++i) {
    const bool opens_memory = !images.is_empty() && images_.open_memory[i];
    std::vector<std::byte>& message = messages[opens_memory];
    if (message.empty()) message = joined(plan_bytes, images, opens_memory);
    num_bytes = std::max(num_bytes, std::ssize(message));
  }
  // All are announced as one length.
  for (auto& [opens_memory, message] : messages) message.resize(static_cast<size_t>(num_bytes));
  if (!images.images.empty())
    images_.store->count_broadcast(std::ssize(images.images), num_bytes - std::ssize(plan_bytes));
  for (size_t i = 0; i < receivers_.size(); ++i) {
    TRY_STATUS(group_.send(messages[!images.is_empty() && images_.open_memory[i]], receivers_[i]));
  }
  return num_bytes;
}

Result<std::shared_ptr<const StepPlan>> PlanCourier::receive(std::span<const StepHeader> headers) {
  const int64_t num_bytes = headers[static_cast<size_t>(publisher_)].plan_bytes;
  if (num_bytes == 0) return std::shared_ptr<const StepPlan>();
  if (num_bytes < static_cast<int64_t>(kPrefixBytes) || num_bytes > limits_.max_bytes) {
    return fail("the publisher at rank {} announces a plan of {} bytes, {} are allowed", publisher_, num_bytes,
                limits_.max_bytes);
  }
  std::vector<std::byte> bytes(static_cast<size_t>(num_bytes));
  TRY_STATUS(group_.recv(bytes, 0));
  Prefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof prefix);
  const auto is_within = [&](uint64_t begin, uint64_t count) {
    return begin <= bytes.size() && count <= bytes.size() - begin;
  };
  const uint64_t images_at = kPrefixBytes + padded(prefix.plan_bytes);
  if (!is_within(kPrefixBytes, prefix.plan_bytes) || !is_within(images_at, prefix.image_bytes)) {
    return fail("the plan of the publisher at rank {}: {} and {} bytes of a message of {}", publisher_,
                prefix.plan_bytes, prefix.image_bytes, num_bytes);
  }
  const std::span<const std::byte> all = bytes;
  auto plan = decode_step_plan(all.subspan(kPrefixBytes, prefix.plan_bytes), limits_);
  if (!plan.ok()) return fail("the plan of the publisher at rank {}: {}", publisher_, plan.error().message);
  if (prefix.image_bytes > 0 && image_receiver_) {
    const Status taken = image_receiver_->take(all.subspan(images_at, prefix.image_bytes));
    if (!taken.ok()) return fail("the images of the publisher at rank {}: {}", publisher_, taken.error().message);
  }
  return std::make_shared<const StepPlan>(std::move(plan).value());
}

}  // namespace braid
