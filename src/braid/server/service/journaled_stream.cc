#include "braid/server/service/journaled_stream.h"

#include <algorithm>
#include <utility>

#include "braid/base/clock.h"

namespace braid {

void JournaledStream::respond(http::Response response) {
  const std::lock_guard lock(mutex_);
  head_ = std::move(response);
  bytes_ = head_->body.size();
  ended_s_ = monotonic_seconds();
  if (client_ != nullptr) std::exchange(client_, nullptr)->respond(*head_);
}

void JournaledStream::start_stream(http::Response response) {
  const std::lock_guard lock(mutex_);
  head_ = std::move(response);
  is_stream_ = true;
  if (client_ != nullptr) client_->start_stream(*head_);
}

void JournaledStream::write(std::string_view bytes) {
  constexpr std::string_view kEnd = "\n\n";
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    const size_t end = bytes.find(kEnd);
    const size_t size = end == std::string_view::npos ? bytes.size() : end + kEnd.size();
    events_.emplace_back(bytes.substr(0, size));
    bytes_ += size;
    bytes.remove_prefix(size);
    if (client_ != nullptr && std::ssize(events_) > num_had_) client_->write(events_.back());
  }
}

void JournaledStream::finish() {
  const std::lock_guard lock(mutex_);
  ended_s_ = monotonic_seconds();
  if (client_ != nullptr) std::exchange(client_, nullptr)->finish();
}

void JournaledStream::attach(std::shared_ptr<http::Responder> client, int64_t num_had) {
  const std::lock_guard lock(mutex_);
  if (client_ != nullptr && is_stream_) client_->finish();
  client_ = std::move(client);
  num_had_ = num_had;
  if (!head_) return;
  if (!is_stream_) return std::exchange(client_, nullptr)->respond(*head_);
  http::Response head = *head_;
  for (size_t i = static_cast<size_t>(num_had); i < events_.size(); ++i) head.body += events_[i];
  client_->start_stream(std::move(head));
  if (ended_s_) std::exchange(client_, nullptr)->finish();
}

std::optional<double> JournaledStream::ended_s() const {
  const std::lock_guard lock(mutex_);
  return ended_s_;
}

size_t JournaledStream::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace braid
