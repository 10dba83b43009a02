#include "braid/journal/records.h"

#include <exception>
#include <utility>

#include "braid/formats/json.h"

namespace braid {
namespace {

Json to_json(const std::vector<SampledToken>& tokens) {
  Json list = Json::array();
  for (const SampledToken& token : tokens) {
    Json entry = Json::array({token.token, token.logprob});
    for (const TokenLogprob& top : token.top_logprobs) {
      entry.push_back(top.token);
      entry.push_back(top.logprob);
    }
    list.push_back(std::move(entry));
  }
  return list;
}

std::vector<SampledToken> tokens_from(const Json& list) {
  std::vector<SampledToken> tokens;
  for (const Json& entry : list) {
    SampledToken& token = tokens.emplace_back();
    token.token = entry.at(0).get<TokenId>();
    token.logprob = entry.at(1).get<float>();
    for (size_t i = 2; i + 1 < entry.size(); i += 2) {
      token.top_logprobs.push_back({.token = entry[i].get<TokenId>(), .logprob = entry[i + 1].get<float>()});
    }
  }
  return tokens;
}

Json to_json(const JournaledRequest& request) {
  Json json = {{"kind", "request"},           {"key", request.key},
               {"rid", request.rid},          {"path", request.path},
               {"body", request.body},        {"seed", request.seed},
               {"prompt", request.prompt},    {"num_tries", request.num_tries},
               {"tried_at", request.tried_at}};
  for (const auto& [url, bytes] : request.images) {
    json["images"].push_back({url, Json::binary(Json::binary_t::container_type(bytes->begin(), bytes->end()))});
  }
  return json;
}

Json to_json(const JournaledDelta& record) {
  const Delta& delta = record.delta;
  Json json = {{"kind", "delta"},
               {"key", record.key},
               {"index", record.index},
               {"text", delta.text},
               {"tokens", to_json(delta.tokens)},
               {"usage", {delta.usage.prompt_tokens, delta.usage.cached_tokens, delta.usage.output_tokens}}};
  if (!delta.prompt_logprobs.empty()) json["prompt_logprobs"] = to_json(delta.prompt_logprobs);
  if (delta.finish == FinishReason::kNone) return json;
  json["time_s"] = record.time_s;
  json["finish"] = static_cast<int>(delta.finish);
  json["error"] = delta.error;
  if (const auto* token = std::get_if<TokenId>(&delta.matched_stop)) json["matched_stop"] = *token;
  if (const auto* text = std::get_if<std::string>(&delta.matched_stop)) json["matched_stop"] = *text;
  return json;
}

Json to_json(const JournaledEnd& end) {
  return {{"kind", "end"}, {"key", end.key}};
}

JournaledRequest request_from(const Json& json) {
  JournaledRequest request{.key = json.at("key").get<std::string>(),
                           .rid = json.at("rid").get<std::string>(),
                           .path = json.at("path").get<std::string>(),
                           .body = json.at("body").get<std::string>(),
                           .seed = json.at("seed").get<uint64_t>(),
                           .prompt = json.at("prompt").get<std::vector<TokenId>>(),
                           .num_tries = json.at("num_tries").get<int32_t>(),
                           .tried_at = json.at("tried_at").get<int64_t>()};
  if (!json.contains("images")) return request;
  for (const Json& image : json["images"]) {
    const Json::binary_t& bytes = image.at(1).get_binary();
    request.images.emplace(image.at(0).get<std::string>(),
                           std::make_shared<const std::string>(bytes.begin(), bytes.end()));
  }
  return request;
}

JournaledDelta delta_from(const Json& json) {
  JournaledDelta record{
      .key = json.at("key").get<std::string>(), .index = json.at("index").get<int64_t>(), .delta = {}};
  Delta& delta = record.delta;
  delta.text = json.at("text").get<std::string>();
  delta.tokens = tokens_from(json.at("tokens"));
  const Json& usage = json.at("usage");
  delta.usage = {.prompt_tokens = usage.at(0).get<int32_t>(),
                 .cached_tokens = usage.at(1).get<int32_t>(),
                 .output_tokens = usage.at(2).get<int32_t>()};
  if (json.contains("prompt_logprobs")) delta.prompt_logprobs = tokens_from(json["prompt_logprobs"]);
  if (!json.contains("finish")) return record;
  record.time_s = json.at("time_s").get<double>();
  delta.finish = static_cast<FinishReason>(json["finish"].get<int>());
  delta.error = json.at("error").get<std::string>();
  if (!json.contains("matched_stop")) return record;
  const Json& stop = json["matched_stop"];
  if (stop.is_string()) {
    delta.matched_stop = stop.get<std::string>();
  } else {
    delta.matched_stop = stop.get<TokenId>();
  }
  return record;
}

}  // namespace

const std::string& key_of(const JournalRecord& record) {
  return std::visit([](const auto& one) -> const std::string& { return one.key; }, record);
}

size_t memory_bytes(const JournalRecord& record) {
  constexpr size_t kRecordBytes = 300;
  if (const auto* request = std::get_if<JournaledRequest>(&record)) {
    size_t bytes = kRecordBytes + request->body.size() + request->prompt.size() * sizeof(TokenId);
    for (const auto& [url, image] : request->images) bytes += url.size() + image->size();
    return bytes;
  }
  const auto* delta = std::get_if<JournaledDelta>(&record);
  if (delta == nullptr) return kRecordBytes;
  size_t bytes = kRecordBytes + delta->delta.text.size();
  for (const auto* tokens : {&delta->delta.tokens, &delta->delta.prompt_logprobs}) {
    for (const SampledToken& token : *tokens) {
      bytes += sizeof(SampledToken) + token.top_logprobs.size() * sizeof(TokenLogprob);
    }
  }
  return bytes;
}

std::string encode(const JournalRecord& record) {
  std::string bytes;
  Json::to_cbor(std::visit([](const auto& one) { return to_json(one); }, record), bytes);
  return bytes;
}

Result<JournalRecord> decode_record(std::string_view bytes) {
  try {  // the edge to the library, which reports by exceptions
    const Json json = Json::from_cbor(bytes);
    const std::string kind = json.at("kind").get<std::string>();
    if (kind == "request") return JournalRecord(request_from(json));
    if (kind == "delta") return JournalRecord(delta_from(json));
    if (kind == "end") return JournalRecord(JournaledEnd{.key = json.at("key").get<std::string>()});
    return fail("a record of the kind \"{}\": must be request, delta or end", kind);
  } catch (const std::exception& error) {
    return fail("a record that is none: {}", error.what());
  }
}

}  // namespace braid
