#include "braid/config/model_path.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "braid/formats/mapped_file.h"

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

// "org/name", as the hub allows: letters, digits, '-', '_' and '.'.
bool is_hub_name(std::string_view name) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == name.size()) return false;
  if (name.find("..") != std::string_view::npos || name.front() == '.') return false;
  return std::count(name.begin(), name.end(), '/') == 1 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.' || c == '/';
         });
}

std::string hub_cache(const ModelPathEnvironment& environment) {
  if (!environment.hf_hub_cache.empty()) return environment.hf_hub_cache;
  if (!environment.hf_home.empty()) return environment.hf_home + "/hub";
  return environment.home + "/.cache/huggingface/hub";
}

// The snapshot that refs/main names; without that file, the only snapshot there is.
Result<std::string> find_snapshot(const std::string& folder, const std::string& name) {
  if (auto commit = read_text_file(folder + "/refs/main", 1000); commit.ok()) {
    std::string revision = *commit;
    while (!revision.empty() && std::isspace(static_cast<unsigned char>(revision.back()))) revision.pop_back();
    if (!is_plain_file_name(revision)) return fail("{}/refs/main does not name a snapshot", folder);
    const std::string snapshot = folder + "/snapshots/" + revision;
    if (is_directory(snapshot)) return snapshot;
  }
  std::vector<std::string> snapshots;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder + "/snapshots", error)) {
    if (entry.is_directory(error)) snapshots.push_back(entry.path().string());
  }
  if (snapshots.size() == 1) return snapshots.front();
  return fail("{} has no complete snapshot of {}: download it with  hf download {}", folder, name, name);
}

}  // namespace

bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

Result<ResolvedModel> resolve_model_path(const std::string& model_path, const ModelPathEnvironment& environment) {
  if (model_path.empty()) return fail("--model-path is empty: a directory, a .gguf file, or org/name");
  if (is_directory(model_path)) return ResolvedModel{ResolvedModel::Kind::kDirectory, model_path};
  if (is_regular_file(model_path)) return ResolvedModel{ResolvedModel::Kind::kGguf, model_path};
  std::error_code error;
  if (fs::exists(model_path, error)) return fail("{} is neither a directory nor a regular file", model_path);
  if (!is_hub_name(model_path)) return fail("{}: no such directory or file", model_path);

  std::string folder_name = "models--" + model_path;
  folder_name.replace(folder_name.find('/'), 1, "--");
  const std::string folder = hub_cache(environment) + "/" + folder_name;
  if (!is_directory(folder)) {
    return fail("{} is neither a file here nor in the Hugging Face cache ({}): download it with  hf download {}",
                model_path, hub_cache(environment), model_path);
  }
  TRY(auto snapshot, find_snapshot(folder, model_path));
  return ResolvedModel{ResolvedModel::Kind::kDirectory, std::move(snapshot)};
}

}  // namespace braid
