// Where requests wait: one queue in front of all groups, in control/. A request leaves it when a group has room for it,
// and not before. Pure: no clock, no thread; it knows a group by its credits and by a function that looks into its
// prefix cache.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/kv/radix_tree.h"
#include "braid/request/ids.h"
#include "braid/request/scheduler_request.h"
#include "braid/scheduler/policy.h"

namespace braid {

class RequestQueue {
 public:
  // Turns are decided among the first `window` requests (by priority, under that policy, then by arrival), so that a
  // turn costs the same however many wait. One that was overtaken `max_overtaken` times is waited for.
  explicit RequestQueue(SchedulePolicy policy, int32_t max_overtaken = 32, int32_t window = 128);

  void push(SchedulerRequest request);
  bool abort(RequestId request);  // false if it does not wait here

  // The requests that a group with these credits should take now, in their order. `probe` is asked for the part of
  // each prompt that may come from the cache.
  using Probe = FunctionRef<PrefixProbe(std::span<const TokenId> prompt)>;
  [[nodiscard]] std::vector<SchedulerRequest> pop_admissible(Credits credits, Probe probe);

  bool empty() const { return waiting_.empty(); }
  int64_t size() const { return static_cast<int64_t>(waiting_.size()); }
  int64_t num_tokens() const { return num_tokens_; }  // of all waiting prompts

 private:
  struct Waiting {
    SchedulerRequest request;
    int32_t times_overtaken = 0;
  };
  using Place = std::tuple<int64_t, uint64_t, RequestId>;  // minus the priority, under that policy; arrival; id
  using WaitingMap = std::map<Place, Waiting>;

  SchedulerRequest take(WaitingMap::iterator at);

  const SchedulePolicy policy_;
  const int32_t max_overtaken_;
  const int32_t window_;
  WaitingMap waiting_;
  std::unordered_map<RequestId, Place> places_;
  int64_t num_tokens_ = 0;
};

}  // namespace braid
