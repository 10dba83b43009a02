// What tokenizer.ggml.pre names: the way a gpt2 vocabulary's text is split before merging.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

struct GgufPreTokenizer {
  std::vector<std::string_view> names;
  std::vector<std::string_view> patterns;  // Split by each in turn, matches isolated
  bool individual_digits = false;          // Digits before the patterns
  bool nfc = false;                        // the family's own tokenizer normalises
  bool ignore_merges = false;
  bool adds_bos = false;  // where the file does not say
};

// All known ones.
std::span<const GgufPreTokenizer> gguf_pre_tokenizers();

}  // namespace braid
