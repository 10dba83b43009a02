// The hashes by which the hub identifies contents. Tested by blob_file_test.cc.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/hub/hub_repository.h"

namespace braid {

// Whether the file at `path` has the size and hash of `file`. The error names the difference.
Status check_contents(const std::string& path, const HubFile& file);

}  // namespace braid
