#include "braid/server/openai/parse/common_parameters.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace braid::openai {

namespace {

constexpr int32_t kMaxTokens = 1 << 30;

// A value beyond a float's range becomes its largest; check_request() refuses either.
std::optional<float> as_float(std::optional<double> value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return value ? std::optional(static_cast<float>(std::clamp(*value, -kLargest, kLargest))) : std::nullopt;
}

std::optional<int32_t> as_int32(std::optional<int64_t> value) {
  return value ? std::optional(static_cast<int32_t>(*value)) : std::nullopt;
}

void read_stop(ParameterReader& reader, const ProtocolLimits& limits, std::vector<std::string>& stops) {
  const Json* value = reader.find("stop");
  if (value == nullptr) return;
  const auto add = [&](const Json& stop) {
    const bool is_text = stop.is_string() && !stop.get_ref<const std::string&>().empty();
    if (is_text && stop.get_ref<const std::string&>().size() <= limits.max_stop_bytes) {
      stops.push_back(stop.get<std::string>());
    } else {
      reader.fail_value("stop", stop,
                        fmt::format("a string of 1 to {} bytes, or a list of them", limits.max_stop_bytes));
    }
  };
  if (!value->is_array()) return add(*value);
  if (value->size() > limits.max_stop_strings) {
    reader.fail("stop",
                fmt::format("stop has {} strings, at most {} are allowed", value->size(), limits.max_stop_strings));
    return;
  }
  for (const Json& stop : *value) add(stop);
}

void read_logit_bias(ParameterReader& reader, const ProtocolLimits& limits, CommonParameters& common) {
  const Json* value = reader.find("logit_bias");
  if (value == nullptr) return;
  if (!value->is_object() || value->size() > limits.max_logit_bias) {
    reader.fail_value("logit_bias", *value, fmt::format("an object of at most {} token ids", limits.max_logit_bias));
    return;
  }
  for (const auto& [key, bias] : value->items()) {
    if (bias == 0) continue;  // changes nothing, whatever its key: the official client's tests send {"foo": 0}
    TokenId token = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (error != std::errc() || end != key.data() + key.size() || token < 0 || token >= limits.vocab_size) {
      reader.fail("logit_bias", fmt::format("logit_bias names '{}': must be a token id from 0 to {}", key.substr(0, 40),
                                            limits.vocab_size - 1));
    } else if (!bias.is_number()) {
      reader.fail("logit_bias", fmt::format("logit_bias of token {} is {}: must be a number from -100 to 100", key,
                                            json_excerpt(bias)));
    } else {
      common.logit_bias.emplace_back(token, *as_float(bias.get<double>()));
    }
  }
}

// Refuses unsupported parameters that would change the answer if they were ignored.
void refuse_unsupported(ParameterReader& reader) {
  if (reader.find("suffix") != nullptr) reader.fail("suffix", "suffix is not supported");
  const auto best_of = reader.integer("best_of", 0, kMaxTokens);
  if (best_of && *best_of > 1) reader.fail("best_of", fmt::format("best_of is {}: only 1 is supported", *best_of));
}

}  // namespace

