#include "braid/weights/layer_names.h"

#include <algorithm>
#include <utility>

#include "braid/tokenizer/regex/regex_scratch.h"
#include "braid/weights/weight_table.h"

namespace braid {
namespace {

constexpr std::string_view kRegexMark = "re:";

// "self_attn" is a part of "model.layers.0.self_attn.q_proj", and so is "layers.0"; "attn" is none.
bool has_part(std::string_view layer, const std::string& part) {
  if (part.find('*') != std::string::npos) {
    return matches_pattern(part, layer) || matches_pattern(part + ".*", layer) || matches_pattern("*." + part, layer);
  }
  for (auto at = layer.find(part); at != std::string_view::npos; at = layer.find(part, at + 1)) {
    const size_t end = at + part.size();
    if ((at == 0 || layer[at - 1] == '.') && (end == layer.size() || layer[end] == '.')) return true;
  }
  return false;
}

}  // namespace

Result<LayerNames::Name> LayerNames::compile(const std::string& text) {
  Name name{.text = &text, .regex = {}};
  if (text.starts_with(kRegexMark)) {
    auto regex = Regex::compile(std::string_view(text).substr(kRegexMark.size()));
    if (!regex.ok()) return fail("config.json: quantization_config: {}", regex.error().message);
    name.regex.push_back(std::move(*regex));
  }
  return name;
}

Result<LayerNames> LayerNames::make(const QuantizationConfig& config) {
  LayerNames names;
  names.names_are_exact_ = config.method == "compressed-tensors";
  for (const QuantizationScheme& scheme : config.schemes) {
    Targets& targets = names.targets_.emplace_back(Targets{.scheme = &scheme, .names = {}});
    for (const std::string& target : scheme.targets) {
      TRY(auto name, compile(target));
      targets.names.push_back(std::move(name));
    }
  }
  for (const std::string& ignored : config.ignored) {
    TRY(auto name, compile(ignored));
    names.ignored_.push_back(std::move(name));
  }
  return names;
}

bool LayerNames::begins_with(const Name& name, std::string_view layer) {
  if (name.regex.empty()) return *name.text == layer;
  RegexScratch scratch;
  bool does_match = false;
  name.regex.front().for_each_match(layer, scratch, [&](size_t begin, size_t) { does_match |= begin == 0; });
  return does_match;
}

bool LayerNames::is_ignored_by(const Name& name, std::string_view layer) const {
  if (begins_with(name, layer)) return true;
  return name.regex.empty() && !names_are_exact_ && !name.text->empty() && has_part(layer, *name.text);
}

const std::string* LayerNames::ignored_by(std::string_view layer) const {
  const auto found = std::ranges::find_if(ignored_, [&](const Name& name) { return is_ignored_by(name, layer); });
  return found == ignored_.end() ? nullptr : found->text;
}

const QuantizationScheme* LayerNames::scheme_of(std::string_view layer) const {
  if (ignored_by(layer) != nullptr) return nullptr;
  for (const Targets& targets : targets_) {
    if (targets.names.empty() ||
        std::ranges::any_of(targets.names, [&](const Name& name) { return begins_with(name, layer); })) {
      return targets.scheme;
    }
  }
  return nullptr;
}

}  // namespace braid
