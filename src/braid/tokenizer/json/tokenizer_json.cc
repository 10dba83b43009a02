// Makes a tokenizer from a tokenizer.json, the format of Hugging Face `tokenizers`.
#include <utility>

#include "braid/tokenizer/json/registry.h"
#include "braid/tokenizer/model/vocabulary.h"
#include "braid/tokenizer/parts/decoders.h"
#include "braid/tokenizer/pipeline.h"

namespace braid {
namespace {

// The largest published file has 35 MB. Nested sequences are read recursively, so their depth is limited.
constexpr int64_t kMaxFileBytes = 256 << 20;
constexpr int32_t kMaxDepth = 32;
constexpr double kMaxGrowth = 1000;  // the most that a text's length may be multiplied by

// The part named `key`, or null if the file has null.
template <typename Part>
Result<std::unique_ptr<Part>> read_optional(const JsonPart& file, const char* key,
                                            Result<std::unique_ptr<Part>> (*read)(const JsonPart& part)) {
  TRY(const JsonPart part, file.field(key));
  if (part.is_null()) return std::unique_ptr<Part>();
  return read(part);
}

Result<AddedToken> read_added_token(const JsonPart& part, const TokenizerModel& model) {
  AddedToken token;
  TRY(const int64_t id, part.integer("id"));
  TRY(token.content, part.string("content"));
  TRY(token.single_word, part.boolean_or("single_word", false));
  TRY(token.lstrip, part.boolean_or("lstrip", false));
  TRY(token.rstrip, part.boolean_or("rstrip", false));
  TRY(token.special, part.boolean_or("special", false));
  TRY(token.normalized, part.boolean_or("normalized", !token.special));
  if (id < 0 || id >= kMaxTokenIds) return fail("{}.id is {}, ids lie in [0, {})", part.name(), id, kMaxTokenIds);
  token.id = static_cast<TokenId>(id);
  const std::optional<TokenId> model_id = model.token_to_id(token.content);
  if (model_id && *model_id != token.id) {
    return fail("{} gives \"{}\" the id {}, the vocabulary gives it {}", part.name(), token.content.substr(0, 100), id,
                *model_id);
  }
  const std::optional<std::string_view> model_token = model.id_to_token(token.id);
  if (model_token && *model_token != token.content) {
    return fail("{} gives \"{}\" the id {}, which is \"{}\" in the vocabulary", part.name(),
                token.content.substr(0, 100), id, model_token->substr(0, 100));
  }
  return token;
}

Result<AddedTokens> read_added_tokens(const JsonPart& file, const PipelineParts& parts) {
  TRY(const JsonPart list, file.field("added_tokens"));
  std::vector<AddedToken> tokens;
  if (!list.is_null()) {
    TRY(const size_t size, list.array_size());
    for (size_t i = 0; i < size; ++i) {
      TRY(const JsonPart element, list.element(i));
      TRY(AddedToken token, read_added_token(element, *parts.model));
      tokens.push_back(std::move(token));
    }
  }
  Result<AddedTokens> added = AddedTokens::make(std::move(tokens), parts.normalizer.get());
  if (!added) return fail("{}: {}", list.name(), added.error().message);
  return added;
}

// The growths of parts in a sequence multiply: forty parts that double a text would exhaust memory. NFKC, Lowercase,
// Metaspace and a Replace of spaces by a mark of three bytes reach 297, and no published file has all of them.
Status check_growth(const PipelineParts& parts) {
  const auto check = [](std::string_view which, double growth) -> Status {
    if (growth <= kMaxGrowth) return {};
    return fail("{} can make a text {} times as long, at most {} times are allowed", which, growth, kMaxGrowth);
  };
  const double of_normalizer = parts.normalizer == nullptr ? 1 : parts.normalizer->growth();
  const double of_pre_tokenizer = parts.pre_tokenizer == nullptr ? 1 : parts.pre_tokenizer->growth();
  TRY_STATUS(check("normalizer and pre_tokenizer", of_normalizer * of_pre_tokenizer));
  return check("decoder", parts.decoder->growth());
}

Result<std::unique_ptr<Tokenizer>> read_tokenizer(std::string_view text) {
  TRY(const Json json, parse_json(text, {.max_bytes = kMaxFileBytes, .max_depth = kMaxDepth, .unique_keys = true}));
  const JsonPart file(json, "");
  PipelineParts parts;
  TRY(parts.normalizer, read_optional(file, "normalizer", &read_normalizer));
  TRY(parts.pre_tokenizer, read_optional(file, "pre_tokenizer", &read_pre_tokenizer));
  TRY(const JsonPart model, file.field("model"));
  TRY(parts.model, read_model(model));
  TRY(parts.post_processor, read_optional(file, "post_processor", &read_post_processor));
  TRY(parts.decoder, read_optional(file, "decoder", &read_decoder));
  if (parts.decoder == nullptr) parts.decoder = make_spaces_decoder();
  TRY_STATUS(check_growth(parts));
  TRY(parts.added_tokens, read_added_tokens(file, parts));
  return make_pipeline(std::move(parts));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_tokenizer_from_json(std::string_view tokenizer_json) {
  Result<std::unique_ptr<Tokenizer>> tokenizer = read_tokenizer(tokenizer_json);
  if (!tokenizer) return fail("tokenizer.json: {}", tokenizer.error().message);
  return tokenizer;
}

}  // namespace braid
