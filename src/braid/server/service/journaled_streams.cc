#include "braid/server/service/journaled_streams.h"

#include <utility>

namespace braid {

std::shared_ptr<JournaledStream> JournaledStreams::add(const std::string& rid, double now_s) {
  const std::lock_guard lock(mutex_);
  forget_ended(now_s);
  std::shared_ptr<JournaledStream>& place = streams_[rid];
  if (place != nullptr && !place->ended_s()) return nullptr;
  place = std::make_shared<JournaledStream>();
  return place;
}

std::shared_ptr<JournaledStream> JournaledStreams::find(const std::string& rid, double now_s) {
  const std::lock_guard lock(mutex_);
  forget_ended(now_s);
  const auto found = streams_.find(rid);
  return found == streams_.end() ? nullptr : found->second;
}

// Those that are too old, and the oldest of the others as long as there are too many bytes.
void JournaledStreams::forget_ended(double now_s) {
  std::multimap<double, std::string> ended;
  size_t bytes = 0;
  for (const auto& [rid, stream] : streams_) {
    if (const auto ended_s = stream->ended_s()) {
      ended.emplace(*ended_s, rid);
      bytes += stream->bytes();
    }
  }
  for (const auto& [ended_s, rid] : ended) {
    if (ended_s + keep_s_ >= now_s && bytes <= max_ended_bytes_) return;
    const auto node = streams_.extract(rid);
    bytes -= node.mapped()->bytes();
  }
}

}  // namespace braid
