#include "braid/hub/model_path.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "braid/formats/input_file.h"
#include "braid/hub/gguf_choice.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

bool is_directory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_regular_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// Paths of all files below a folder, relative to it.
std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_directory(error)) files.push_back(entry.path().lexically_relative(folder).string());
  }
  return files;
}

}  // namespace

bool is_local_path(const std::string& model_path) {
  return is_there(model_path);
}

Result<ResolvedModel> find_in_snapshot(const std::string& snapshot, const std::string& variant) {
  if (variant.empty()) return ResolvedModel{ResolvedModel::Kind::kDirectory, snapshot};
  TRY(const auto files, choose_gguf(files_below(snapshot), variant));
  return ResolvedModel{ResolvedModel::Kind::kGguf, snapshot + "/" + files.front()};
}

Result<ResolvedModel> resolve_model_path(const std::string& model_path, const ModelPathEnvironment& environment) {
  if (model_path.empty()) return fail("--model-path is empty: a directory, a .gguf file, or org/name");
  if (is_directory(model_path)) return ResolvedModel{ResolvedModel::Kind::kDirectory, model_path};
  if (is_regular_file(model_path)) return ResolvedModel{ResolvedModel::Kind::kGguf, model_path};
  if (is_local_path(model_path)) {
    std::error_code error;
    if (fs::exists(fs::status(model_path, error))) {
      return fail("{} is neither a directory nor a regular file", model_path);
    }
    return fail("{} is a link that cannot be followed: {}", model_path, error.message());
  }
  const auto name = parse_hub_name(model_path);
  if (!name) return fail("{}: no such directory or file", model_path);

  const HubFolder folder(environment, name->repository);
  if (!is_directory(folder.path())) {
    return fail("{} is neither a file here nor in the Hugging Face cache ({}): download it with  hf download {}",
                model_path, hub_cache(environment), name->repository);
  }
  TRY(const auto snapshot, folder.find_snapshot(name->revision));
  if (!snapshot) {
    return fail("{} has no complete snapshot of {}: download it with  hf download {}", folder.path(), model_path,
                name->repository);
  }
  auto found = find_in_snapshot(*snapshot, name->variant);
  if (!found.ok()) return fail("{}: {}", model_path, found.error().message);
  return found;
}

}  // namespace braid
