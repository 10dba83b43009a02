#include "braid/weights/layer_names.h"

#include <algorithm>
#include <utility>

#include "braid/tokenizer/regex/regex_scratch.h"
#include "braid/weights/weight_table.h"

namespace braid {
namespace {

constexpr std::string_view kRegexMark = "re:";
constexpr int64_t kMostRegexes = 2000;  // compiling one takes up to a millisecond

bool is_regex(const std::string& text) {
  return text.starts_with(kRegexMark);
}

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
  if (is_regex(text)) {
    auto regex = Regex::compile(std::string_view(text).substr(kRegexMark.size()));
    if (!regex.ok()) return fail("config.json: quantization_config: {}", regex.error().message);
    name.regex.push_back(std::move(*regex));
  }
  return name;
}

Result<LayerNames> LayerNames::make(const QuantizationConfig& config) {
  int64_t num_regexes = std::ranges::count_if(config.ignored, is_regex);
  for (const QuantizationScheme& scheme : config.schemes) {
    num_regexes += std::ranges::count_if(scheme.targets, is_regex);
  }
  if (num_regexes > kMostRegexes) {
    return fail("config.json: quantization_config has more than {} regular expressions", kMostRegexes);
  }
  LayerNames names;
  names.names_are_exact_ = config.method == "compressed-tensors";
  for (const QuantizationScheme& scheme : config.schemes) {
    if (scheme.targets.empty()) names.rules_.push_back({.target = std::nullopt, .scheme = &scheme});
    for (const std::string& target : scheme.targets) {
      TRY(auto name, compile(target));
      names.rules_.push_back({.target = std::move(name), .scheme = &scheme});
    }
  }
  // As compressed-tensors does: names, then regular expressions in the order of their texts, then classes.
  if (names.names_are_exact_) {
    const auto place_of = [](const Rule& rule) -> std::pair<int, std::string_view> {
      if (!rule.target) return {2, ""};
      if (rule.target->regex.empty()) return {0, ""};
      return {1, *rule.target->text};
    };
    std::ranges::stable_sort(names.rules_, {}, place_of);
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
  if (const Name* const name = ignored_name(layer)) return name->text;
  const Rule* const rule = rule_of(layer);
  return rule != nullptr && rule->target && rule->scheme->is_excluded ? rule->target->text : nullptr;
}

const LayerNames::Name* LayerNames::ignored_name(std::string_view layer) const {
  const auto found = std::ranges::find_if(ignored_, [&](const Name& name) { return is_ignored_by(name, layer); });
  return found == ignored_.end() ? nullptr : &*found;
}

const LayerNames::Rule* LayerNames::rule_of(std::string_view layer) const {
  const auto found =
      std::ranges::find_if(rules_, [&](const Rule& rule) { return !rule.target || begins_with(*rule.target, layer); });
  return found == rules_.end() ? nullptr : &*found;
}

const QuantizationScheme* LayerNames::scheme_of(std::string_view layer) const {
  if (ignored_name(layer) != nullptr) return nullptr;
  const Rule* const rule = rule_of(layer);
  return rule == nullptr || rule->scheme->is_excluded ? nullptr : rule->scheme;
}

}  // namespace braid
