// Texts with a pattern and bounds on their length, against PCRE2.
#include <gtest/gtest.h>

#include <random>

#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/grammar/grammars.h"
#include "tests/support/grammar/pcre.h"

namespace braid::grammar {
namespace {

using testing::must;

std::string bounded_pattern(std::mt19937& random, int depth) {
  static const char* const kAtoms[] = {"a", "b", "é", "[ab]", "[^a]", "[é漢]", "."};
  static const char* const kCounts[] = {"", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"};
  std::string pattern;
  for (uint32_t i = 0; i < 1 + random() % 3; ++i) {
    const bool is_group = depth > 0 && random() % 2 == 0;
    pattern += is_group ? "(" + bounded_pattern(random, depth - 1) + ")" : kAtoms[random() % 7];
    pattern += kCounts[random() % 9];
  }
  if (random() % 3 == 0) pattern += "|" + (depth > 0 ? bounded_pattern(random, depth - 1) : "b");
  return pattern;
}

// All texts of up to `most` of these characters.
std::vector<std::string> all_texts(size_t most) {
  std::vector<std::string> texts = {""};
  size_t begin = 0;
  for (size_t length = 0; length < most; ++length) {
    const size_t end = texts.size();
    for (size_t i = begin; i < end; ++i) {
      for (const char* letter : {"a", "b", "é"}) texts.push_back(texts[i] + letter);
    }
    begin = end;
  }
  return texts;
}

size_t num_characters(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

TEST(BoundedText, IsWhatThePatternAndTheBoundsAllow) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const std::vector<std::string> texts = all_texts(6);
  int num_compiled = 0;
  int num_drawn = 0;
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    std::mt19937 random(seed);
    const std::string pattern = "^(" + bounded_pattern(random, 2) + ")$";
    const uint32_t min = random() % 4;
    const uint32_t max = min + random() % 4;
    const auto schema = Json{{"type", "string"}, {"pattern", pattern}, {"minLength", min}, {"maxLength", max}};
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, schema.dump()));
    const auto pcre = testing::Pcre::compile(pattern, false);
    ASSERT_TRUE(pcre);
    const auto grammar = compiler.json_schema(schema);
    const auto is_valid = [&](const std::string& text) {
      const size_t length = num_characters(text);
      return length >= min && length <= max && pcre->matches(text) == true;
    };
    if (!grammar.ok()) {
      for (const std::string& text : texts) ASSERT_FALSE(is_valid(text)) << text;
      continue;
    }
    ++num_compiled;
    for (const std::string& text : texts) {
      ASSERT_EQ(testing::accepts(*grammar, '"' + text + '"'), is_valid(text)) << text;
    }
    for (int i = 0; i < 6; ++i) {
      const auto drawn = testing::draw(*grammar, *tokenizer, 0, random, {.likes_punctuation = 0.3});
      ASSERT_TRUE(drawn);
      const auto value = parse_json(*drawn);
      ASSERT_TRUE(value.ok()) << *drawn;
      EXPECT_TRUE(is_valid(value->get<std::string>())) << *drawn;
      ++num_drawn;
      GrammarMatcher matcher(*grammar, false);
      for (size_t at = 0; at < drawn->size() && i == 0; ++at) {
        testing::expect_exact_mask(matcher, *tokenizer, drawn->substr(0, at));
        ASSERT_TRUE(matcher.accept_bytes(drawn->substr(at, 1)).ok());
      }
    }
  }
  EXPECT_GT(num_compiled, 75);
  EXPECT_GT(num_drawn, 400);
}

// The count may have begun at each of the last characters, and goes on from each of them.
TEST(BoundedText, MasksOfACountThatMayBeginAnywhereAreExact) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  for (const char* pattern : {"[a-z0-9]{12}", "[a-z]{3,5}=[0-9]{2}$", "(?:[a-z]|é[0-9]){4}-"}) {
    GrammarMatcher matcher(must(compiler.json_schema({{"type", "string"}, {"pattern", pattern}})), false);
    const std::string text = R"("ab-cdefghijklm9é7opq-=stuv=42)";
    for (size_t at = 0; at < text.size(); ++at) {
      testing::expect_exact_mask(matcher, *tokenizer, pattern + (" after " + text.substr(0, at)));
      ASSERT_TRUE(matcher.accept_bytes(text.substr(at, 1)).ok());
    }
  }
}

