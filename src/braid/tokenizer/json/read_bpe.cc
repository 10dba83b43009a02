#include "braid/tokenizer/json/read_bpe.h"

#include <utility>

namespace braid {
namespace {

Result<Vocabulary> read_vocabulary(const JsonPart& part) {
  TRY(const JsonPart vocabulary, part.field("vocab"));
  if (!vocabulary.value().is_object()) {
    return fail("{} is JSON's {}, not an object", vocabulary.name(), vocabulary.value().type_name());
  }
  std::vector<std::pair<std::string, int64_t>> tokens;
  tokens.reserve(vocabulary.value().size());
  for (const auto& [token, id] : vocabulary.value().items()) {
    const Result<int64_t> value = JsonPart(id, "").as_integer();
    if (!value) return fail("{}: the token \"{}\"{}", vocabulary.name(), token.substr(0, 100), value.error().message);
    tokens.emplace_back(token, *value);
  }
  Result<Vocabulary> made = Vocabulary::make(tokens);
  if (!made) return fail("{}: {}", vocabulary.name(), made.error().message);
  return made;
}

// "left right", or ["left", "right"] if a token may contain a space.
Result<TextMerge> read_merge(const JsonPart& merge) {
  if (merge.value().is_array()) {
    if (merge.value().size() != 2) return fail("{} has {} elements, not 2", merge.name(), merge.value().size());
    TRY(const JsonPart first, merge.element(0));
    TRY(const JsonPart second, merge.element(1));
    TRY(std::string left, first.as_string());
    TRY(std::string right, second.as_string());
    return TextMerge{std::move(left), std::move(right)};
  }
  TRY(const std::string text, merge.as_string());
  const size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
    return fail("{} is \"{}\", not two tokens with one space between", merge.name(), text.substr(0, 100));
  }
  return TextMerge{text.substr(0, space), text.substr(space + 1)};
}

Result<std::vector<TextMerge>> read_merges(const JsonPart& part) {
  TRY(const JsonPart list, part.field("merges"));
  TRY(const size_t size, list.array_size());
  std::vector<TextMerge> merges;
  merges.reserve(size);
  for (size_t i = 0; i < size; ++i) {
    TRY(const JsonPart element, list.element(i));
    TRY(TextMerge merge, read_merge(element));
    merges.push_back(std::move(merge));
  }
  return merges;
}

}  // namespace

Result<std::unique_ptr<TokenizerModel>> read_bpe(const JsonPart& part) {
  TRY(const JsonPart dropout, part.field("dropout"));
  if (!dropout.is_null() && dropout.value() != 0) {
    return fail("{} is {}: a tokenizer that drops merges at random is not supported", dropout.name(),
                dropout.value().dump().substr(0, 50));
  }
  BpeOptions options;
  TRY(const JsonPart unknown, part.field("unk_token"));
  if (!unknown.is_null()) {
    TRY(options.unknown_token, unknown.as_string());
  }
  TRY(options.continuing_subword_prefix, part.string_or("continuing_subword_prefix", ""));
  TRY(options.end_of_word_suffix, part.string_or("end_of_word_suffix", ""));
  TRY(options.fuse_unknown, part.boolean_or("fuse_unk", false));
  TRY(options.byte_fallback, part.boolean_or("byte_fallback", false));
  TRY(options.ignore_merges, part.boolean_or("ignore_merges", false));
  TRY(Vocabulary vocabulary, read_vocabulary(part));
  TRY(const std::vector<TextMerge> merges, read_merges(part));
  Result<std::unique_ptr<BpeModel>> model = BpeModel::make(std::move(vocabulary), merges, std::move(options));
  if (!model) return fail("{}: {}", part.name(), model.error().message);
  return std::unique_ptr<TokenizerModel>(*std::move(model));
}

}  // namespace braid
