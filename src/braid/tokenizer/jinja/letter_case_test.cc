#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expressions;

TEST(LetterCase, UpperAndLowerMayChangeTheLength) {
  expect_expressions({
      {"['ß'.upper(), 'ŉ'.upper(), 'ﬁ'.upper(), 'ΐ'.upper(), 'İ'.lower()|length]", "['SS', 'ʼN', 'FI', 'Ϊ́', 2]"},
      {"['ΑΣ'.lower(), 'ΑΣΑ'.lower(), 'Σ'.lower(), 'ΑΣ.'.lower(), 'ΑΣ.Α'.lower()]",
       "['ας', 'ασα', 'σ', 'ας.', 'ασ.α']"},
      {"['ǆa'.title(), 'ǆ'.upper(), 'Ǆ'.lower(), 'ǅ'.swapcase(), 'ßa'.capitalize(), 'ﬁx'.title()]",
       "['ǅa', 'Ǆ', 'ǆ', 'ǅ', 'Ssa', 'Fix']"},
  });
}

TEST(LetterCase, CasefoldIsStrongerThanLower) {
  expect_expressions({
      {"['ß'.casefold(), 'ς'.casefold(), 'ﬁ'.casefold(), 'ẞ'.casefold(), 'ẞ'.lower(), 'Ꭰ'.casefold()]",
       "['ss', 'σ', 'fi', 'ss', 'ß', 'Ꭰ']"},
  });
}

TEST(LetterCase, PropertiesAreThoseOfPythonsStr) {
  expect_expressions({
      {"['ª'.islower(), 'Ⅷ'.isupper(), 'ⓐ'.islower(), 'ʰ'.islower(), 'ǅ'.isupper(), 'ǅ'.istitle()]",
       "[True, True, True, True, False, True]"},
      {"['①'.isdigit(), '①'.isdecimal(), '五'.isnumeric(), '五'.isdigit(), '٣'.isdecimal(), 'Ⅷ'.isnumeric(), "
       "'³'.isdigit()]",
       "[True, False, True, False, True, True, True]"},
      {"['ª'.isalpha(), '五'.isalpha(), 'ⅷ'.isalpha(), '़'.isalpha()]", "[True, True, False, False]"},
      {R"(['\u00a0'.isprintable(), '\u00ad'.isprintable(), ' '.isprintable(), '\ue000'.isprintable(), '\u0378'.isprintable()])",
       "[False, False, True, False, False]"},
  });
}

}  // namespace
}  // namespace braid::jinja
