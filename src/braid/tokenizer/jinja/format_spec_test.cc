#include "braid/tokenizer/jinja/format_spec.h"

#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(FormatSpec, FormatsIntegers) {
  expect_expressions({
      {"'[{:}]'.format(1234)", "[1234]"},
      {"'[{:d}]'.format(1234)", "[1234]"},
      {"'[{:x}]'.format(1234)", "[4d2]"},
      {"'[{:X}]'.format(1234)", "[4D2]"},
      {"'[{:o}]'.format(1234)", "[2322]"},
      {"'[{:b}]'.format(1234)", "[10011010010]"},
      {"'[{:c}]'.format(1234)", "[Ӓ]"},
      {"'[{:n}]'.format(1234)", "[1234]"},
      {"'[{:#x}]'.format(1234)", "[0x4d2]"},
      {"'[{:#b}]'.format(1234)", "[0b10011010010]"},
      {"'[{:8}]'.format(1234)", "[    1234]"},
      {"'[{:<8}]'.format(1234)", "[1234    ]"},
      {"'[{:^8}]'.format(1234)", "[  1234  ]"},
      {"'[{:>8}]'.format(1234)", "[    1234]"},
      {"'[{:=+8}]'.format(1234)", "[+   1234]"},
      {"'[{:08}]'.format(1234)", "[00001234]"},
      {"'[{:+}]'.format(1234)", "[+1234]"},
      {"'[{: }]'.format(1234)", "[ 1234]"},
      {"'[{:,}]'.format(1234)", "[1,234]"},
      {"'[{:_}]'.format(1234)", "[1_234]"},
      {"'[{:010,}]'.format(1234)", "[00,001,234]"},
      {"'[{:*^10}]'.format(1234)", "[***1234***]"},
      {"'[{:x<+8d}]'.format(1234)", "[+1234xxx]"},
      {"'[{:#x}]'.format(-255)", "[-0xff]"},
      {"'[{:08d}]'.format(-255)", "[-0000255]"},
      {"'[{:=8}]'.format(-255)", "[-    255]"},
      {"'[{:#_b}]'.format(-255)", "[-0b1111_1111]"},
      {"'[{:e}]'.format(-255)", "[-2.550000e+02]"},
  });
}

TEST(FormatSpec, FormatsFloats) {
  expect_expressions({
      {"'[{:}]'.format(1234.5678)", "[1234.5678]"},
      {"'[{:.2f}]'.format(1234.5678)", "[1234.57]"},
      {"'[{:.0f}]'.format(1234.5678)", "[1235]"},
      {"'[{:e}]'.format(1234.5678)", "[1.234568e+03]"},
      {"'[{:.3e}]'.format(1234.5678)", "[1.235e+03]"},
      {"'[{:g}]'.format(1234.5678)", "[1234.57]"},
      {"'[{:.3g}]'.format(1234.5678)", "[1.23e+03]"},
      {"'[{:G}]'.format(1234.5678)", "[1234.57]"},
      {"'[{:n}]'.format(1234.5678)", "[1234.57]"},
      {"'[{:%}]'.format(1234.5678)", "[123456.780000%]"},
      {"'[{:,.1f}]'.format(1234.5678)", "[1,234.6]"},
      {"'[{:010.2f}]'.format(1234.5678)", "[0001234.57]"},
      {"'[{:+.1f}]'.format(1234.5678)", "[+1234.6]"},
      {"'[{:<10.1f}]'.format(1234.5678)", "[1234.6    ]"},
      {"'[{:.3}]'.format(1234.5678)", "[1.23e+03]"},
      {"'[{:E}]'.format(1234.5678)", "[1.234568E+03]"},
      {"'[{:F}]'.format(1234.5678)", "[1234.567800]"},
      {"'[{:_.2f}]'.format(1234.5678)", "[1_234.57]"},
      {"'[{:}]'.format(-0.0)", "[-0.0]"},
      {"'[{:.1f}]'.format(-0.0)", "[-0.0]"},
      {"'[{:+}]'.format(-0.0)", "[-0.0]"},
      {"'[{:}]'.format(1e20)", "[1e+20]"},
      {"'[{:g}]'.format(1e20)", "[1e+20]"},
      {"'[{:.2f}]'.format(1e20)", "[100000000000000000000.00]"},
      {"'[{:.30}]'.format(1e20)", "[100000000000000000000.0]"},
      {"'[{:}]'.format(dict(x='inf').x|float)", "[inf]"},
      {"'[{:f}]'.format(dict(x='inf').x|float)", "[inf]"},
      {"'[{:06}]'.format(dict(x='inf').x|float)", "[000inf]"},
      {"'[{:}]'.format(dict(x='nan').x|float)", "[nan]"},
      {"'[{:F}]'.format(dict(x='nan').x|float)", "[NAN]"},
      {"'[{:%}]'.format(dict(x='nan').x|float)", "[nan%]"},
  });
}

