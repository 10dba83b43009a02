#include <gtest/gtest.h>

#include <random>

#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/tokenizer/fixtures.h"

namespace braid {
namespace {

class IncrementalDecoderTest : public ::testing::TestWithParam<std::string> {};

TEST_P(IncrementalDecoderTest, JoinedEqualsTheWholeDecodeAndNeverShowsHalfACharacter) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const uint32_t seed = 20261121;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  // All ids; ids of single bytes and of parts of long characters more often; a few ids that do not exist.
  const auto num_ids = static_cast<int>(tokenizer->vocab_size());
  std::uniform_int_distribution<int> any(-2, num_ids + 2);
  std::uniform_int_distribution<int> low(0, std::min(num_ids, 260));
  for (int round = 0; round < 2000 / testing::kThinning; ++round) {
    std::vector<TokenId> ids(random() % 40);
    for (TokenId& id : ids) id = random() % 2 == 0 ? any(random) : low(random);
    for (const bool skips_special : {false, true}) {
      IncrementalDecoder decoder(*tokenizer, {.skip_special_tokens = skips_special});
      std::string joined;
      for (const TokenId id : ids) {
        const std::string text = decoder.push(id);
        EXPECT_TRUE(unicode::is_valid_utf8(text));
        joined += text;
      }
      joined += decoder.finish();
      EXPECT_EQ(joined, tokenizer->decode(ids, skips_special));
    }
  }
}

TEST_P(IncrementalDecoderTest, CompleteTextIsReturnedAtOnce) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  IncrementalDecoder decoder(*tokenizer, {});
  const std::string text = "the return of self";
  std::string shown;
  for (const TokenId id : tokenizer->encode(text, false)) {
    const std::string piece = decoder.push(id);
    EXPECT_FALSE(piece.empty() && !shown.empty());
    shown += piece;
  }
  EXPECT_EQ(shown, text);
  EXPECT_EQ(decoder.finish(), "");
}

TEST_P(IncrementalDecoderTest, AnEmojiComesWholeAndABrokenOneAsAReplacement) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const std::string emoji = "\U0001FAE8";
  std::vector<TokenId> ids = tokenizer->encode(emoji, false);
  ASSERT_GE(ids.size(), 2u);
  std::string shown;
  IncrementalDecoder whole(*tokenizer, {});
  for (const TokenId id : ids) {
    shown += whole.push(id);
    EXPECT_TRUE(shown.empty() || shown == emoji) << shown;
  }
  EXPECT_EQ(shown + whole.finish(), emoji);

  ids.pop_back();
  IncrementalDecoder broken(*tokenizer, {});
  std::string rest;
  for (const TokenId id : ids) rest += broken.push(id);
  EXPECT_EQ(rest, "");
  rest = broken.finish();
  EXPECT_TRUE(rest.starts_with("\uFFFD")) << rest;
}

// Wherever the ids are cut, prompt and continuation join without a lost or an added character.
TEST_P(IncrementalDecoderTest, AContinuationIsTheRestOfTheWholeText) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::fixture_tokenizer(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  int num_cuts = 0;
  for (const char* text : {" two  words\n and more", "self return", "\u00e9 \u4e2d \U0001F600 end", "  a"}) {
    const std::vector<TokenId> ids = tokenizer->encode(text, false);
    const std::string whole = tokenizer->decode(ids, false);
    for (size_t cut = 1; cut < ids.size(); ++cut) {
      const std::string before = tokenizer->decode(std::span(ids).first(cut), false);
      IncrementalDecoder decoder(*tokenizer, {.skip_special_tokens = false, .continues_text = true});
      std::string after;
      for (const TokenId id : std::span(ids).subspan(cut)) after += decoder.push(id);
      after += decoder.finish();
      if ((before + after).find("\uFFFD") != std::string::npos) continue;  // the cut is inside a character
      EXPECT_EQ(before + after, whole);
      ++num_cuts;
    }
  }
  EXPECT_GE(num_cuts, 15);
}

INSTANTIATE_TEST_SUITE_P(Families, IncrementalDecoderTest, ::testing::ValuesIn(testing::families()),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace braid
