#include "braid/parallel/transport.h"

namespace braid {

std::string_view op_name(OpKind kind) {
  switch (kind) {
    case OpKind::kBarrier:
      return "barrier";
    case OpKind::kBroadcast:
      return "broadcast";
    case OpKind::kAllGather:
      return "all_gather";
    case OpKind::kAllGatherV:
      return "all_gather_v";
    case OpKind::kReduceScatter:
      return "reduce_scatter";
    case OpKind::kReduceScatterV:
      return "reduce_scatter_v";
    case OpKind::kAllReduce:
      return "all_reduce";
    case OpKind::kAllToAll:
      return "all_to_all";
    case OpKind::kAllToAllV:
      return "all_to_all_v";
    case OpKind::kSend:
      return "send";
    case OpKind::kRecv:
      return "recv";
    case OpKind::kShare:
      return "share";
    case OpKind::kHandOver:
      return "hand_over";
    case OpKind::kTakeOver:
      return "take_over";
  }
  return "unknown";
}

}  // namespace braid
