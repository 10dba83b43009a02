#include "tests/support/temporary_folder.h"

#include <stdlib.h>  // mkdtemp

#include <string>
#include <system_error>

#include "braid/base/check.h"

namespace braid::testing {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "braid_test_XXXXXX").string();
  CHECK(::mkdtemp(name.data()) != nullptr, "no folder {}", name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace braid::testing
