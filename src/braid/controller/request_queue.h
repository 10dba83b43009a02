// Where requests wait: one queue in front of all groups, in control/. A request leaves it when a group has room for it,
// and not before. Pure: no clock, no thread; it knows the groups by their credits and by a function that looks into
// their prefix caches.
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
  // Turns are decided among the first `window` requests (by priority, under that policy, then by arrival), so that a
  // turn costs the same however many wait. One that was overtaken `max_overtaken` times is waited for.
  explicit RequestQueue(SchedulePolicy policy, int32_t max_overtaken = 32, int32_t window = 128);

  // `only_group`: the one that must take it, however long that lasts.
  void push(SchedulerRequest request, std::optional<int32_t> only_group = std::nullopt);
  bool abort(RequestId request);  // false if it does not wait here

  struct Binding {
    SchedulerRequest request;
    int32_t group = 0;
    int64_t num_pages = 0;  // that it takes from the group's credits
  };
  // What a group's prefix cache has of a prompt. Asked for those whose turn it may be: under lpm for all that turns are
  // decided among, otherwise for who does not fit without a prefix, and for who is picked.
  using Probe = FunctionRef<PrefixProbe(int32_t group, std::span<const TokenId> prompt)>;
  // Which of the groups that a request fits is to take it; `prefixes`: what each has of it, nothing: it has no room.
  using PickGroup =
      FunctionRef<int32_t(const SchedulerRequest& request, std::span<const std::optional<PrefixProbe>> prefixes)>;
  // The requests that groups with these credits should take now, in their order.
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
  using Place = std::tuple<int64_t, uint64_t, RequestId>;  // minus the priority, under that policy; arrival; id
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
