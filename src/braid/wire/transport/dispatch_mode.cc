#include "braid/wire/transport/dispatch_mode.h"

namespace braid {

Result<DispatchMode> parse_dispatch_mode(std::string_view name) {
  if (name == "broadcast") return DispatchMode::kBroadcast;
  if (name == "direct") return DispatchMode::kDirect;
  return fail("--dp-dispatch {}: use broadcast or direct", name);
}

std::string_view dispatch_mode_name(DispatchMode mode) {
  return mode == DispatchMode::kBroadcast ? "broadcast" : "direct";
}

}  // namespace braid
