#include "braid/server/service/in_flight.h"

#include <utility>
#include <vector>

namespace braid {

InFlight::Token InFlight::enter() {
  const std::lock_guard lock(mutex_);
  ++count_;
  return Token(this, [](void* self) {
    auto& in_flight = *static_cast<InFlight*>(self);
    const std::lock_guard guard(in_flight.mutex_);
    // Notify under the lock: a thread that waits for the last one may then destroy this object.
    if (--in_flight.count_ == 0) in_flight.changed_.notify_all();
  });
}

bool InFlight::add(const std::string& id, std::function<void()> abort, bool is_part) {
  const std::lock_guard lock(mutex_);
  return aborts_.emplace(id, Entry{.abort = std::move(abort), .is_part = is_part}).second;
}

void InFlight::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  aborts_.erase(id);
}

bool InFlight::abort(const std::string& id) {
  std::function<void()> abort;
  {
    const std::lock_guard lock(mutex_);
    const auto found = aborts_.find(id);
    if (found == aborts_.end()) return false;
    abort = found->second.abort;
  }
  abort();
  return true;
}

int64_t InFlight::abort_all() {
  std::vector<std::function<void()>> aborts;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : aborts_) {
      if (!entry.is_part) aborts.push_back(entry.abort);
    }
  }
  for (const auto& abort : aborts) abort();
  return static_cast<int64_t>(aborts.size());
}

int64_t InFlight::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

bool InFlight::wait_until_none(std::chrono::steady_clock::duration time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [&] { return count_ == 0; });
}

}  // namespace braid
