#include "braid/parallel/mailbox.h"

#include <chrono>
#include <utility>

namespace braid {

void Mailbox::push(const OpRecord& call, std::span<const std::byte> data) {
  Message message{.call = call, .data = std::vector<std::byte>(data.begin(), data.end())};
  {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }
  is_not_empty_.notify_one();
}

Result<Message> Mailbox::pop(WorldState& state, const std::string& waiting) {
  std::unique_lock lock(mutex_);
  const std::chrono::duration<double> timeout(state.timeout_s());
  const bool in_time = is_not_empty_.wait_for(lock, timeout, [&] { return !messages_.empty() || state.has_failed(); });
  if (state.has_failed()) return state.failure();
  if (!in_time) {
    lock.unlock();
    return state.end(fmt::format("{} took longer than {} s", waiting, state.timeout_s()));
  }
  Message message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

void Mailbox::wake() {
  { const std::lock_guard lock(mutex_); }
  is_not_empty_.notify_all();
}

MailboxGrid::MailboxGrid(WorldState& state) : num_ranks_(state.num_ranks()) {
  for (int32_t i = 0; i < num_ranks_ * num_ranks_; ++i) boxes_.push_back(std::make_unique<Mailbox>());
  state.on_failure([this] {
    for (const auto& box : boxes_) box->wake();
  });
}

}  // namespace braid
