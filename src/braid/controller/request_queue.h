// Where requests wait: one queue in front of all groups. A request leaves it only when a group has room for it. Pure:
// no clock, no thread. It knows the groups by their credits and by a function that probes their prefix caches.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  // A group's turns are decided among the first `window` requests that any group may take, and as many that only this
  // one may take (by priority under that policy, then by arrival). So a turn costs the same however many wait, and
  // requests for one group do not hide those for others. The first request that was overtaken `max_overtaken` times
  // reserves the group that lacks the fewest pages for it: nothing later is admitted there until it fits. The other
  // groups go on.
  explicit RequestQueue(SchedulePolicy policy, int32_t max_overtaken = 32, int32_t window = 128);

  // `only_group`: no other group may take it, however long that lasts. `num_output`: tokens that it has generated in a
  // group that was lost; it needs room for them too.
  void push(SchedulerRequest request, std::optional<int32_t> only_group = std::nullopt, int32_t num_output = 0);
  bool abort(RequestId request);  // false if it does not wait here
  // The group is down: nothing waits for its room any more. Requests that only it may take wait on.
  void lose(int32_t group);
  void restart(int32_t group);  // its prefix cache is empty

  struct Binding {
    SchedulerRequest request;
    int32_t group = 0;
    int64_t num_pages = 0;  // taken from the group's credits
  };
  // Writes what each group's prefix cache has of the request's prompt. Called for every request in the window under
  // lpm; under other policies only for requests that do not fit without a prefix, and for the one that is picked.
  using Probe = FunctionRef<void(const SchedulerRequest& request, std::span<PrefixProbe> by_group)>;
  // Picks the group that takes a request. `prefixes`: what each group's cache has of it; nothing: the group has no
  // room.
  using PickGroup =
      FunctionRef<int32_t(const SchedulerRequest& request, std::span<const std::optional<PrefixProbe>> prefixes)>;
  // The requests that groups with these credits should take now, in order. `versions`: of the groups' prefix caches,
  // not newer than what `probe` sees. With them, what a probe found is kept for later turns as long as it holds, or as
  // long as the request cannot fit anyway. Without, nothing is kept.
  [[nodiscard]] std::vector<Binding> pop_admissible(std::vector<Credits> groups, Probe probe, PickGroup pick,
                                                    std::span<const PrefixVersion> versions = {});
  // Whether the group keeps its free room for a request that waits.
  bool is_reserved(int32_t group) const;

  bool empty() const { return places_.empty(); }
  int64_t size() const { return static_cast<int64_t>(places_.size()); }
  int64_t num_tokens() const { return num_tokens_; }  // of all waiting prompts

 private:
  struct KnownPrefixes {
    std::vector<PrefixProbe> by_group;
    std::vector<PrefixVersion> versions;  // by group, not newer than the probes; or none
    bool has(size_t group) const { return group < versions.size(); }
  };
  struct Waiting {
    SchedulerRequest request;
    std::optional<int32_t> only_group;
    int32_t num_output = 0;
    int32_t times_overtaken = 0;
    KnownPrefixes known = {};
  };
  struct Reservation {
    RequestId request = 0;
    int32_t group = 0;
  };
  struct Candidate;
  struct Turn;
  using Place = std::tuple<int64_t, uint64_t, RequestId>;  // negative priority (0 under other policies), arrival, id
  using WaitingMap = std::map<Place, Waiting>;
  using ListKey = int32_t;  // the only group that may take its requests
  static constexpr ListKey kAnyGroup = -1;

  std::vector<Candidate> look_ahead(const Turn& turn);
  void reserve(std::span<Candidate> candidates, const Turn& turn);
  std::optional<size_t> pick_for(std::span<Candidate> candidates, int32_t group, const Turn& turn) const;
  std::optional<size_t> pick_for_any(std::span<Candidate> candidates, const Turn& turn) const;
  std::optional<size_t> pick_in_order(std::span<Candidate> candidates, const Turn& turn) const;
  std::span<const PrefixProbe> look_up_last(const Candidate& candidate, const Turn& turn);
  SchedulerRequest take(WaitingMap::iterator at);

  const SchedulePolicy policy_;
  const int32_t max_overtaken_;
  const int32_t window_;
  std::map<ListKey, WaitingMap> lists_;          // none is empty
  std::map<ListKey, Reservation> reservations_;  // at most one for each list
  std::unordered_map<RequestId, WaitingMap::iterator> places_;
  std::set<int32_t> lost_groups_;
  std::vector<PrefixProbe> last_probes_;  // of look_up_last(), by group, like the next
  std::vector<std::optional<PrefixProbe>> picked_prefixes_;
  int64_t num_tokens_ = 0;
};

}  // namespace braid
