// Files of numbers that the kernel provides (/proc, cgroups). Tested by huge_pages_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace braid {

// The number after `key` in a file of "key value" lines. Nothing without that file or line.
std::optional<int64_t> read_field(const std::string& path, const std::string& key);

}  // namespace braid