void read_sampling(ParameterReader& reader, const ProtocolLimits& limits, const ParameterNames& names,
                   CommonParameters& common) {
  common.max_tokens = as_int32(reader.integer(names.max_tokens, 0, kMaxTokens));
  common.temperature = as_float(reader.number("temperature"));
  common.top_p = as_float(reader.number("top_p"));
  common.top_k = as_int32(reader.integer("top_k", -1, kMaxTokens));
  if (common.top_k == -1) common.top_k = 0;  // vLLM and SGLang switch it off this way
  common.min_p = as_float(reader.number("min_p"));
  common.repetition_penalty = as_float(reader.number("repetition_penalty"));
  common.presence_penalty = as_float(reader.number("presence_penalty")).value_or(0);
  common.frequency_penalty = as_float(reader.number("frequency_penalty")).value_or(0);
  read_logit_bias(reader, limits, common);
  if (const auto seed = reader.integer(names.seed, INT64_MIN, INT64_MAX)) common.seed = static_cast<uint64_t>(*seed);
  common.n = static_cast<int32_t>(reader.integer("n", 1, limits.max_choices).value_or(1));
  common.min_tokens = static_cast<int32_t>(reader.integer(names.min_tokens, 0, kMaxTokens).value_or(0));
  common.ignore_eos = reader.boolean("ignore_eos").value_or(false);
  read_stop(reader, limits, common.stop_strings);
  for (const int64_t id :
       reader.integers("stop_token_ids", 0, limits.vocab_size - 1, 1024).value_or(std::vector<int64_t>())) {
    common.stop_token_ids.push_back(static_cast<TokenId>(id));
  }
  common.skip_special_tokens = reader.boolean("skip_special_tokens").value_or(true);
  common.no_stop_trim =
      reader.boolean("no_stop_trim").value_or(false) || reader.boolean("include_stop_str_in_output").value_or(false);
  common.structured_output = read_structured_output(reader, common.structured_output_name);
}

int32_t read_priority(ParameterReader& reader) {
  return static_cast<int32_t>(reader.integer("priority", -(1 << 30), 1 << 30).value_or(0));
}

void read_dp_rank(ParameterReader& reader, const ProtocolLimits& limits, CommonParameters& common) {
  const int64_t last = limits.dp_size - 1;
  for (const auto* name : {"dp_rank", "routed_dp_rank", "data_parallel_rank"}) {
    if (const auto rank = as_int32(reader.integer(name, 0, last)); rank && !common.dp_rank) common.dp_rank = rank;
  }
  const Json* strict = reader.find("dp_rank_strict");
  if (strict == nullptr) return;
  if (strict->is_boolean()) {
    common.dp_rank_strict = strict->get<bool>();
  } else if (strict->is_number()) {
    common.dp_rank = as_int32(reader.integer("dp_rank_strict", 0, last));
    common.dp_rank_strict = true;
  } else {
    reader.fail_value("dp_rank_strict", *strict, fmt::format("true, false, or an integer from 0 to {}", last));
  }
}

std::optional<double> read_timeout(ParameterReader& reader) {
  return reader.number("timeout", 1e-3, 1e9);
}

CommonParameters read_common(ParameterReader& reader, const ProtocolLimits& limits) {
  CommonParameters common;
  refuse_unsupported(reader);
  common.model = reader.text("model").value_or("");
  read_sampling(reader, limits, {}, common);
  if (const auto newer = reader.integer("max_completion_tokens", 0, kMaxTokens)) {
    common.max_tokens = as_int32(newer);
  }
  if (common.max_tokens && common.min_tokens > *common.max_tokens) {
    reader.fail("min_tokens",
                fmt::format("min_tokens is {}: must be at most max_tokens, {}", common.min_tokens, *common.max_tokens));
  }
  common.return_token_ids = reader.boolean("return_token_ids").value_or(false);
  common.stream = reader.boolean("stream").value_or(false);
  if (const Json* options = reader.find("stream_options")) {
    if (options->is_object()) {
      ParameterReader inner(*options);
      common.include_usage = inner.boolean("include_usage").value_or(false);
      if (inner.error()) reader.fail("stream_options", inner.error()->message);
    } else {
      reader.fail_value("stream_options", *options, "an object");
    }
  }
  common.priority = read_priority(reader);
  read_dp_rank(reader, limits, common);
  common.user = reader.text("user").value_or("");
  common.rid = reader.text("rid", kMaxRidBytes).value_or("");
  common.timeout_s = read_timeout(reader);
  return common;
}

Result<Json, ApiError> parse_body(std::string_view body, const ProtocolLimits& limits) {
  auto json = parse_json(body, limits.json);
  if (!json.ok()) return ApiError{.message = "the body is not JSON: " + json.error().message};
  if (!json->is_object()) {
    return ApiError{.message = "the body must be a JSON object, got " + json_excerpt(*json)};
  }
  return *std::move(json);
}

}  // namespace braid::openai
