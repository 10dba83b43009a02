#include "braid/parallel/mailbox.h"

#include <chrono>
#include <utility>

#include "braid/base/clock.h"

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
  Patience patience(state.timeout_s());
  patience.begin(Progress(), monotonic_seconds());
  const std::chrono::duration<double> interval(patience.interval_s());
  const auto has_news = [&] { return !messages_.empty() || state.has_failed(); };
  while (!is_not_empty_.wait_for(lock, interval, has_news)) {
    lock.unlock();
    if (patience.is_over(state.progress(), monotonic_seconds())) {
      return state.end(fmt::format("{} took longer than {} s", waiting, state.timeout_s()));
    }
    lock.lock();
  }
  if (state.has_failed()) return state.failure();
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
