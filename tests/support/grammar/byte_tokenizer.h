// A tokenizer of all single bytes, some longer tokens that cross a grammar's borders, and an end token. It is small, so
// that fuzz targets and exact comparisons are fast.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/check.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::grammar::testing {

class ByteTokenizer final : public Tokenizer {
 public:
  ByteTokenizer() {
    for (int byte = 0; byte < 256; ++byte) tokens_.emplace_back(1, static_cast<char>(byte));
    for (const char* token :
         {"\"}",  "\",",   "\":",  "\": ",     ", \"",    "\", \"",   "},",       "}, {",     "]}",
          "{\"",  "[{",    "\\\"", "\\u",      "\\n",     "the ",     "ab",       "abc",      "aaaa",
          "123",  "1.5",   "-1",   "true",     "null",    " \"",      "\n  ",     "\n    \"", "é",
          "\xC3", "\xA9x", "漢",   "\xE6\xBC", "😀",       "\xF0\x9F", "\x98\x80", "a\"",      "x\": \"",
          "\"\"", "00",    "e+",   "\\ud83d",  "\\ude00", "  ",       "()",       ")("}) {
      tokens_.emplace_back(token);
    }
  }

  TokenId end_token() const { return static_cast<TokenId>(tokens_.size()); }

  std::vector<TokenId> encode(std::string_view text, bool) const override {
    std::vector<TokenId> ids;
    for (const char byte : text) ids.push_back(static_cast<uint8_t>(byte));
    return ids;
  }
  std::string decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (const TokenId id : ids) text += token_bytes(id);
    return text;
  }
  std::unique_ptr<TextStream> start_stream(TextStreamOptions) const override { CHECK(false, "no stream"); }
  std::string token_bytes(TokenId id) const override {
    return id >= 0 && id < end_token() ? tokens_[static_cast<size_t>(id)] : std::string();
  }
  std::optional<TokenId> token_to_id(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId id) const override { return id == end_token(); }
  int64_t vocab_size() const override { return end_token() + 1; }

 private:
  std::vector<std::string> tokens_;
};

}  // namespace braid::grammar::testing
