#include "braid/parallel/mailbox.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"

namespace braid {

Message message_of(const OpRecord& call, std::span<const std::byte> data, BytePool& pool) {
  Message message{.call = call, .num_bytes = static_cast<int64_t>(data.size()), .data = {}, .memory = {}, .remote = {}};
  if (data.empty()) return message;
  const std::shared_ptr<std::byte> copy = pool.take(data.size());
  std::memcpy(copy.get(), data.data(), data.size());
  message.data = {copy.get(), data.size()};
  message.memory = copy;
  return message;
}

Error end_of_patience(WorldState& state, const OpRecord& call, int32_t rank) {
  return state.end(fmt::format("rank {} in {} took longer than {} s", rank, describe(call), state.timeout_s()));
}

void Mailbox::push(Message message) {
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    num_messages_.store(messages_.size(), std::memory_order_relaxed);
  }
  is_not_empty_.notify_one();
}

std::optional<Message> Mailbox::try_pop() {
  if (is_empty()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (messages_.empty()) return std::nullopt;
  std::optional<Message> message = std::move(messages_.front());
  messages_.pop_front();
  num_messages_.store(messages_.size(), std::memory_order_relaxed);
  return message;
}

void Mailbox::wait(const WorldState& state, double seconds) {
  std::unique_lock lock(mutex_);
  is_not_empty_.wait_for(lock, std::chrono::duration<double>(seconds),
                         [&] { return !messages_.empty() || state.has_failed(); });
}

void Mailbox::wake() {
  { const std::lock_guard lock(mutex_); }
  is_not_empty_.notify_all();
}

Mailboxes::Mailboxes(WorldState& state, IndexRange receivers) : num_senders_(state.num_ranks()), receivers_(receivers) {
  const int64_t num_boxes = num_senders_ * (receivers.end - receivers.begin);
  for (int64_t i = 0; i < num_boxes; ++i) boxes_.push_back(std::make_unique<Mailbox>());
  state.on_failure([this] {
    for (const auto& box : boxes_) box->wake();
  });
}

MailboxGrid::MailboxGrid(WorldState& state) : state_(state), boxes_(state, {.begin = 0, .end = state.num_ranks()}) {}

void MailboxGrid::push(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data) {
  boxes_.from_to(from, to).push(message_of(call, data, pool_));
}

void MailboxGrid::lend(const OpRecord& call, int32_t from, int32_t to, std::span<const std::byte> data,
                       bool /*is_early*/) {
  push(call, from, to, data);
}

Status MailboxGrid::settle(const OpRecord&, int32_t) {
  return {};
}

Result<Message> MailboxGrid::pop(const OpRecord& call, int32_t from, int32_t to) {
  Mailbox& box = boxes_.from_to(from, to);
  Patience patience(state_.timeout_s());
  patience.begin(Progress(), monotonic_seconds());
  for (;;) {
    if (state_.has_failed()) return state_.failure();
    if (std::optional<Message> message = box.try_pop()) return std::move(*message);
    box.wait(state_, patience.interval_s());
    if (patience.is_over(state_.progress(), monotonic_seconds())) return end_of_patience(state_, call, to);
  }
}

Status MailboxGrid::fetch(const Message&, int32_t, std::span<std::byte>) {
  CHECK(false, "a message between ranks of one process has its data");
  return {};
}

}  // namespace braid
