#include "braid/hub/hub_cache.h"

#include <cctype>
#include <filesystem>
#include <system_error>
#include <vector>

#include "braid/config/weight_files.h"
#include "braid/formats/input_file.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

std::string hub_home(const ModelPathEnvironment& environment) {
  return environment.hf_home.empty() ? environment.home + "/.cache/huggingface" : environment.hf_home;
}

std::string hub_cache(const ModelPathEnvironment& environment) {
  return environment.hf_hub_cache.empty() ? hub_home(environment) + "/hub" : environment.hf_hub_cache;
}

HubFolder::HubFolder(const ModelPathEnvironment& environment, const std::string& repository) {
  std::string name = repository;
  name.replace(name.find('/'), 1, "--");
  path_ = hub_cache(environment) + "/models--" + name;
}

std::string HubFolder::blob(std::string_view hash) const {
  return fmt::format("{}/blobs/{}", path_, hash);
}
std::string HubFolder::snapshot(std::string_view commit) const {
  return fmt::format("{}/snapshots/{}", path_, commit);
}
std::string HubFolder::ref(std::string_view revision) const {
  return fmt::format("{}/refs/{}", path_, revision);
}

Result<std::optional<std::string>> HubFolder::find_snapshot(const std::string& revision) const {
  using Optional = std::optional<std::string>;
  constexpr int64_t kMaxRefBytes = 1000;
  if (is_commit_hash(revision)) return is_folder(snapshot(revision)) ? snapshot(revision) : Optional();
  if (auto commit = read_text_file(ref(revision), kMaxRefBytes); commit.ok()) {
    while (!commit->empty() && std::isspace(static_cast<unsigned char>(commit->back()))) commit->pop_back();
    if (!is_plain_file_name(*commit)) return fail("{} does not name a snapshot", ref(revision));
    if (is_folder(snapshot(*commit))) return Optional(snapshot(*commit));
  }
  if (revision != "main") return Optional();
  std::vector<std::string> snapshots;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_ + "/snapshots", error)) {
    if (entry.is_directory(error)) snapshots.push_back(entry.path().string());
  }
  return snapshots.size() == 1 ? Optional(snapshots.front()) : Optional();
}

}  // namespace braid
