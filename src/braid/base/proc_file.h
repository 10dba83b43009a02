// The kernel's files of numbers (/proc, cgroups).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace braid {

// The number behind `key` in a file of "key value" lines; none where there is no such file, or no such line.
std::optional<int64_t> read_field(const std::string& path, const std::string& key);

}  // namespace braid
