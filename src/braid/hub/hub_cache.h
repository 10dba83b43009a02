// The Hugging Face cache on this machine, as its own tools lay it out:
//
//   models--org--name/blobs/HASH                      a file's contents, by its hash
//   models--org--name/snapshots/COMMIT/config.json    a link to its blob
//   models--org--name/refs/main                       the commit that a branch or tag had
//
// Only paths and looking up; downloading is hub/.
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

  // The folder of the snapshot that `revision` names: a commit itself, or what refs/ says; for "main" without that, the
  // only snapshot there is. Nothing: there is none. It may lack files. An error if refs/ holds no commit.
  Result<std::optional<std::string>> find_snapshot(const std::string& revision) const;

 private:
  std::string path_;
};

}  // namespace braid
