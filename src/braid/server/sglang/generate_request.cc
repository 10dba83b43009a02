#include "braid/server/sglang/generate_request.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "braid/server/openai/parse/common_parameters.h"
#include "braid/server/openai/parse/prompts.h"
#include "braid/server/openai/parse/video_urls.h"

namespace braid::sglang {

namespace {

using openai::ApiError;
using openai::CommonParameters;
using openai::kMaxRidBytes;
using openai::ParameterReader;
using openai::ProtocolLimits;

constexpr int64_t kMaxTopLogprobs = 100;
constexpr int32_t kDefaultNewTokens = 128;  // SGLang's

// Parameters of SGLang that braid lacks; ignoring them would change the answer.
void refuse_unsupported(ParameterReader& reader) {
  for (const auto* name :
       {"audio_data", "input_embeds", "lora_path", "token_ids_logprob", "session_params", "custom_logit_processor"}) {
    if (reader.find(name) != nullptr) reader.fail(name, fmt::format("{} is not supported", name));
  }
  if (reader.boolean("return_hidden_states").value_or(false)) {
    reader.fail("return_hidden_states", "return_hidden_states is not supported");
  }
}

std::vector<openai::Prompt> read_items(ParameterReader& reader, const ProtocolLimits& limits, bool& is_list) {
  const Json* text = reader.find("text");
  const Json* input_ids = reader.find("input_ids");
  if ((text == nullptr) == (input_ids == nullptr)) {
    reader.fail("text", "give the prompt by one of text and input_ids");
    return {};
  }
  auto list = text != nullptr ? openai::read_prompts(reader, "text", *text, limits, openai::PromptKind::kText)
                              : openai::read_prompts(reader, "input_ids", *input_ids, limits, openai::PromptKind::kIds);
  is_list = list.is_list;
  return std::move(list.prompts);
}

// The value for item `index` of a parameter that has one value for all items, or a list with one for each.
const Json* value_for(ParameterReader& reader, std::string_view name, size_t index, size_t count) {
  const Json* value = reader.find(name);
  if (value == nullptr || !value->is_array()) return value;
  if (value->size() != count) {
    reader.fail(name, fmt::format("{} has {} entries for {} prompts", name, value->size(), count));
    return nullptr;
  }
  const Json& own = (*value)[index];
  return own.is_null() ? nullptr : &own;
}

CommonParameters read_sampling_params(ParameterReader& reader, const Json* params, const ProtocolLimits& limits) {
  CommonParameters common;
  if (params != nullptr && !params->is_object()) {
    reader.fail_value("sampling_params", *params, "an object, or a list of one for each prompt");
    params = nullptr;
  }
  const Json none = Json::object();
  ParameterReader inner(params != nullptr ? *params : none);
  const openai::ParameterNames names{
      .max_tokens = "max_new_tokens", .min_tokens = "min_new_tokens", .seed = "sampling_seed"};
  openai::read_sampling(inner, limits, names, common);
  if (!common.seed) {
    if (const auto seed = inner.integer("seed", INT64_MIN, INT64_MAX)) common.seed = static_cast<uint64_t>(*seed);
  }
  if (!common.max_tokens) common.max_tokens = std::max(kDefaultNewTokens, common.min_tokens);
  if (common.min_tokens > *common.max_tokens) {
    inner.fail("min_new_tokens", fmt::format("min_new_tokens is {}: must be at most max_new_tokens, {}",
                                             common.min_tokens, *common.max_tokens));
  }
  if (inner.error()) reader.fail("sampling_params." + inner.error()->param, inner.error()->message);
  return common;
}

// Puts the value into a body of one entry, to read it with the reader's checks.
template <typename Read>
auto read_one(ParameterReader& reader, std::string_view name, const Json* value, Read read) {
  Json body = Json::object();
  if (value != nullptr) body[std::string(name)] = *value;
  ParameterReader inner(body);
  const auto result = read(inner);
  if (inner.error()) reader.fail(name, inner.error()->message);
  return result;
}

// The entries of a list, or the one that stands alone. Not copied: images may be there in base64.
std::span<const Json> entries_of(const Json& value) {
  if (!value.is_array()) return {&value, 1};
  return value.get_ref<const Json::array_t&>();
}

// One image, or a list of them. `value`: of image_data for one prompt.
std::vector<std::string> read_images(ParameterReader& reader, const Json* value, const ProtocolLimits& limits) {
  std::vector<std::string> urls;
  if (value == nullptr) return urls;
  const std::span<const Json> list = entries_of(*value);
  if (list.size() > limits.max_images) {
    reader.fail("image_data", fmt::format("image_data has {} images for one prompt, at most {} are allowed",
                                          list.size(), limits.max_images));
    return urls;
  }
  for (const Json& url : list) {
    if (!url.is_string()) {
      reader.fail_value("image_data", url, "a URL, a data: URL or base64, or lists of them");
      return urls;
    }
    urls.push_back(url.get<std::string>());
  }
  return urls;
}

// One video, or a list of them: data:video/jpeg;base64,<frame>,…, or {"video": [frame, …], "fps": …}.
std::vector<openai::VideoUrls> read_videos(ParameterReader& reader, const Json* value, const ProtocolLimits& limits,
                                           size_t num_images) {
  std::vector<openai::VideoUrls> videos;
  if (value == nullptr) return videos;
  const Json none = Json::object();
  for (const Json& entry : entries_of(*value)) {
    const Json* const own = entry.is_object() ? openai::member(entry, "video") : &entry;
    auto video = openai::read_video_urls(own != nullptr ? *own : Json(), entry.is_object() ? entry : none, {"video"});
    if (!video.ok()) {
      reader.fail("video_data", fmt::format("video_data: a video {}", video.error().message));
      return videos;
    }
    num_images += video->frames.size();
    if (num_images > limits.max_images) {
      reader.fail("video_data",
                  fmt::format("image_data and video_data have {} images and frames for one prompt, at most "
                              "{} are allowed",
                              num_images, limits.max_images));
      return videos;
    }
    videos.push_back(*std::move(video));
  }
  return videos;
}

GenerateItem read_item(ParameterReader& reader, const ProtocolLimits& limits, openai::Prompt prompt, size_t index,
                       size_t count) {
  const auto value = [&](std::string_view name) { return value_for(reader, name, index, count); };
  GenerateItem item;
  item.prompt = std::move(prompt);
  item.parameters = read_sampling_params(reader, value("sampling_params"), limits);
  item.parameters.logprobs = read_one(reader, "return_logprob", value("return_logprob"), [](ParameterReader& one) {
    return one.boolean("return_logprob").value_or(false);
  });
  const auto integer = [&](const char* name, int64_t min, int64_t max, int64_t fallback) {
    return static_cast<int32_t>(read_one(reader, name, value(name), [&](ParameterReader& one) {
      return one.integer(name, min, max).value_or(fallback);
    }));
  };
  const int32_t top = integer("top_logprobs_num", 0, kMaxTopLogprobs, 0);
  const int32_t start = integer("logprob_start_len", -1, INT32_MAX, -1);
  if (item.parameters.logprobs) {
    item.parameters.top_logprobs = top;
    item.logprob_start_len = start;
  }
  return item;
}

void read_rids(ParameterReader& reader, GenerateRequest& request) {
  const Json* rid = reader.find("rid");
  if (rid == nullptr) return;
  if (!rid->is_array()) {
    request.rid = reader.text("rid", kMaxRidBytes).value_or("");
    return;
  }
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < request.items.size(); ++i) {
    const Json* own = value_for(reader, "rid", i, request.items.size());
    std::string& id = request.items[i].rid;
    id = read_one(reader, "rid", own, [](ParameterReader& one) { return one.text("rid", kMaxRidBytes); }).value_or("");
    if (!id.empty() && !seen.insert(id).second) {
      reader.fail("rid", fmt::format("rid holds {} more than once", json_excerpt(Json(id))));
    }
  }
}

}  // namespace

