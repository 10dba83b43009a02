#include "braid/base/proc_file.h"

#include <fstream>
#include <sstream>

namespace braid {

std::optional<int64_t> read_field(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t value = 0;
    if (words >> name >> value && name == key) return value;
  }
  return std::nullopt;
}

}  // namespace braid
