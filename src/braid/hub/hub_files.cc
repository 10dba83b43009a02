#include "braid/hub/hub_files.h"

#include <fmt/format.h>

#include <array>

#include "braid/config/weight_files.h"
#include "braid/hub/gguf_choice.h"

namespace braid {
namespace {

constexpr std::array<std::string_view, 10> kTextFiles = {"config.json",
                                                         "generation_config.json",
                                                         "tokenizer.json",
                                                         "tokenizer_config.json",
                                                         "chat_template.jinja",
                                                         "chat_template.json",
                                                         "special_tokens_map.json",
                                                         "preprocessor_config.json",
                                                         "processor_config.json",
                                                         "video_preprocessor_config.json"};

std::vector<std::string> paths_of(const HubRepository& repository) {
  std::vector<std::string> paths;
  for (const HubFile& file : repository.files) paths.push_back(file.path);
  return paths;
}

// Suggests what to name instead of a repository without safetensors.
Error no_safetensors(const HubRepository& repository, const HubName& name) {
  const auto variants = gguf_variants(paths_of(repository));
  if (!variants.empty()) {
    return fail("{} has no *.safetensors, but GGUF files: {}:{}", name.text(), name.text(),
                fmt::join(variants, fmt::format(", {}:", name.text())));
  }
  for (const HubFile& file : repository.files) {
    if (!file.path.ends_with(".bin") && !file.path.ends_with(".pth") && !file.path.ends_with(".pt")) continue;
    return fail("{} has its weights as {}: safetensors and GGUF are supported", name.text(), file.path);
  }
  return fail("{} has no weights: neither *.safetensors nor *.gguf", name.text());
}

}  // namespace

Result<HubSelection> select_hub_files(const HubRepository& repository, const HubName& name) {
  HubSelection selection;
  if (!name.variant.empty()) {
    const auto paths = choose_gguf(paths_of(repository), name.variant);
    if (!paths.ok()) return fail("{}: {}", name.text(), paths.error().message);
    for (const std::string& path : *paths) selection.weights.push_back(*repository.find(path));
    return selection;
  }
  for (const std::string_view path : kTextFiles) {
    if (const HubFile* const file = repository.find(path); file != nullptr) selection.texts.push_back(*file);
  }
  if (const HubFile* const index = repository.find(kWeightIndexName); index != nullptr) {
    selection.texts.push_back(*index);
    selection.has_index = true;
  } else if (const HubFile* const single = repository.find(kWeightFileName); single != nullptr) {
    selection.weights.push_back(*single);
  } else {
    for (const HubFile& file : repository.files) {
      const bool is_top_level = file.path.find('/') == std::string::npos;
      if (is_top_level && file.path.ends_with(".safetensors")) selection.weights.push_back(file);
    }
    if (selection.weights.empty()) return no_safetensors(repository, name);
  }
  if (repository.find("config.json") == nullptr) return fail("{} has no config.json", name.text());
  return selection;
}

Result<std::vector<HubFile>> select_shards(const HubRepository& repository, std::string_view index_text) {
  TRY(const WeightFiles named, parse_weight_index(index_text));
  std::vector<HubFile> shards;
  for (const std::string& path : named.names) {
    const HubFile* const file = repository.find(path);
    if (file == nullptr) return fail("{} names {}, which the repository does not have", kWeightIndexName, path);
    shards.push_back(*file);
  }
  return shards;
}

}  // namespace braid