TEST(FormatSpec, FormatsTextsAndBools) {
  expect_expressions({
      {"'[{:}]'.format('héllo')", "[héllo]"},
      {"'[{:s}]'.format('héllo')", "[héllo]"},
      {"'[{:8}]'.format('héllo')", "[héllo   ]"},
      {"'[{:<8}]'.format('héllo')", "[héllo   ]"},
      {"'[{:>8}]'.format('héllo')", "[   héllo]"},
      {"'[{:^8}]'.format('héllo')", "[ héllo  ]"},
      {"'[{:*^9}]'.format('héllo')", "[**héllo**]"},
      {"'[{:.2}]'.format('héllo')", "[hé]"},
      {"'[{:8.2}]'.format('héllo')", "[hé      ]"},
      {"'[{:08}]'.format('héllo')", "[héllo000]"},
      {"'[{:}]'.format(true)", "[True]"},
      {"'[{:d}]'.format(true)", "[1]"},
      {"'[{:5}]'.format(true)", "[    1]"},
      {"'[{:x}]'.format(true)", "[1]"},
  });
}

TEST(FormatSpec, RejectsWhatPythonRejects) {
  expect_expression_errors({
      {"'{:d}'.format('a')", "Unknown format code 'd' for a string"},
      {"'{:+}'.format('a')", "Sign not allowed in string"},
      {"'{:=5}'.format('a')", "'=' alignment not allowed"},
      {"'{:#}'.format('a')", "Alternate form (#) not allowed"},
      {"'{:,}'.format('a')", "Cannot specify ',' with 's'"},
      {"'{:.2d}'.format(1)", "Precision not allowed in integer"},
      {"'{:,x}'.format(1)", "Cannot specify ',' with 'x'"},
      {"'{:s}'.format(1)", "Unknown format code 's'"},
      {"'{:d}'.format(1.0)", "Unknown format code 'd'"},
      {"'{:+c}'.format(65)", "not allowed with the format code 'c'"},
      {"'{:c}'.format(1114112)", "arg not in range"},
      {"'{:zz}'.format(1)", "is no format specification"},
  });
}

TEST(FormatSpec, HasEveryPart) {
  const auto spec = parse_format_spec("é^+#12,.3f");
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->fill, U'é');
  EXPECT_EQ(spec->align, '^');
  EXPECT_EQ(spec->sign, '+');
  EXPECT_TRUE(spec->alternate);
  EXPECT_EQ(spec->width, 12U);
  EXPECT_EQ(spec->grouping, ',');
  EXPECT_EQ(spec->precision, 3U);
  EXPECT_EQ(spec->type, 'f');
}

TEST(FormatSpec, WidthsAndPrecisionsEndAt9999) {
  EXPECT_TRUE(parse_format_spec("9999.9999").ok());
  EXPECT_FALSE(parse_format_spec("10000").ok());
  EXPECT_FALSE(parse_format_spec(".10000").ok());
  EXPECT_FALSE(parse_format_spec(".f").ok());
  EXPECT_FALSE(parse_format_spec("5dd").ok());
}

}  // namespace
}  // namespace braid::jinja
