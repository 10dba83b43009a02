#include "braid/tokenizer/unicode/normal_form.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace braid::unicode {
namespace {

std::string normalized(const NormalForm& form, std::string_view text) {
  std::string out;
  return form.normalize(text, out) ? out : std::string(text);
}

TEST(NormalForm, ComposesAndLeavesCharactersAfterUnicode9Unchanged) {
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

TEST(NormalForm, DecomposesCanonicallyAndByCompatibility) {
  const std::string text = "\u00e9\uac01\ufb01\u00b2\u1e9b\u0323";
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfd), text),
            "e\u0301\u1100\u1161\u11a8\ufb01\u00b2\u017f\u0323\u0307");
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkd), text), "e\u0301\u1100\u1161\u11a8fi2s\u0323\u0307");
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkc), text), "\u00e9\uac01fi2\u1e69");
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkc), "\u30ab\uff9e"), "\u30ac");  // joins the character before
  EXPECT_EQ(normalized(NormalForm(NormalFormKind::kNfkc), "\ufdfa").size(), 33u);      // 18 characters
}

TEST(NormalForm, ALongUnsortedRunOfMarksTakesNoQuadraticTime) {
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
