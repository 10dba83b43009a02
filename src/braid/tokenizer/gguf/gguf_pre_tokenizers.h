// The pre-tokenizers that tokenizer.ggml.pre names: how text is split before a gpt2 vocabulary's merges. Tested by
// gguf_vocabulary_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

struct GgufPreTokenizer {
  std::vector<std::string_view> names;
  std::vector<std::string_view> patterns;  // the text is split by each in turn; matches are isolated
  bool individual_digits = false;          // single digits are split off before the patterns apply
  bool nfc = false;                        // the family's tokenizer.json normalises to NFC
  bool ignore_merges = false;
  bool adds_bos = false;  // default, if the file does not say
};

// All known ones.
std::span<const GgufPreTokenizer> gguf_pre_tokenizers();

}  // namespace braid
