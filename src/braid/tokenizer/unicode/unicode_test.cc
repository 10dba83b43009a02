// UTF-8, sets of code points, and normal forms.
#include <gtest/gtest.h>

#include <ctime>
#include <string>

#include "braid/tokenizer/unicode/code_point_set.h"
#include "braid/tokenizer/unicode/normal_form.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::unicode {
namespace {

std::string repaired(std::string_view bytes) {
  std::string out;
  append_lossy(bytes, false, out);
  return out;
}

TEST(Utf8, EachMaximalMalformedPartIsOneReplacement) {  // Unicode 15, tables 3-8 to 3-11
  const std::string r = "\uFFFD";
  EXPECT_EQ(repaired("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(repaired("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(repaired("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(repaired("\xE4\xB8"), r);
  EXPECT_EQ(repaired("\u4e2d\U0001F600"), "\u4e2d\U0001F600");
  EXPECT_FALSE(is_valid_utf8("abcdefgh\x80"));
  EXPECT_TRUE(is_valid_utf8("abcdefgh\u0080"));
}

TEST(Utf8, AnIncompleteEndWaitsForMore) {
  std::string out;
  EXPECT_EQ(append_lossy("a\xF0\x9F\x98", true, out), 1u);
  EXPECT_EQ(out, "a");
  EXPECT_EQ(append_lossy("\xF0\x9F\x20", true, out), 3u);  // can no longer become one character
  EXPECT_EQ(out, "a\uFFFD ");
}

TEST(CodePointSet, SetsCombine) {
  const CodePointSet letters({{'a', 'z'}});
  const CodePointSet vowels({{'e', 'e'}, {'a', 'a'}});
  EXPECT_FALSE(letters.intersected(vowels.inverted()).contains('e'));
  EXPECT_TRUE(letters.intersected(vowels.inverted()).contains('f'));
  EXPECT_EQ(letters.united(vowels).ranges().size(), 1u);
  EXPECT_TRUE(CodePointSet().inverted().contains(0x10FFFF));
  EXPECT_FALSE(property("Klingon").has_value());
  EXPECT_TRUE(property("uppercase letter")->contains('A'));
}

TEST(CodePointSet, TooManyClassesAreNotATable) {
  std::vector<CodePointSet> sets;
  for (char32_t c = 0; c < 10; ++c) sets.push_back(CodePointSet::of(0x100 + c));
  EXPECT_FALSE(CodePointTable::classify(sets, 0x80, 10).has_value());
  ASSERT_TRUE(CodePointTable::classify(sets, 0x80, 11).has_value());
}

std::string normalized(const NormalForm& form, std::string_view text) {
  std::string out;
  return form.normalize(text, out) ? out : std::string(text);
}

TEST(NormalForm, ComposesByTheStandardAndLeavesLaterCharactersAlone) {
  const NormalForm form(NormalFormKind::kNfc);
  EXPECT_EQ(normalized(form, "e\u0301 \u1100\u1161\u11a8"), "\u00e9 \uac01");
  EXPECT_EQ(normalized(form, "\u212b\u2126"), "\u00c5\u03a9");
  EXPECT_EQ(normalized(form, "\u1e9b\u0323"), "\u1e9b\u0323");
  EXPECT_EQ(normalized(form, "q\u0307\u0323"), "q\u0323\u0307");
  EXPECT_EQ(normalized(form, "\u0958"), "\u0915\u093c");                        // a composition exclusion
  EXPECT_EQ(normalized(form, "\U00011935\U00011930"), "\U00011935\U00011930");  // composes since Unicode 13
  EXPECT_EQ(normalized(form, "a\u0301\u1df6"), "\u00e1\u1df6");                 // a mark since Unicode 10
  std::string out = "untouched";
  EXPECT_FALSE(form.normalize("plain \u00e9\u4e2d\uac01 text", out));
  EXPECT_EQ(out, "untouched");
}

TEST(NormalForm, DecomposesAndDropsWhatIsOnlyCompatible) {
  const std::string text = "\u00e9\uac01\ufb01\u00b2\u1e9b\u0323";
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfd), text),
            "e\u0301\u1100\u1161\u11a8\ufb01\u00b2\u017f\u0323\u0307");
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkd), text), "e\u0301\u1100\u1161\u11a8fi2s\u0323\u0307");
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkc), text), "\u00e9\uac01fi2\u1e69");
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkc), "\u30ab\uff9e"), "\u30ac");  // joins the character before
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkc), "\ufdfa").size(), 33u);      // 18 characters
}

TEST(NormalForm, ALongRunOfMarksInTheWrongOrderTakesNoQuadraticTime) {
  const NormalForm form(NormalFormKind::kNfc);
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? "\u0345" : "\u0334";
  const std::clock_t start = std::clock();
  const std::string once = normalized(form, text);
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
  EXPECT_EQ(once.size(), text.size());
  EXPECT_EQ(normalized(form, once), once);
}

}  // namespace
}  // namespace braid::unicode
