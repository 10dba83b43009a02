// Selects the files of a repository that braid needs. Pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/hub/hub_name.h"
#include "braid/hub/hub_repository.h"

namespace braid {

struct HubSelection {
  std::vector<HubFile> texts;    // configuration, tokenizer, template, the index of the weights
  std::vector<HubFile> weights;  // empty if there is an index, which names them
  bool has_index = false;
};

// For a variant, only its GGUF files, the first part first.
Result<HubSelection> select_hub_files(const HubRepository& repository, const HubName& name);

// The files that an index names.
Result<std::vector<HubFile>> select_shards(const HubRepository& repository, std::string_view index_text);

}  // namespace braid