// Bounds need no state for each character: 2 000 of them beside a pattern cost no more than 20.
TEST(BoundedText, TakesNoMoreStatesWithLargerBounds) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto compile = [&](int max) {
    return must(compiler.json_schema({{"type", "string"},
                                      {"pattern", "^arn:([^:]*):([^:]*):([0-9]{12}):(.*)$"},
                                      {"minLength", 18},
                                      {"maxLength", max}}));
  };
  const auto large = compile(2000);
  EXPECT_EQ(large->num_states(), compile(30)->num_states());
  const std::string id = "123456789012:";
  EXPECT_TRUE(testing::accepts(large, "\"arn:a:" + std::string(1900, 'b') + ":" + id + '"'));
  EXPECT_FALSE(testing::accepts(large, "\"arn:a:" + std::string(2000, 'b') + ":" + id + '"'));
  EXPECT_FALSE(testing::accepts(large, R"("arn:::1:")"));
}

// So they do where they change nothing: then the pattern's own counts stay counts.
TEST(BoundedText, TakesNoMoreStatesIfThePatternIsWithinTheBounds) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto compile = [&](const Json& bounds) {
    Json schema = {{"type", "string"}, {"pattern", "^arn:.{16,2044}$"}};
    schema.update(bounds);
    return must(compiler.json_schema(schema));
  };
  const auto bounded = compile({{"minLength", 20}, {"maxLength", 2048}});
  EXPECT_EQ(bounded->num_states(), compile(Json::object())->num_states());
  EXPECT_GT(compile({{"maxLength", 2047}})->num_states(), bounded->num_states());
}

// A pattern may state its bounds by looking ahead.
TEST(BoundedText, IsWhatALookAheadAtTheLengthAllows) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  std::vector<std::string> texts = all_texts(6);
  texts.push_back("a\nb");
  int num_compiled = 0;
  int num_valid = 0;
  for (uint32_t seed = 1; seed <= 150; ++seed) {
    std::mt19937 random(seed);
    const uint32_t min = random() % 4;
    const std::string max = std::vector<std::string>{"", ",", fmt::format(",{}", min + random() % 4)}[random() % 3];
    const char* unit = std::vector<const char*>{".", "[aé]", "[^b]", "[^\\]]"}[random() % 4];
    const std::string rest = bounded_pattern(random, 2);
    const std::string ahead = fmt::format("^(?={}{}{{{}{}}}$)", random() % 2 == 0 ? "^" : "", unit, min, max);
    const std::string pattern = ahead + (random() % 2 == 0 ? "(" + rest + ")$" : rest);
    SCOPED_TRACE(fmt::format("seed {}: {}", seed, pattern));
    const auto pcre = testing::Pcre::compile("(?s:.*?)(?:" + pattern + ")(?s:.*)", false);
    ASSERT_TRUE(pcre);
    const auto grammar = compiler.json_schema({{"type", "string"}, {"pattern", pattern}});
    num_compiled += grammar.ok() ? 1 : 0;
    for (const std::string& text : texts) {
      const bool is_valid = pcre->matches(text) == true;
      const Json written = text;
      ASSERT_EQ(grammar.ok() && testing::accepts(*grammar, written.dump()), is_valid) << text;
      num_valid += is_valid ? 1 : 0;
    }
  }
  EXPECT_GT(num_compiled, 75);
  EXPECT_GT(num_valid, 2000);
}

