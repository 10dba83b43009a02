// Where requests wait: one queue in front of all groups. A request leaves it only when a group has room for it. Pure:
// no clock, no thread. It knows the groups by their credits and by a function that probes their prefix caches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/controller/policy.h"
#include "braid/request/ids.h"
#include "braid/request/prefix_probe.h"
#include "braid/request/scheduler_request.h"

namespace braid {

class RequestQueue {
 public:
  // Turns are decided among the first `window` requests (by priority under that policy, then by arrival), so a turn
  // costs the same however many wait. The queue waits for a request that was overtaken `max_overtaken` times.
  explicit RequestQueue(SchedulePolicy policy, int32_t max_overtaken = 32, int32_t window = 128);

  // `only_group`: no other group may take it, however long that lasts.
  void push(SchedulerRequest request, std::optional<int32_t> only_group = std::nullopt);
  bool abort(RequestId request);  // false if it does not wait here

  struct Binding {
    SchedulerRequest request;
    int32_t group = 0;
    int64_t num_pages = 0;  // taken from the group's credits
  };
  // What a group's prefix cache has of a prompt. Called for every request in the window under lpm; under other policies
  // only for requests that do not fit without a prefix, and for the one that is picked.
  using Probe = FunctionRef<PrefixProbe(int32_t group, std::span<const TokenId> prompt)>;
  // Picks the group that takes a request. `prefixes`: what each group's cache has of it; nothing: the group has no
  // room.
  using PickGroup =
      FunctionRef<int32_t(const SchedulerRequest& request, std::span<const std::optional<PrefixProbe>> prefixes)>;
  // The requests that groups with these credits should take now, in order.
  [[nodiscard]] std::vector<Binding> pop_admissible(std::vector<Credits> groups, Probe probe, PickGroup pick);

  bool empty() const { return waiting_.empty(); }
  int64_t size() const { return static_cast<int64_t>(waiting_.size()); }
  int64_t num_tokens() const { return num_tokens_; }  // of all waiting prompts

 private:
  struct Waiting {
    SchedulerRequest request;
    std::optional<int32_t> only_group;
    int32_t times_overtaken = 0;
  };
  struct Candidate;
  using Place = std::tuple<int64_t, uint64_t, RequestId>;  // negative priority (0 under other policies), arrival, id
  using WaitingMap = std::map<Place, Waiting>;

  std::vector<Candidate> look_ahead(size_t num_groups);
  std::optional<size_t> pick_for(std::span<Candidate> candidates, int32_t group, const Credits& credits,
                                 Probe probe) const;
  std::optional<size_t> pick_for_any(std::span<Candidate> candidates, std::span<const Credits> groups,
                                     Probe probe) const;
  SchedulerRequest take(WaitingMap::iterator at);

  const SchedulePolicy policy_;
  const int32_t max_overtaken_;
  const int32_t window_;
  WaitingMap waiting_;
  std::unordered_map<RequestId, Place> places_;
  int64_t num_tokens_ = 0;
};

}  // namespace braid