Result<GenerateRequest, ApiError> parse_generate_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, openai::parse_body(body, limits));
  ParameterReader reader(json);
  GenerateRequest request;
  refuse_unsupported(reader);
  auto prompts = read_items(reader, limits, request.is_list);
  const size_t count = prompts.size();
  int64_t num_sequences = 0;
  for (size_t i = 0; i < count && !reader.error(); ++i) {
    request.items.push_back(read_item(reader, limits, std::move(prompts[i]), i, count));
    // A prompt that is no list may have several images in one.
    const auto media_for = [&](const char* name) {
      return request.is_list ? value_for(reader, name, i, count) : reader.find(name);
    };
    openai::MediaUrls& media = request.items.back().media;
    media.images = read_images(reader, media_for("image_data"), limits);
    media.videos = read_videos(reader, media_for("video_data"), limits, media.images.size());
    num_sequences += request.items.back().parameters.n;
  }
  if (num_sequences > limits.max_sequences) {
    reader.fail("sampling_params", fmt::format("{} prompts with n each are {} sequences, at most {} are allowed", count,
                                               num_sequences, limits.max_sequences));
  }
  if (!reader.error()) read_rids(reader, request);
  request.stream = reader.boolean("stream").value_or(false);
  CommonParameters shared;
  shared.priority = openai::read_priority(reader);
  openai::read_dp_rank(reader, limits, shared);
  for (GenerateItem& item : request.items) {
    item.parameters.priority = shared.priority;
    item.parameters.dp_rank = shared.dp_rank;
    item.parameters.dp_rank_strict = shared.dp_rank_strict;
  }
  request.timeout_s = openai::read_timeout(reader);
  if (reader.error()) return *reader.error();
  return request;
}

}  // namespace braid::sglang
