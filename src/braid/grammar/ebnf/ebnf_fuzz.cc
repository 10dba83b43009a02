// libFuzzer: an EBNF grammar (up to the first NUL byte), then bytes that choose among the allowed tokens. For any input
// the grammar compiles or is refused, within bounded time and memory, and its masks are right.
#include <cstdint>
#include <string_view>

#include "braid/grammar/grammar_compiler.h"
#include "tests/support/grammar/follow_masks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const braid::grammar::testing::ByteTokenizer kTokenizer;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t border = input.find('\0');
  braid::GrammarCompiler compiler(kTokenizer);
  const auto grammar = compiler.ebnf(input.substr(0, border));
  if (!grammar.ok()) return 0;
  const std::string_view choices = border == std::string_view::npos ? "" : input.substr(border + 1);
  (void)braid::grammar::testing::follow_masks(*grammar, kTokenizer, choices);
  return 0;
}
