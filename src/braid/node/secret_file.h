// A new file that only its owner may read. Tested by runtime_folder_test.cc and cluster_key_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

// An error, which names the path, also if there is such a file.
Status write_secret_file(const std::string& path, std::string_view text);

}  // namespace braid
