// libFuzzer: a GGUF file's vocabulary as lines ("m" model, "p" pre, "t" a type's digit and a token, "s" a score, "g" a
// merge, "b", "e", "u" the ids of three tokens, "-" no space first), an empty line, then a text. For any input it is a
// tokenizer or an error, ids are in the vocabulary, and the stream equals the whole decode.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "braid/base/check.h"
#include "braid/tokenizer/gguf/gguf_vocabulary.h"

namespace {

std::string_view take_line(std::string_view& input) {
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view line = input.substr(0, end);
  input.remove_prefix(std::min(end + 1, input.size()));
  return line;
}

int32_t number(std::string_view text) {
  int32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

braid::GgufVocabulary read(std::string_view& input) {
  braid::GgufVocabulary vocabulary;
  for (std::string_view line = take_line(input); !line.empty(); line = take_line(input)) {
    const char kind = line.front();
    line.remove_prefix(1);
    if (kind == 'm') vocabulary.model = line;
    if (kind == 'p') vocabulary.pre = line;
    if (kind == 't') {
      vocabulary.token_types.push_back(line.empty() ? 1 : line.front() - '0');
      vocabulary.tokens.emplace_back(line.substr(std::min<size_t>(line.size(), 1)));
    }
    if (kind == 's') vocabulary.scores.push_back(std::strtof(std::string(line).c_str(), nullptr));
    if (kind == 'g') vocabulary.merges.emplace_back(line);
    if (kind == 'b') vocabulary.bos = number(line);
    if (kind == 'e') vocabulary.eos = number(line);
    if (kind == 'u') vocabulary.unknown = number(line);
    if (kind == '-') vocabulary.add_space_prefix = false;
  }
  return vocabulary;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tokenizer = braid::make_tokenizer_from_gguf(read(text));
  if (!tokenizer.ok()) return 0;
  const std::vector<braid::TokenId> ids = (*tokenizer)->encode(text, true);
  braid::IncrementalDecoder decoder(**tokenizer, {.skip_special_tokens = false});
  std::string joined;
  for (const braid::TokenId id : ids) {
    CHECK(id >= 0 && id < (*tokenizer)->vocab_size());
    joined += decoder.push(id);
  }
  joined += decoder.finish();
  CHECK(joined == (*tokenizer)->decode(ids, false));
  return 0;
}
