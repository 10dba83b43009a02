#include "braid/server/openai/write/logprobs.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace braid::openai {

namespace {

// The size in bytes of the character at the start of `text`; 0 if it is malformed.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return 1;
  const size_t size = byte(0) >= 0xf0 ? 4 : (byte(0) >= 0xe0 ? 3 : 2);
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || size > text.size()) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool is_bad = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) >= 0xa0) ||
                      (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) >= 0x90);
  return is_bad ? 0 : size;
}

Json byte_list(const std::string& bytes) {
  Json list = Json::array();
  for (const char c : bytes) list.push_back(static_cast<unsigned char>(c));
  return list;
}

Json chat_entry(TokenId token, float logprob, bool is_first, const TokenNames& names) {
  return {{"token", names.shown(token, is_first)},
          {"logprob", logprob},
          {"bytes", byte_list(names.bytes(token, is_first))}};
}

void go_on_behind(const std::string& bytes, TextPlace& place) {
  place.offset += num_characters(bytes);  // characters that begin here; the last may end in the next token
  if (!bytes.empty()) place.is_first = false;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  std::string shown;
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t size = character_size(rest);
    shown += size > 0 ? rest.substr(0, size) : "\xef\xbf\xbd";
    rest.remove_prefix(std::max<size_t>(size, 1));
  }
  return shown;
}

int64_t num_characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

std::string TokenNames::bytes(TokenId token, bool is_first) const {
  if (skips_special_tokens_ && tokenizer_.is_special(token)) return {};
  std::string bytes = tokenizer_.token_bytes(token);
  if (is_first && bytes.starts_with(' ') && !tokenizer_.decode({&token, 1}, false).starts_with(' ')) bytes.erase(0, 1);
  return bytes;
}

std::string TokenNames::shown(TokenId token, bool is_first) const {
  return valid_utf8(tokenizer_.is_special(token) ? tokenizer_.token_bytes(token) : bytes(token, is_first));
}

std::span<const SampledToken> listed_tokens(std::span<const SampledToken> tokens, FinishReason finish,
                                            const MatchedStop& matched_stop, bool includes_stop) {
  const bool ends_with_stop = finish == FinishReason::kStop && std::holds_alternative<TokenId>(matched_stop);
  return tokens.first(tokens.size() - (ends_with_stop && !includes_stop && !tokens.empty() ? 1 : 0));
}

Json chat_logprobs(std::span<const SampledToken> tokens, const TokenNames& names, TextPlace& place) {
  Json content = Json::array();
  for (const SampledToken& sampled : tokens) {
    Json item = chat_entry(sampled.token, sampled.logprob, place.is_first, names);
    Json& top_logprobs = item["top_logprobs"] = Json::array();
    for (const TokenLogprob& top : sampled.top_logprobs) {
      top_logprobs.push_back(chat_entry(top.token, top.logprob, place.is_first, names));
    }
    content.push_back(std::move(item));
    go_on_behind(names.bytes(sampled.token, place.is_first), place);
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

void CompletionLogprobs::add_unjudged(TokenId token) {
  add_entry(token, nullptr, nullptr);
}

void CompletionLogprobs::add(std::span<const SampledToken> tokens) {
  for (const SampledToken& sampled : tokens) {
    Json top = Json::object();
    for (const TokenLogprob& alternative : sampled.top_logprobs) {
      const std::string shown = names_.shown(alternative.token, place_.is_first);
      if (!top.contains(shown)) top[shown] = alternative.logprob;  // parts of characters look alike: keep the likeliest
    }
    add_entry(sampled.token, sampled.logprob, std::move(top));
  }
}

void CompletionLogprobs::add_entry(TokenId token, Json logprob, Json top) {
  const std::string bytes = names_.bytes(token, place_.is_first);
  tokens_.push_back(names_.shown(token, place_.is_first));
  logprobs_.push_back(std::move(logprob));
  top_logprobs_.push_back(std::move(top));
  offsets_.push_back(place_.offset);
  bytes_.push_back(byte_list(bytes));
  go_on_behind(bytes, place_);
}

Json CompletionLogprobs::json() && {
  return {{"tokens", std::move(tokens_)},
          {"token_logprobs", std::move(logprobs_)},
          {"top_logprobs", std::move(top_logprobs_)},
          {"text_offset", std::move(offsets_)},
          {"bytes", std::move(bytes_)}};
}

void add_prompt(std::span<const TokenId> prompt_ids, std::span<const ScoredToken> scores,
                CompletionLogprobs& logprobs) {
  if (!prompt_ids.empty()) logprobs.add_unjudged(prompt_ids.front());
  logprobs.add(scores);
}

}  // namespace braid::openai
