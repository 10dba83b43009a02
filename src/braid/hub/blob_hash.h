// The hashes by which the hub names what is in a file.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/hub/hub_repository.h"

namespace braid {

// Whether the file at `path` is `file`, by size and hash. The error says in what it differs.
Status check_contents(const std::string& path, const HubFile& file);

}  // namespace braid
