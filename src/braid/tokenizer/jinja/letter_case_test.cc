#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expressions;

TEST(LetterCase, UpperAndLowerMayChangeTheLength) {
  expect_expressions({
      {R"(['ß'.upper(), 'ŉ'.upper(), 'ﬁ'.upper(), 'ΐ'.upper(), 'İ'.lower()|length])", R"(['SS', 'ʼN', 'FI', 'Ϊ́', 2])"},
      {R"(['ΑΣ'.lower(), 'ΑΣΑ'.lower(), 'Σ'.lower(), 'ΑΣ.'.lower(), 'ΑΣ.Α'.lower()])", R"(['ας', 'ασα', 'σ', 'ας.', 'ασ.α'])"},
      {R"(['ǆa'.title(), 'ǆ'.upper(), 'Ǆ'.lower(), 'ǅ'.swapcase(), 'ßa'.capitalize(), 'ﬁx'.title()])", R"(['ǅa', 'Ǆ', 'ǆ', 'ǅ', 'Ssa', 'Fix'])"},
  });
}

TEST(LetterCase, CasefoldIsStrongerThanLower) {
  expect_expressions({
      {R"(['ß'.casefold(), 'ς'.casefold(), 'ﬁ'.casefold(), 'ẞ'.casefold(), 'ẞ'.lower(), 'Ꭰ'.casefold()])", R"(['ss', 'σ', 'fi', 'ss', 'ß', 'Ꭰ'])"},
  });
}

TEST(LetterCase, PropertiesAreThoseOfPythonsStr) {
  expect_expressions({
      {R"(['ª'.islower(), 'Ⅷ'.isupper(), 'ⓐ'.islower(), 'ʰ'.islower(), 'ǅ'.isupper(), 'ǅ'.istitle()])", R"([True, True, True, True, False, True])"},
      {R"(['①'.isdigit(), '①'.isdecimal(), '五'.isnumeric(), '五'.isdigit(), '٣'.isdecimal(), 'Ⅷ'.isnumeric(), '³'.isdigit()])", R"([True, False, True, False, True, True, True])"},
      {R"(['ª'.isalpha(), '五'.isalpha(), 'ⅷ'.isalpha(), '़'.isalpha()])", R"([True, True, False, False])"},
      {R"(['\u00a0'.isprintable(), '\u00ad'.isprintable(), ' '.isprintable(), '\ue000'.isprintable(), '\u0378'.isprintable()])", R"([False, False, True, False, False])"},
  });
}

}  // namespace
}  // namespace braid::jinja
