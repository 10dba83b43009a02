#include "braid/worker/plan_courier.h"

#include <algorithm>
#include <map>
#include <utility>

#include "braid/base/clock.h"
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
  processes_.push_back(0);
  processes_.insert(processes_.end(), receivers_.begin(), receivers_.end());
  own_process_ = static_cast<size_t>(std::ranges::find(processes_, group_.rank()) - processes_.begin());
  if (images_.store == nullptr) return;
  if (own_process_ == 0) {
    const bool share_tower = images_.tower != nullptr;
    image_sender_.emplace(*images_.store, images_.carrier,
                          ImageProcesses{.hosts = images_.hosts, .share_tower = share_tower}, images_.log);
  } else {
    image_receiver_.emplace(*images_.store, static_cast<int32_t>(own_process_));
  }
}

void PlanCourier::on_images_made(std::function<void()> call) {
  if (image_sender_) image_sender_->on_made(std::move(call));
  if (image_receiver_) image_receiver_->on_made(std::move(call));
}

Result<int64_t> PlanCourier::send(const StepPlan& plan) const {
  const std::vector<std::byte> bytes = encode(plan);
  for (const int32_t receiver : receivers_) TRY_STATUS(group_.send(bytes, receiver));
  return static_cast<int64_t>(bytes.size());
}

Status PlanCourier::send_images(StepHeader& header) {
  if (image_sender_) {
    TRY(header.image_bytes, send_chain(take_messages()));
  } else if (image_receiver_) {
    TRY(header.image_bytes, send_chain(image_receiver_->take_messages()));
    header.images = image_receiver_->report();
    const uint64_t num_reported = header.images.num_settled + (header.images.has_failed ? 1 : 0);
    header.has_image_news = std::exchange(num_reported_, num_reported) != num_reported;
  }
  return {};
}

// With the call to encode images together.
std::vector<PlanImages> PlanCourier::take_messages() {
  std::vector<PlanImages> messages = image_sender_->take_messages();
  if (images_.tower == nullptr) return messages;
  const uint64_t num_joint = images_.tower->take_calls();
  if (std::exchange(num_joint_, num_joint) == num_joint) return messages;
  if (messages.empty()) messages.emplace_back();
  messages.front().num_joint = num_joint;
  return messages;
}

// To each of the other processes, some of which can open this one's memory. One length is announced to all of them, so
// the shorter message is filled up. Each message says how long the next is.
Result<int64_t> PlanCourier::send_chain(std::vector<PlanImages> messages) {
  const auto opens_memory = [&](size_t process) { return images_.hosts[process] == images_.hosts[own_process_]; };
  std::map<bool, std::vector<std::vector<std::byte>>> chains;  // by opens_memory, the last message first
  for (size_t i = 0; i < processes_.size() && !messages.empty(); ++i) {
    if (i != own_process_) chains.try_emplace(opens_memory(i));
  }
  int64_t num_bytes = 0;
  for (size_t i = messages.size(); i-- > 0;) {
    const double start_s = monotonic_seconds();
    messages[i].next_bytes = num_bytes;
    size_t longest = 0;
    for (auto& [opens, chain] : chains) {
      chain.push_back(encode_for(messages[i], opens));
      longest = std::max(longest, chain.back().size());
    }
    for (auto& [opens, chain] : chains) chain.back().resize(longest);
    num_bytes = static_cast<int64_t>(longest);
    count(messages[i], num_bytes, monotonic_seconds() - start_s);
  }
  for (size_t i = messages.size(); i-- > 0;) {
    const double start_s = monotonic_seconds();
    for (size_t process = 0; process < processes_.size(); ++process) {
      if (process == own_process_) continue;
      TRY_STATUS(group_.send(chains.at(opens_memory(process))[i], processes_[process]));
    }
    ImageCounts counts;
    counts.broadcasts[static_cast<size_t>(messages[messages.size() - 1 - i].strategy)].seconds =
        monotonic_seconds() - start_s;
    images_.store->add(counts);
  }
  return num_bytes;
}

