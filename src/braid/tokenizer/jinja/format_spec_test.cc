#include "braid/tokenizer/jinja/format_spec.h"

#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(FormatSpec, FormatsIntegers) {
  expect_expressions({
      {R"('[{:}]'.format(1234))", R"([1234])"},
      {R"('[{:d}]'.format(1234))", R"([1234])"},
      {R"('[{:x}]'.format(1234))", R"([4d2])"},
      {R"('[{:X}]'.format(1234))", R"([4D2])"},
      {R"('[{:o}]'.format(1234))", R"([2322])"},
      {R"('[{:b}]'.format(1234))", R"([10011010010])"},
      {R"('[{:c}]'.format(1234))", R"([Ӓ])"},
      {R"('[{:n}]'.format(1234))", R"([1234])"},
      {R"('[{:#x}]'.format(1234))", R"([0x4d2])"},
      {R"('[{:#b}]'.format(1234))", R"([0b10011010010])"},
      {R"('[{:8}]'.format(1234))", R"([    1234])"},
      {R"('[{:<8}]'.format(1234))", R"([1234    ])"},
      {R"('[{:^8}]'.format(1234))", R"([  1234  ])"},
      {R"('[{:>8}]'.format(1234))", R"([    1234])"},
      {R"('[{:=+8}]'.format(1234))", R"([+   1234])"},
      {R"('[{:08}]'.format(1234))", R"([00001234])"},
      {R"('[{:+}]'.format(1234))", R"([+1234])"},
      {R"('[{: }]'.format(1234))", R"([ 1234])"},
      {R"('[{:,}]'.format(1234))", R"([1,234])"},
      {R"('[{:_}]'.format(1234))", R"([1_234])"},
      {R"('[{:010,}]'.format(1234))", R"([00,001,234])"},
      {R"('[{:*^10}]'.format(1234))", R"([***1234***])"},
      {R"('[{:x<+8d}]'.format(1234))", R"([+1234xxx])"},
      {R"('[{:#x}]'.format(-255))", R"([-0xff])"},
      {R"('[{:08d}]'.format(-255))", R"([-0000255])"},
      {R"('[{:=8}]'.format(-255))", R"([-    255])"},
      {R"('[{:#_b}]'.format(-255))", R"([-0b1111_1111])"},
      {R"('[{:e}]'.format(-255))", R"([-2.550000e+02])"},
  });
}

TEST(FormatSpec, FormatsFloats) {
  expect_expressions({
      {R"('[{:}]'.format(1234.5678))", R"([1234.5678])"},
      {R"('[{:.2f}]'.format(1234.5678))", R"([1234.57])"},
      {R"('[{:.0f}]'.format(1234.5678))", R"([1235])"},
      {R"('[{:e}]'.format(1234.5678))", R"([1.234568e+03])"},
      {R"('[{:.3e}]'.format(1234.5678))", R"([1.235e+03])"},
      {R"('[{:g}]'.format(1234.5678))", R"([1234.57])"},
      {R"('[{:.3g}]'.format(1234.5678))", R"([1.23e+03])"},
      {R"('[{:G}]'.format(1234.5678))", R"([1234.57])"},
      {R"('[{:n}]'.format(1234.5678))", R"([1234.57])"},
      {R"('[{:%}]'.format(1234.5678))", R"([123456.780000%])"},
      {R"('[{:,.1f}]'.format(1234.5678))", R"([1,234.6])"},
      {R"('[{:010.2f}]'.format(1234.5678))", R"([0001234.57])"},
      {R"('[{:+.1f}]'.format(1234.5678))", R"([+1234.6])"},
      {R"('[{:<10.1f}]'.format(1234.5678))", R"([1234.6    ])"},
      {R"('[{:.3}]'.format(1234.5678))", R"([1.23e+03])"},
      {R"('[{:E}]'.format(1234.5678))", R"([1.234568E+03])"},
      {R"('[{:F}]'.format(1234.5678))", R"([1234.567800])"},
      {R"('[{:_.2f}]'.format(1234.5678))", R"([1_234.57])"},
      {R"('[{:}]'.format(-0.0))", R"([-0.0])"},
      {R"('[{:.1f}]'.format(-0.0))", R"([-0.0])"},
      {R"('[{:+}]'.format(-0.0))", R"([-0.0])"},
      {R"('[{:}]'.format(1e20))", R"([1e+20])"},
      {R"('[{:g}]'.format(1e20))", R"([1e+20])"},
      {R"('[{:.2f}]'.format(1e20))", R"([100000000000000000000.00])"},
      {R"('[{:.30}]'.format(1e20))", R"([100000000000000000000.0])"},
  });
}

TEST(FormatSpec, FormatsTextsAndBools) {
  expect_expressions({
      {R"('[{:}]'.format('héllo'))", R"([héllo])"},
      {R"('[{:s}]'.format('héllo'))", R"([héllo])"},
      {R"('[{:8}]'.format('héllo'))", R"([héllo   ])"},
      {R"('[{:<8}]'.format('héllo'))", R"([héllo   ])"},
      {R"('[{:>8}]'.format('héllo'))", R"([   héllo])"},
      {R"('[{:^8}]'.format('héllo'))", R"([ héllo  ])"},
      {R"('[{:*^9}]'.format('héllo'))", R"([**héllo**])"},
      {R"('[{:.2}]'.format('héllo'))", R"([hé])"},
      {R"('[{:8.2}]'.format('héllo'))", R"([hé      ])"},
      {R"('[{:08}]'.format('héllo'))", R"([héllo000])"},
      {R"('[{:}]'.format(true))", R"([True])"},
      {R"('[{:d}]'.format(true))", R"([1])"},
      {R"('[{:5}]'.format(true))", R"([    1])"},
      {R"('[{:x}]'.format(true))", R"([1])"},
  });
}

TEST(FormatSpec, RejectsWhatPythonRejects) {
  expect_expression_errors({
      {R"('{:d}'.format('a'))", R"(Unknown format code 'd' for a string)"},
      {R"('{:+}'.format('a'))", R"(Sign not allowed in string)"},
      {R"('{:=5}'.format('a'))", R"('=' alignment not allowed)"},
      {R"('{:#}'.format('a'))", R"(Alternate form (#) not allowed)"},
      {R"('{:,}'.format('a'))", R"(Cannot specify ',' with 's')"},
      {R"('{:.2d}'.format(1))", R"(Precision not allowed in integer)"},
      {R"('{:,x}'.format(1))", R"(Cannot specify ',' with 'x')"},
      {R"('{:s}'.format(1))", R"(Unknown format code 's')"},
      {R"('{:d}'.format(1.0))", R"(Unknown format code 'd')"},
      {R"('{:+c}'.format(65))", R"(not allowed with the format code 'c')"},
      {R"('{:c}'.format(1114112))", R"(arg not in range)"},
      {R"('{:zz}'.format(1))", R"(is no format specification)"},
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
