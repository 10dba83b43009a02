// (Cases and kinds of characters: letter_case_test.cc.)
#include "braid/tokenizer/jinja/text.h"

#include <gtest/gtest.h>

namespace braid::jinja {
namespace {

using Parts = std::vector<std::string_view>;

TEST(JinjaText, Utf8IsChecked) {
  for (const char* valid : {"", "a", "é", "€", "😀", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(valid)) << valid;
  for (const char* broken : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                             "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"}) {
    EXPECT_FALSE(is_utf8(broken));
  }
}

TEST(JinjaText, CountsAndConvertsCodePoints) {
  const std::string text = "aé€😀";
  EXPECT_EQ(count_chars(text), 4);
  EXPECT_EQ(to_chars32(text), U"aé€😀");
  EXPECT_EQ(to_utf8(U"aé€😀"), text);
  EXPECT_EQ(offset_of_char(text, 0), 0U);
  EXPECT_EQ(offset_of_char(text, 2), 3U);
  EXPECT_EQ(offset_of_char(text, 9), text.size());
  size_t at = 3;
  EXPECT_EQ(next_char(text, at), U'€');
  EXPECT_EQ(at, 6U);
}

TEST(JinjaText, StripsWhiteSpaceOrGivenCharacters) {
  EXPECT_EQ(strip_left("\u3000 \x1f a "), "a ");
  EXPECT_EQ(strip_right(" a\u2003\n"), " a");
  EXPECT_EQ(strip_left("éaé", "é"), "aé");
  EXPECT_EQ(strip_right("éaé", "é"), "éa");
  EXPECT_EQ(strip_left("   "), "");
}

TEST(JinjaText, SplitsByWhiteSpace) {
  EXPECT_EQ(split_space("  a b\u3000c ", -1), (Parts{"a", "b", "c"}));
  EXPECT_EQ(split_space("  a b  c ", 1), (Parts{"a", "b  c "}));
  EXPECT_EQ(split_space(" a ", 0), (Parts{"a "}));
  EXPECT_EQ(rsplit_space(" a b  c ", 1), (Parts{" a b", "c"}));
  EXPECT_EQ(split_space("  ", -1), Parts{});
}

TEST(JinjaText, SplitsByASeparator) {
  EXPECT_EQ(split_by("a--b----c", "--", -1), (Parts{"a", "b", "", "c"}));
  EXPECT_EQ(split_by("a--b--c", "--", 1), (Parts{"a", "b--c"}));
  EXPECT_EQ(rsplit_by("a--b--c", "--", 1), (Parts{"a--b", "c"}));
  EXPECT_EQ(rsplit_by("a---b", "--", -1), (Parts{"a-", "b"}));
  EXPECT_EQ(split_by("", ",", -1), Parts{""});
}

TEST(JinjaText, SplitsLinesAtEveryLineEnd) {
  EXPECT_EQ(split_lines("a\nb\r\nc\rd\v\fe\x1c\u0085f\u2028g\n", false),
            (Parts{"a", "b", "c", "d", "", "e", "", "f", "g"}));
  EXPECT_EQ(split_lines("a\r\n\nb", true), (Parts{"a\r\n", "\n", "b"}));
}

TEST(JinjaText, FindsCountsAndReplaces) {
  EXPECT_EQ(find_text("abcabc", "ca"), 2U);
  EXPECT_EQ(find_text("abcabc", "abc", 1), 3U);
  EXPECT_EQ(find_text("abc", "x"), std::string_view::npos);
  EXPECT_EQ(rfind_text("abcabc", "abc"), 3U);
  EXPECT_EQ(rfind_text("abc", "x"), std::string_view::npos);
  EXPECT_EQ(count_text("aaaa", "aa"), 2);
  EXPECT_EQ(count_text("é€", ""), 3);
  EXPECT_EQ(replace_text("aaa", "a", "bb", 2), "bbbba");
  EXPECT_EQ(replace_text("é€", "", "-", 3), "-é-€-");
}

// A quadratic search takes minutes here.
TEST(JinjaText, SearchesInLinearTime) {
  const std::string text(2'000'000, 'a');
  const std::string absent = std::string(1'000'000, 'a') + "b";
  EXPECT_EQ(find_text(text, absent), std::string_view::npos);
  EXPECT_EQ(rfind_text(text, "b" + absent), std::string_view::npos);
  EXPECT_EQ(count_text(text, absent), 0);
}

TEST(JinjaText, EscapesAndQuotes) {
  EXPECT_EQ(html_escape("<a b='c'>&\"</a>"), "&lt;a b=&#39;c&#39;&gt;&amp;&#34;&lt;/a&gt;");
  EXPECT_EQ(python_repr("it's"), "\"it's\"");
  EXPECT_EQ(python_repr("it's \"x\""), "'it\\'s \"x\"'");
  EXPECT_EQ(python_repr("\n\t\\\x01é\u200b"), "'\\n\\t\\\\\\x01é\\u200b'");
  EXPECT_EQ(ascii_only("aé€😀"), "a\\xe9\\u20ac\\U0001f600");
}

TEST(JinjaText, FloatsPrintAsInPython) {
  EXPECT_EQ(python_repr(1.0), "1.0");
  EXPECT_EQ(python_repr(-0.0), "-0.0");
  EXPECT_EQ(python_repr(1e15), "1000000000000000.0");
  EXPECT_EQ(python_repr(1e16), "1e+16");
  EXPECT_EQ(python_repr(0.0001), "0.0001");
  EXPECT_EQ(python_repr(0.00001), "1e-05");
  EXPECT_EQ(python_repr(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(python_repr(1e308 * 10), "inf");
}

}  // namespace
}  // namespace braid::jinja
