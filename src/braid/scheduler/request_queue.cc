#include "braid/scheduler/request_queue.h"

#include <utility>

#include "braid/base/check.h"

namespace braid {

RequestQueue::RequestQueue(SchedulePolicy policy, int32_t max_overtaken, int32_t window)
    : policy_(policy), max_overtaken_(max_overtaken), window_(window) {
  CHECK(max_overtaken >= 0 && window >= 1);
}

void RequestQueue::push(SchedulerRequest request) {
  const int64_t rank = policy_ == SchedulePolicy::kPriority ? -int64_t{request.priority} : 0;
  const Place place{rank, request.arrival, request.id};
  num_tokens_ += static_cast<int64_t>(request.prompt.size());
  const bool is_new = places_.emplace(request.id, place).second;
  CHECK(is_new, "request {} waits already", request.id);
  waiting_.emplace(place, Waiting{.request = std::move(request)});
}

bool RequestQueue::abort(RequestId request) {
  const auto place = places_.find(request);
  if (place == places_.end()) return false;
  take(waiting_.find(place->second));
  return true;
}

std::vector<SchedulerRequest> RequestQueue::pop_admissible(Credits credits, Probe probe) {
  std::vector<SchedulerRequest> popped;
  if (waiting_.empty() || credits.num_requests < 1 || (credits.num_pages < 1 && !credits.is_idle)) return popped;
  std::vector<WaitingEntry> entries;
  std::vector<WaitingMap::iterator> places;
  for (auto at = waiting_.begin(); at != waiting_.end() && static_cast<int32_t>(places.size()) < window_; ++at) {
    const SchedulerRequest& request = at->second.request;
    entries.push_back({.arrival = request.arrival,
                       .priority = request.priority,
                       .prompt_len = static_cast<int32_t>(request.prompt.size()),
                       .prefix = probe(request.reusable_prompt()),
                       .times_overtaken = at->second.times_overtaken});
    places.push_back(at);
  }
  while (const auto picked = pick_next(policy_, entries, credits, max_overtaken_)) {
    const WaitingEntry entry = entries[*picked];
    credits.num_requests -= 1;
    credits.num_pages -= pages_to_admit(entry, credits.page_size);
    credits.is_idle = false;
    popped.push_back(take(places[*picked]));
    entries.erase(entries.begin() + static_cast<ptrdiff_t>(*picked));
    places.erase(places.begin() + static_cast<ptrdiff_t>(*picked));
    for (size_t i = 0; i < entries.size(); ++i) {
      if (!is_overtaken(policy_, entries[i], entry)) continue;
      entries[i].times_overtaken += 1;
      places[i]->second.times_overtaken += 1;
    }
  }
  return popped;
}

SchedulerRequest RequestQueue::take(WaitingMap::iterator at) {
  SchedulerRequest request = std::move(at->second.request);
  num_tokens_ -= static_cast<int64_t>(request.prompt.size());
  places_.erase(request.id);
  waiting_.erase(at);
  return request;
}

}  // namespace braid
