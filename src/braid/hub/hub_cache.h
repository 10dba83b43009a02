// The Hugging Face cache on this machine, in the layout of Hugging Face's tools:
//
//   models--org--name/blobs/HASH                      a file's contents, named by their hash
//   models--org--name/snapshots/COMMIT/config.json    a link to its blob
//   models--org--name/refs/main                       the commit of a branch or tag
//
// This file only finds paths; model_download.h downloads. Tested by model_path_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/hub/hub_name.h"
#include "braid/hub/model_path_environment.h"

namespace braid {

std::string hub_home(const ModelPathEnvironment& environment);   // …/huggingface
std::string hub_cache(const ModelPathEnvironment& environment);  // …/huggingface/hub

// One repository's folder.
class HubFolder {
 public:
  HubFolder(const ModelPathEnvironment& environment, const std::string& repository);

  const std::string& path() const { return path_; }
  std::string blob(std::string_view hash) const;
  std::string snapshot(std::string_view commit) const;
  std::string ref(std::string_view revision) const;

  // The snapshot's folder for `revision`: a commit, or a name in refs/; for "main" without an entry there, the only
  // snapshot. Nothing: there is none. Files may be missing. It is an error if the entry in refs/ is no commit.
  Result<std::optional<std::string>> find_snapshot(const std::string& revision) const;

 private:
  std::string path_;
};

}  // namespace braid
