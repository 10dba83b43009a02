#include "braid/config/generation_config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "braid/config/hf_class.h"
#include "braid/formats/input_file.h"

namespace braid {
namespace {

constexpr const char* kFileName = "generation_config.json";
constexpr const char* kOverrideFlag = "--override-generation-config";
constexpr std::array<std::string_view, 5> kSamplingKeys = {"temperature", "top_k", "top_p", "min_p",
                                                           "repetition_penalty"};

Result<GenerationDefaults> read_folder(const std::string& folder) {
  constexpr int64_t kMaxBytes = int64_t{16} << 20;
  const std::string path = folder + "/" + kFileName;
  if (!is_there(path)) {
    return fail("--generation-config {}: must be auto, none, or a folder with a {}", folder, kFileName);
  }
  TRY(const std::string text, read_text_file(path, kMaxBytes));
  auto parsed = parse_json(text, {.max_bytes = kMaxBytes, .unique_keys = true});
  if (!parsed.ok()) return fail("{}: {}", path, parsed.error().message);
  return read_generation_config(*parsed, path);
}

Status override_with(const std::string& text, GenerationDefaults& defaults) {
  const auto parsed = parse_json(text, {.max_bytes = 1 << 16, .unique_keys = true});
  if (!parsed.ok() || !parsed->is_object()) {
    const std::string why = parsed.ok() ? "" : fmt::format(" ({})", parsed.error().message);
    return fail("{} {}: must be a JSON object, like {{\"temperature\": 0.5}}{}", kOverrideFlag, text.substr(0, 80),
                why);
  }
  for (const auto& [key, value] : parsed->items()) {
    if (std::ranges::find(kSamplingKeys, key) != kSamplingKeys.end()) continue;
    return fail("{}: unknown key {}; known are {}", kOverrideFlag, json_excerpt(Json(key)),
                fmt::join(kSamplingKeys, ", "));
  }
  TRY(const GenerationDefaults given, read_generation_config(*parsed, kOverrideFlag));
  // A model's file may have it beside do_sample false; a request must not.
  if (given.top_p == 0.0F) return fail("{}: \"top_p\" is 0, must be above 0 and at most 1", kOverrideFlag);
  const auto take = [&](const char* key, const auto& from, auto& to) {
    if (parsed->contains(key)) to = from;
  };
  take("temperature", given.temperature, defaults.temperature);
  take("top_k", given.top_k, defaults.top_k);
  take("top_p", given.top_p, defaults.top_p);
  take("min_p", given.min_p, defaults.min_p);
  take("repetition_penalty", given.repetition_penalty, defaults.repetition_penalty);
  return {};
}

}  // namespace

Result<GenerationDefaults> read_generation_config(const Json& document, const std::string& name) {
  TRY(const auto json, JsonObject::of(document, name));
  GenerationDefaults result;
  TRY(result.eos_token_ids, read_token_ids(json, "eos_token_id"));
  const auto read_within = [&](std::string_view key, double min, double max, std::optional<float>& value) -> Status {
    TRY(const auto found, json.find_double(key));
    if (!found) return {};
    if (!(*found >= min && *found <= max)) return json.wrong_value(key, fmt::format("between {} and {}", min, max));
    value = static_cast<float>(*found);
    return {};
  };
  TRY_STATUS(read_within("temperature", 0, 100, result.temperature));
  TRY_STATUS(read_within("top_p", 0, 1, result.top_p));
  TRY_STATUS(read_within("min_p", 0, 1, result.min_p));
  TRY_STATUS(read_within("repetition_penalty", 1e-3, 1e3, result.repetition_penalty));
  TRY(const auto top_k, json.find_int("top_k", -1, kMaxInt32));
  if (top_k) result.top_k = static_cast<int32_t>(std::max<int64_t>(*top_k, 0));  // some files have -1 for off
  TRY(const auto do_sample, json.find_bool("do_sample"));
  if (!do_sample.value_or(true)) result.temperature = 0.0F;
  return result;
}

Result<GenerationDefaults> choose_generation_config(const GenerationDefaults& model,
                                                    const GenerationConfigOptions& options) {
  GenerationDefaults chosen = model;
  if (options.source == "none" || options.source == "vllm") {
    chosen = {.eos_token_ids = model.eos_token_ids};
  } else if (options.source != "auto") {
    TRY(chosen, read_folder(options.source));
    if (chosen.eos_token_ids.empty()) chosen.eos_token_ids = model.eos_token_ids;
  }
  if (!options.overrides.empty()) TRY_STATUS(override_with(options.overrides, chosen));
  return chosen;
}

Json sampling_defaults_json(const GenerationDefaults& defaults) {
  Json json = Json::object();
  const auto add = [&](const char* key, const auto& value) {
    if (value) json[key] = Json::parse(fmt::format("{}", *value));  // a float as it was written: 0.2, not 0.200000003
  };
  add("temperature", defaults.temperature);
  add("top_k", defaults.top_k);
  add("top_p", defaults.top_p);
  add("min_p", defaults.min_p);
  add("repetition_penalty", defaults.repetition_penalty);
  return json;
}

Status check_end_tokens(const GenerationDefaults& defaults, int64_t vocab_size) {
  for (const TokenId token : defaults.eos_token_ids) {
    if (token < vocab_size) continue;
    return fail("{}: eos_token_id {} is not below the vocabulary's size {}", kFileName, token, vocab_size);
  }
  return {};
}

}  // namespace braid
