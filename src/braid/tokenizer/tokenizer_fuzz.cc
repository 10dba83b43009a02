// libFuzzer: a tokenizer.json (up to the first NUL byte), then a text to encode and decode with it. For any input the
// file is a tokenizer or an error, ids are in the vocabulary, and the stream equals the whole decode.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "braid/base/check.h"
#include "braid/tokenizer/tokenizer.h"

namespace {

using namespace braid;

std::string stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, TextStreamOptions options) {
  IncrementalDecoder decoder(tokenizer, options);
  std::string joined;
  for (const TokenId id : ids) joined += decoder.push(id);
  return joined + decoder.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t border = input.find('\0');
  const auto made = make_tokenizer_from_json(input.substr(0, border));
  if (!made.ok()) {
    CHECK(!made.error().message.empty());
    return 0;
  }
  const Tokenizer& tokenizer = **made;
  const std::string_view text = border == std::string_view::npos ? "Hello 123 \xff" : input.substr(border + 1);
  for (const TokenId id : tokenizer.encode(text, false)) {
    CHECK(id >= 0 && id < tokenizer.vocab_size());
    (void)tokenizer.token_bytes(id);
  }
  // A template's own ids may be anything: the file states them.
  const std::vector<TokenId> ids = tokenizer.encode(text, true);
  CHECK(ids == tokenizer.encode(text, true), "not the same twice");
  for (const bool skips : {false, true}) {
    CHECK(stream(tokenizer, ids, {.skip_special_tokens = skips}) == tokenizer.decode(ids, skips));
  }
  (void)stream(tokenizer, ids, {.continues_text = true});
  std::vector<TokenId> some;
  for (int64_t id = -1; id <= std::min<int64_t>(tokenizer.vocab_size(), 300); ++id) {
    some.push_back(static_cast<TokenId>(id));
  }
  CHECK(stream(tokenizer, some, {.skip_special_tokens = false}) == tokenizer.decode(some, false));
  return 0;
}