void PlanCourier::count(const PlanImages& message, int64_t num_bytes, double seconds) const {
  if (message.num_images() == 0) return;
  ImageCounts counts;
  counts.broadcasts[static_cast<size_t>(message.strategy)] = {.num_messages = 1,
                                                              .num_images = static_cast<uint64_t>(message.num_images()),
                                                              .bytes = static_cast<uint64_t>(num_bytes),
                                                              .seconds = seconds};
  counts.count_batch(message.num_images());
  images_.store->add(counts);
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
  return std::make_shared<const StepPlan>(std::move(plan).value());
}

Status PlanCourier::receive_images(std::span<const StepHeader> headers) {
  if (!image_sender_ && !image_receiver_) return {};
  for (size_t process = 0; process < processes_.size(); ++process) {
    if (process == own_process_) continue;
    const StepHeader& header = headers[static_cast<size_t>(publisher_ + processes_[process])];
    if (header.image_bytes != 0) TRY_STATUS(receive_chain(process, header.image_bytes));
    if (image_sender_) image_sender_->see(static_cast<int32_t>(process), header.images);
  }
  return {};
}

Status PlanCourier::receive_chain(size_t from, int64_t num_bytes) {
  const int32_t sender = publisher_ + processes_[from];
  while (num_bytes != 0) {
    if (num_bytes < 0 || num_bytes > limits_.max_bytes) {
      return fail("rank {} announces images of {} bytes, {} are allowed", sender, num_bytes, limits_.max_bytes);
    }
    const double start_s = monotonic_seconds();
    std::vector<std::byte> bytes(static_cast<size_t>(num_bytes));
    TRY_STATUS(group_.recv(bytes, processes_[from]));
    const auto message = decode_plan_images(bytes, images_.carrier.hidden, images_.carrier.max_tokens);
    if (!message.ok()) return fail("the images of rank {}: {}", sender, message.error().message);
    if (image_sender_) {
      image_sender_->take_made(*message);
    } else if (from == 0) {
      if (message->num_joint > 0 && images_.tower != nullptr) images_.tower->help(message->num_joint);
      image_receiver_->take(*message);
    } else {
      image_receiver_->take_made(*message);
    }
    ImageCounts counts;
    counts.broadcasts[static_cast<size_t>(message->strategy)].seconds = monotonic_seconds() - start_s;
    images_.store->add(counts);
    num_bytes = message->next_bytes;
  }
  return {};
}

// Small messages there and back, then a large one. The first process of another host stands for all.
Status PlanCourier::measure_link() {
  if (images_.store == nullptr) return {};
  const auto far = std::ranges::find_if(images_.hosts, [&](int32_t host) { return host != images_.hosts.front(); });
  if (far == images_.hosts.end()) return {};
  const auto other = static_cast<size_t>(far - images_.hosts.begin());
  if (own_process_ != 0 && own_process_ != other) return {};
  constexpr int kNumSmall = 8;
  constexpr size_t kLargeBytes = size_t{4} << 20;
  std::vector<std::byte> small(64);
  std::vector<std::byte> large(kLargeBytes);
  if (own_process_ == other) {
    for (int i = 0; i < kNumSmall; ++i) {
      TRY_STATUS(group_.recv(small, 0));
      TRY_STATUS(group_.send(small, 0));
    }
    TRY_STATUS(group_.recv(large, 0));
    return group_.send(small, 0);
  }
  double start_s = monotonic_seconds();
  for (int i = 0; i < kNumSmall; ++i) {
    TRY_STATUS(group_.send(small, processes_[other]));
    TRY_STATUS(group_.recv(small, processes_[other]));
  }
  const double message_s = (monotonic_seconds() - start_s) / (2 * kNumSmall);
  start_s = monotonic_seconds();
  TRY_STATUS(group_.send(large, processes_[other]));
  TRY_STATUS(group_.recv(small, processes_[other]));
  const double large_s = std::max(monotonic_seconds() - start_s - 2 * message_s, 1e-6);
  const double bytes_per_s = static_cast<double>(kLargeBytes) / large_s;
  image_sender_->see_link(message_s, bytes_per_s);
  if (images_.log != nullptr) {
    images_.log->info("images to other hosts: a message takes {:.0f} us, and {:.0f} MB/s pass", message_s * 1e6,
                      bytes_per_s / 1e6);
  }
  return {};
}

}  // namespace braid
