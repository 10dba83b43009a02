// libFuzzer: a tokenizer.json (up to the first NUL byte) and a text to encode and decode with it. Whatever the bytes,
// the file is a tokenizer or an error, ids lie in the vocabulary, and the stream equals the whole decode.
#include <cstdint>
#include <string_view>

#include "braid/base/check.h"
#include "braid/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t border = input.find('\0');
  const auto tokenizer = braid::make_tokenizer_from_json(input.substr(0, border));
  if (!tokenizer.ok()) return 0;
  const std::string_view text = border == std::string_view::npos ? "Hello 123 \xff" : input.substr(border + 1);
  const std::vector<braid::TokenId> ids = (*tokenizer)->encode(text, true);
  braid::IncrementalDecoder decoder(**tokenizer, {.skip_special_tokens = false});
  std::string joined;
  for (const braid::TokenId id : ids) joined += decoder.push(id);
  joined += decoder.finish();
  CHECK(joined == (*tokenizer)->decode(ids, false));
  return 0;
}
