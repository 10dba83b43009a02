// libFuzzer: a regular expression (up to the first NUL byte), then bytes that choose among the allowed tokens. For any
// input the pattern compiles or is refused, within bounded time and memory; its masks are right, and PCRE2 matches the
// output too.
#include <cstdint>
#include <string_view>

#include "braid/grammar/grammar_compiler.h"
#include "tests/support/grammar/follow_masks.h"
#include "tests/support/grammar/pcre.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const braid::grammar::testing::ByteTokenizer kTokenizer;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t border = input.find('\0');
  braid::GrammarCompiler compiler(kTokenizer);
  const std::string_view pattern = input.substr(0, border);
  const auto grammar = compiler.regex(pattern);
  if (!grammar.ok()) return 0;
  const std::string_view choices = border == std::string_view::npos ? "" : input.substr(border + 1);
  const auto text = braid::grammar::testing::follow_masks(*grammar, kTokenizer, choices);
  // PCRE2's Unicode version is older and lacks some letters.
  if (!text || pattern.find("\\p") != pattern.npos || pattern.find("\\P") != pattern.npos) return 0;
  for (const bool unicode : {false, true}) {
    const auto pcre = braid::grammar::testing::Pcre::compile(pattern, unicode, 100'000);
    CHECK(!pcre || pcre->matches(*text).value_or(true), "{} does not match {}", *text, pattern);
  }
  return 0;
}
