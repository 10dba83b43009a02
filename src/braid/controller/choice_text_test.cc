#include "braid/controller/choice_text.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

class ChoiceTextTest : public ::testing::Test {
 protected:
  struct Outcome {
    std::string text;
    std::optional<std::string> matched;
    size_t tokens_used = 0;
  };

  // Pushes the text's tokens until a stop string is found or all tokens are pushed.
  Outcome run(const std::string& whole, ChoiceText::Options options) {
    ChoiceText choice(*tokenizer_, std::move(options));
    Outcome outcome;
    for (const TokenId token : tokenizer_->encode(whole, false)) {
      outcome.text += choice.push(token);
      ++outcome.tokens_used;
      outcome.matched = choice.matched_stop();
      if (outcome.matched) return outcome;
    }
    outcome.text += choice.finish(std::nullopt);
    outcome.matched = choice.matched_stop();
    return outcome;
  }

  std::unique_ptr<Tokenizer> tokenizer_ = testing::load_tiny_tokenizer();
};

TEST_F(ChoiceTextTest, JoinedDeltasAreTheWholeText) {
  const std::string whole = "Grüße, 世界 🙂 and plain words\n";
  EXPECT_EQ(run(whole, {}).text, whole);
  EXPECT_EQ(run(whole, {.stop_strings = {"never there"}}).text, whole);
}

TEST_F(ChoiceTextTest, TextEndsBeforeAStopStringThatSpansTokens) {
  const Outcome outcome = run("one two END three", {.stop_strings = {"END"}});
  EXPECT_EQ(outcome.text, "one two ");
  EXPECT_EQ(outcome.matched, "END");
}

TEST_F(ChoiceTextTest, TheStopStringStaysIfAsked) {
  const Outcome outcome = run("one two END three", {.stop_strings = {"END"}, .include_stop_in_text = true});
  EXPECT_EQ(outcome.text, "one two END");
}

TEST_F(ChoiceTextTest, TheStopStringThatEndsFirstCounts) {
  const Outcome outcome = run("abcdef", {.stop_strings = {"cdef", "cd", "bcd"}});
  EXPECT_EQ(outcome.text, "a");
  EXPECT_EQ(outcome.matched, "bcd");
}

TEST_F(ChoiceTextTest, NoPartOfAPossibleStopStringIsShown) {
  ChoiceText choice(*tokenizer_, {.stop_strings = {"stop here"}});
  std::string shown;
  for (const TokenId token : tokenizer_->encode("go stop h", false)) shown += choice.push(token);
  EXPECT_EQ(shown, "go ");
  EXPECT_EQ(choice.finish(std::nullopt), "stop h");
}

TEST_F(ChoiceTextTest, StopStringsAreNotLookedForBeforeMinNewTokens) {
  const auto first_tokens = static_cast<int32_t>(tokenizer_->encode("x END y", false).size());
  const Outcome outcome = run("x END y END z", {.stop_strings = {"END"}, .min_new_tokens = first_tokens});
  EXPECT_EQ(outcome.text, "x END y ");
}

TEST_F(ChoiceTextTest, EqualsSearchingTheWholeTextForRandomStops) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const std::string letters = "ab \xc3\xa9";
  for (int round = 0; round < 300; ++round) {
    std::string whole;
    const int length = static_cast<int>(random() % 30);
    for (int i = 0; i < length; ++i)
      whole += random() % 4 == 0 ? std::string("é") : std::string(1, "ab "[random() % 3]);
    std::string stop;
    for (size_t i = 0; i <= random() % 3; ++i)
      stop += random() % 4 == 0 ? std::string("é") : std::string(1, "ab "[random() % 3]);
    const Outcome outcome = run(whole, {.stop_strings = {stop}});
    const size_t found = whole.find(stop);
    EXPECT_EQ(outcome.text, whole.substr(0, found)) << whole << " / " << stop;
    EXPECT_EQ(outcome.matched.has_value(), found != std::string::npos);
  }
}

}  // namespace
}  // namespace braid
