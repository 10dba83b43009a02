// Downloads one model from the hub into its folder of the cache. Tested by tests/e2e/test_hub.py.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/hub/fetch_model.h"
#include "braid/hub/hub_cache.h"
#include "braid/hub/hub_name.h"

namespace braid {

// Returns the snapshot's folder. Small files are written first, refs/ last: a snapshot with a reference and its weights
// is complete. Existing files are not downloaded again.
Result<std::string> download_model(const HubName& name, const HubFolder& folder, const FetchOptions& options);

}  // namespace braid