// The parser reads these.
TEST(BoundedText, ALookAheadThatIsRepeatedOrRunsBackwardsBoundsNothing) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto compile = [&](const char* pattern) {
    return compiler.json_schema({{"type", "string"}, {"pattern", pattern}});
  };
  EXPECT_NE(compile("^(?=.{3,2}$)a").error().message.find("backwards"), std::string::npos);
  for (const char* pattern : {"^(?=.{1,2}$)?ab", "^(?=.{1,2}$)*ab", "^(?=.{1,2}$){0,1}ab"}) {
    const auto grammar = must(compile(pattern));
    EXPECT_TRUE(testing::accepts(grammar, R"("abcd")")) << pattern;
    EXPECT_FALSE(testing::accepts(grammar, R"("xab")")) << pattern;
  }
}

// As bounds beside a pattern.
TEST(BoundedText, TakesNoMoreStatesIfALookAheadBoundsIt) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto compile = [&](int max) {
    const auto pattern = fmt::format("^(?=.{{20,{}}}$)arn:aws[a-z-]*:[a-z0-9-]+:\\d{{12}}:[a-zA-Z0-9/_.-]+$", max);
    return must(compiler.json_schema({{"type", "string"}, {"pattern", pattern}}));
  };
  const auto large = compile(2048);
  EXPECT_EQ(large->num_states(), compile(60)->num_states());
  EXPECT_TRUE(testing::accepts(large, "\"arn:aws:s:123456789012:" + std::string(2000, 'b') + '"'));
  EXPECT_FALSE(testing::accepts(large, "\"arn:aws:s:123456789012:" + std::string(2040, 'b') + '"'));
}

// Nor do gaps between the lengths that the pattern allows, as long as the bounds do not fit into them.
TEST(BoundedText, TakesNoMoreStatesIfLengthsBetweenAreMissing) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto compile = [&](int min, int max) {
    return must(compiler.json_schema({{"type", "string"},
                                      {"pattern", "^(|\\*|(https?|ftp)://[a-z]+(/[a-z]{3}){0,2})$"},
                                      {"minLength", min},
                                      {"maxLength", max}}));
  };
  const auto large = compile(2, 2000);
  EXPECT_EQ(large->num_states(), compile(1, 30)->num_states());
  EXPECT_EQ(large->num_states(), compile(0, 9)->num_states());
  EXPECT_TRUE(testing::accepts(large, "\"ftp://" + std::string(1994, 'b') + '"'));
  EXPECT_TRUE(testing::accepts(large, "\"ftp://" + std::string(1986, 'b') + "/abc/abc\""));
  EXPECT_FALSE(testing::accepts(large, "\"ftp://" + std::string(1995, 'b') + '"'));
  EXPECT_EQ(testing::judge(large, R"("*)"), testing::Verdict::kRejected);
  EXPECT_EQ(testing::judge(compile(0, 6), R"("f)"), testing::Verdict::kRejected);
  EXPECT_TRUE(testing::accepts(compile(0, 6), R"("*")"));
}

// Where they do fit, lengths cannot be counted so: the automaton is multiplied.
TEST(BoundedText, MayHaveGapsBetweenItsLengths) {
  const auto tokenizer = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler(*tokenizer);
  const auto narrow = must(compiler.json_schema(
      {{"type", "string"}, {"pattern", "^(a|(bc){4}|d{9})$"}, {"minLength", 9}, {"maxLength", 12}}));
  EXPECT_EQ(testing::judge(narrow, R"("b)"), testing::Verdict::kRejected);
  EXPECT_TRUE(testing::accepts(narrow, R"("ddddddddd")"));
  const auto grammar =
      must(compiler.json_schema({{"type", "string"}, {"pattern", "^(abc)*$"}, {"minLength", 4}, {"maxLength", 8}}));
  EXPECT_TRUE(testing::accepts(grammar, R"("abcabc")"));
  for (const char* text : {R"("")", R"("abc")", R"("abcabcabc")", R"("abca")"}) {
    EXPECT_FALSE(testing::accepts(grammar, text)) << text;
  }
  EXPECT_EQ(testing::judge(grammar, R"("abcabca)"), testing::Verdict::kRejected);
}

}  // namespace
}  // namespace braid::grammar
