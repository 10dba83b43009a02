// libFuzzer: any answer of the hub about a repository is an error, or a list of files whose paths stay below a folder
// and whose hashes can be file names. The same holds for the files selected from it.
#include <cstdint>
#include <string_view>

#include "braid/base/check.h"
#include "braid/config/weight_files.h"
#include "braid/hub/hub_cache.h"
#include "braid/hub/hub_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto repository = braid::parse_hub_repository(text);
  if (!repository.ok()) return 0;
  for (const braid::HubFile& file : repository->files) {
    CHECK(("/" + file.path + "/").find("/../") == std::string::npos && !file.path.starts_with('/'));
    CHECK(file.hash().empty() || braid::is_plain_file_name(file.hash()));
  }
  (void)braid::select_hub_files(*repository, {.repository = "org/name"});
  (void)braid::select_hub_files(*repository, {.repository = "org/name", .variant = "Q4_K_M"});
  (void)braid::select_shards(*repository, text);
  return 0;
}
