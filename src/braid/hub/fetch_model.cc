#include "braid/hub/fetch_model.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "braid/config/weight_files.h"
#include "braid/hub/gguf_choice.h"
#include "braid/hub/hub_name.h"
#include "braid/hub/model_download.h"
#include "braid/hub/model_path.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

// False for a link to a missing blob.
bool has_file(const std::string& folder, std::string_view name) {
  std::error_code error;
  return fs::is_regular_file(fmt::format("{}/{}", folder, name), error);
}

bool has_gguf(const std::string& snapshot, const HubName& name, bool needs_weights) {
  const auto model = find_in_snapshot(snapshot, name.variant);
  if (!model.ok()) return false;
  const int64_t num_parts = gguf_num_parts(model->path);
  if (num_parts == 1 || !needs_weights)
    return has_file(snapshot, fs::path(model->path).lexically_relative(snapshot).string());
  std::string part = fs::path(model->path).lexically_relative(snapshot).string();
  const size_t number = part.rfind("-00001-of-");
  if (number == std::string::npos) return false;
  for (int64_t i = 1; i <= num_parts; ++i) {
    part.replace(number, 6, fmt::format("-{:05}", i));
    if (!has_file(snapshot, part)) return false;
  }
  return true;
}

bool has_weights(const std::string& snapshot) {
  const auto files = list_weight_files(snapshot);
  if (!files.ok() || !has_file(snapshot, "config.json")) return false;
  for (const std::string& name : files->names) {
    if (!has_file(snapshot, name)) return false;
  }
  return true;
}

struct CachedModel {
  std::string snapshot;      // empty: none
  bool is_usable = false;    // it has all files needed to run
  bool is_complete = false;  // it also has the tokenizer, which some repositories lack
};

Result<CachedModel> find_cached(const HubFolder& folder, const HubName& name, bool needs_weights) {
  TRY(const auto snapshot, folder.find_snapshot(name.revision));
  if (!snapshot) return CachedModel();
  CachedModel cached{.snapshot = *snapshot};
  if (!name.variant.empty()) {
    cached.is_usable = cached.is_complete = has_gguf(*snapshot, name, needs_weights);
  } else {
    const bool has_tokenizer = has_file(*snapshot, "tokenizer.json");
    cached.is_usable = needs_weights ? has_weights(*snapshot) : has_tokenizer;
    cached.is_complete = cached.is_usable && has_tokenizer;
  }
  return cached;
}

Result<std::string> path_in(const std::string& snapshot, const HubName& name) {
  TRY(const ResolvedModel model, find_in_snapshot(snapshot, name.variant));
  return model.path;
}

}  // namespace

Result<std::string> fetch_model(const std::string& model_path, const FetchOptions& options) {
  const auto name = parse_hub_name(model_path);
  if (!name || is_local_path(model_path)) return model_path;
  const HubFolder folder(options.environment, name->repository);
  TRY(const CachedModel cached, find_cached(folder, *name, options.needs_weights));
  if (cached.is_complete) return path_in(cached.snapshot, *name);
  if (options.environment.is_offline) {
    if (cached.is_usable) return path_in(cached.snapshot, *name);
    return fail("{} is neither a file here nor {}in the Hugging Face cache ({}), and HF_HUB_OFFLINE forbids a download",
                model_path, cached.snapshot.empty() ? "" : "whole ", hub_cache(options.environment));
  }
  const auto snapshot = download_model(*name, folder, options);
  if (snapshot.ok()) return path_in(*snapshot, *name);
  if (!cached.is_usable) return snapshot.error();
  if (options.on_notice) options.on_notice(fmt::format("{}: what is in the cache is used", snapshot.error().message));
  return path_in(cached.snapshot, *name);
}

}  // namespace braid
