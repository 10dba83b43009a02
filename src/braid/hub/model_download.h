// One model from the hub into its folder of the cache.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/hub/fetch_model.h"
#include "braid/hub/hub_cache.h"
#include "braid/hub/hub_name.h"

namespace braid {

// The snapshot's folder. Small files first, refs/ last: a snapshot that a reference names, and that has its weights, is
// whole. What is there already is not downloaded again.
Result<std::string> download_model(const HubName& name, const HubFolder& folder, const FetchOptions& options);

}  // namespace braid
