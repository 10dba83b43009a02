#include "braid/api/operation_waits.h"

#include <algorithm>

#include "braid/parallel/transport.h"

namespace braid {
namespace {

// Not one of two ranks, which are not numbered, or of pages beside the steps.
bool brings_all_together(const TraceSpan& span) {
  const auto kind = static_cast<OpKind>(span.op.kind);
  return span.phase == TracePhase::kOperation && kind != OpKind::kSend && kind != OpKind::kRecv &&
         kind != OpKind::kHandOver && kind != OpKind::kTakeOver;
}

}  // namespace

OperationWaits::Key OperationWaits::key_of(const ProfiledProcess& process, const ProfiledRank& rank,
                                           const TraceSpan& span) {
  return {.world = rank.world,
          .num_restarts = process.num_restarts,
          .group = span.op.is_group ? rank.group : -1,
          .step = span.step,
          .number = span.op.number};
}

OperationWaits::OperationWaits(const Profile& profile) {
  for (const ProfiledProcess& process : profile.processes) {
    for (const ProfiledRank& rank : process.ranks) {
      for (const TraceSpan& span : rank.spans) {
        if (!brings_all_together(span)) continue;
        const auto [last, is_new] = last_begins_s_.try_emplace(key_of(process, rank, span), span.begin_s);
        if (!is_new) last->second = std::max(last->second, span.begin_s);
      }
    }
  }
}

double OperationWaits::of(const ProfiledProcess& process, const ProfiledRank& rank, const TraceSpan& span) const {
  if (!brings_all_together(span)) return 0;
  return std::clamp(last_begins_s_.at(key_of(process, rank, span)) - span.begin_s, 0.0, span.end_s - span.begin_s);
}

}  // namespace braid
