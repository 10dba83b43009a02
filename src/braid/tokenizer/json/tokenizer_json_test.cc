// Faulty tokenizer.json files: each ends in one clear error, never in a crash.
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "tests/support/tokenizer/fixtures.h"

namespace braid {
namespace {

using nlohmann::json;

json small() {
  return json::parse(R"({"added_tokens": [{"id": 5, "content": "<e>", "special": true}], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "c": 3, "abc": 4}, "merges": ["a b", ["ab", "c"]]}})");
}

std::string error_of(const json& file) {
  const auto tokenizer = make_tokenizer_from_json(file.dump());
  return tokenizer.ok() ? "" : tokenizer.error().message;
}

// Replacing the value at `pointer` must make the file an error that contains `part`.
void expect_error(const char* pointer, const json& value, std::string_view part) {
  json file = small();
  file[json::json_pointer(pointer)] = value;
  const std::string message = error_of(file);
  EXPECT_NE(message.find(part), std::string::npos) << pointer << ": " << message;
  EXPECT_TRUE(message.starts_with("tokenizer.json: ")) << message;
}

TEST(TokenizerJson, MergesMayBeStringsOrPairs) {
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(small().dump());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("abc<e>ba", true), (std::vector<TokenId>{4, 5, 1, 0}));
  EXPECT_EQ(tokenizer->vocab_size(), 6);
  EXPECT_EQ(tokenizer->token_to_id("<e>"), 5);
  EXPECT_EQ(tokenizer->token_bytes(4), "abc");
  EXPECT_EQ(tokenizer->token_bytes(77), "");
}

TEST(TokenizerJson, ErrorsNameThePart) {
  expect_error("/model/type", "Unigram", "Unigram");
  expect_error("/model/type", "WordPiece", "WordPiece");
  expect_error("/model/type", "WordLevel", "supported are BPE");
  expect_error("/normalizer", {{"type", "Nmt"}}, "Nmt");
  expect_error("/pre_tokenizer", {{"type", "UnicodeScripts"}}, "pre_tokenizer");
  expect_error("/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Split"}}}}},
               "pre_tokenizer.pretokenizers[0].pattern");
  expect_error("/decoder", {{"type", "CTC"}}, "CTC");
  expect_error("/decoder", 7, "decoder");
  expect_error("/post_processor", {{"type", "BertProcessing"}}, "BertProcessing");
  expect_error("/model", nullptr, "model");
  expect_error("/model/dropout", 0.1, "model.dropout is 0.1");
  expect_error("/model/dropout", "no", "model.dropout");
  expect_error("/model/vocab", json::array(), "model.vocab");
  expect_error("/model/vocab/ab", -1, "\"ab\"");
  expect_error("/model/vocab/ab", 1LL << 40, "\"ab\"");
  expect_error("/model/vocab/ab", 18446744073709551615ULL, "\"ab\"");
  expect_error("/model/vocab/ab", 2.5, "\"ab\"");
  expect_error("/model/vocab/ab", "2", "\"ab\"");
  expect_error("/model/vocab/ab", 0, "twice");
  expect_error("/model/merges/0", "a d", "\"d\"");
  expect_error("/model/merges/0", "b c", "\"bc\"");
  expect_error("/model/merges/0", "ab", "merges[0]");
  expect_error("/model/merges/0", {"a", "b", "c"}, "merges[0]");
  expect_error("/model/merges/0", {"a", 1}, "merges[0][1]");
  expect_error("/model/merges", "a b", "merges");
  expect_error("/model/unk_token", "<unk>", "<unk>");
  expect_error("/model/ignore_merges", 1, "ignore_merges");
  expect_error("/added_tokens/0/id", -5, "added_tokens[0].id");
  expect_error("/added_tokens/0/id", 1LL << 33, "added_tokens[0].id");
  expect_error("/added_tokens/0/id", 1, "\"b\"");
  expect_error("/added_tokens/0/content", "ab", "vocabulary gives it 2");
  expect_error("/added_tokens/0/content", nullptr, "added_tokens[0].content");
  expect_error("/added_tokens/0/special", "yes", "added_tokens[0].special");
  expect_error("/added_tokens/1", {{"id", 5}, {"content", "x"}}, "id 5");
  expect_error("/added_tokens/1", {{"id", 6}, {"content", "<e>"}}, "twice");
  expect_error("/added_tokens", 3, "added_tokens");
  expect_error("/post_processor",
               {{"type", "TemplateProcessing"},
                {"single", {{{"SpecialToken", {{"id", "[X]"}}}}}},
                {"special_tokens", json::object()}},
               "[X]");
}

TEST(TokenizerJson, IdsMayHaveGaps) {
  json file = small();
  file["model"]["vocab"]["abc"] = 1000;
  file["added_tokens"][0]["id"] = 2000;
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab_size(), 2001);
  EXPECT_EQ(tokenizer->encode("abc<e>", false), (std::vector<TokenId>{1000, 2000}));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{0, 4, 999, 1500, 3, 5000, -1}, false), "ac");
}

TEST(TokenizerJson, ANormalizedAddedTokenDecodesToItsNormalForm) {
  json file = small();
  file["normalizer"] = {{"type", "Lowercase"}};
  file["added_tokens"] = {{{"id", 5}, {"content", "<E>"}, {"special", true}, {"normalized", true}},
                          {{"id", 6}, {"content", "B B"}, {"normalized", true}}};
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
  ASSERT_NE(tokenizer, nullptr);
  const std::vector<TokenId> ids = tokenizer->encode("aB b<E>", false);
  EXPECT_EQ(ids, (std::vector<TokenId>{0, 6, 5}));
  EXPECT_EQ(tokenizer->decode(ids, false), "ab b<e>");
  EXPECT_EQ(tokenizer->decode(ids, true), "ab b");
  EXPECT_EQ(tokenizer->token_to_id("<E>"), 5);
}

TEST(TokenizerJson, APatternThatBacktracksWithoutEndIsCutOff) {
  json file = small();
  const json blows_up = {{"Regex", "(?:a+)+$"}};
  file["normalizer"] = {{"type", "Replace"}, {"pattern", blows_up}, {"content", "x"}};
  file["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers",
       {{{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "Isolated"}, {"invert", false}},
        {{"type", "Split"}, {"pattern", blows_up}, {"behavior", "Isolated"}, {"invert", false}}}}};
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
  ASSERT_NE(tokenizer, nullptr);
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::string(60, 'a') + "b ";
  const std::clock_t start = std::clock();
  EXPECT_FALSE(tokenizer->encode(text, false).empty());
  EXPECT_LT(std::clock() - start, 20 * CLOCKS_PER_SEC);
}

TEST(TokenizerJson, InputThatIsNotAJsonObjectIsAnError) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("null"), std::string("\xff{}"),
        std::string(1'000'000, '['), std::string("{\"a\":") + std::string(100'000, '[')}) {
    EXPECT_FALSE(make_tokenizer_from_json(text).ok());
  }
}

TEST(TokenizerJson, DeepSequencesAreRefused) {
  json nested = {{"type", "NFC"}};
  for (int i = 0; i < 200; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  json file = small();
  file["normalizer"] = nested;
  EXPECT_NE(error_of(file), "");
}

json repeated(const char* list, const json& part, int count) {
  json sequence = {{"type", "Sequence"}, {list, json::array()}};
  for (int i = 0; i < count; ++i) sequence[list].push_back(part);
  return sequence;
}

// A file of a few hundred bytes must not turn one character into a gigabyte.
TEST(TokenizerJson, PartsThatMultiplyATextAreRefused) {
  const json doubles = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  const json by_regex = {{"type", "Replace"}, {"pattern", {{"Regex", "b*"}}}, {"content", "b"}};
  const json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const json metaspace = {{"type", "Metaspace"}, {"replacement", std::string(400, 'x')}};
  for (const json& part : {doubles, by_regex}) {
    expect_error("/normalizer", repeated("normalizers", part, 40), "normalizer and pre_tokenizer can make a text");
    expect_error("/decoder", repeated("decoders", part, 40), "decoder can make a text");
  }
  expect_error("/normalizer", {{"type", "Prepend"}, {"prepend", std::string(2000, 'x')}}, "times are allowed");
  expect_error("/normalizer", repeated("normalizers", {{"type", "NFKC"}}, 9), "times are allowed");
  expect_error("/pre_tokenizer", repeated("pretokenizers", bytes, 40), "normalizer and pre_tokenizer can make a text");
  expect_error("/pre_tokenizer", repeated("pretokenizers", metaspace, 2), "times are allowed");
  json file = small();
  file["normalizer"] = repeated("normalizers", doubles, 5);
  file["decoder"] = repeated("decoders", doubles, 5);
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("ac", false), [] {
    std::vector<TokenId> ids(32, 0);
    ids.push_back(3);
    return ids;
  }());
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{0, 3}, false), std::string(32, 'a') + "c");
}

TEST(TokenizerJson, AnAddedTokenWithALongNormalFormIsRefused) {
  json file = small();
  file["normalizer"] =
      repeated("normalizers", {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}}, 8);
  file["added_tokens"][0] = {{"id", 5}, {"content", std::string(5, 'a') + "<"}, {"normalized", true}};
  EXPECT_NE(error_of(file).find("has 1281 bytes when it is normalised"), std::string::npos) << error_of(file);
}

TEST(TokenizerJson, TemplatesWithSeveralTextsOrManyIdsAreRefused) {
  const json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const json token = {{"SpecialToken", {{"id", "<e>"}, {"type_id", 0}}}};
  const auto processor = [](const json& single, const json& ids) -> json {
    return {{"type", "TemplateProcessing"},
            {"single", single},
            {"special_tokens", {{"<e>", {{"id", "<e>"}, {"ids", ids}, {"tokens", {"<e>"}}}}}}};
  };
  expect_error("/post_processor", processor({text, token, text}, {5}), "post_processor.single[2] names the sequence");
  expect_error("/post_processor", processor({token, text}, std::vector<int>(101, 5)), "has 101 elements, at most 100");
  json file = small();
  file["post_processor"] = processor({token, text, token}, {5, 4});
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("a", true), (std::vector<TokenId>{5, 4, 0, 5, 4}));
}

TEST(TokenizerJson, AWhiteSpaceTokenMatchesAlsoWhereTheTokenBeforeTookItsSpace) {
  json file = small();
  file["added_tokens"][0] = {{"id", 5}, {"content", " "}, {"rstrip", true}, {"normalized", false}};
  const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->encode("a   b \n c", false), (std::vector<TokenId>{0, 5, 5, 5, 1, 5, 5, 3}));
}

TEST(TokenizerJson, ADropoutOfZeroIsAccepted) {
  json file = small();
  file["model"]["dropout"] = 0.0;
  EXPECT_EQ(error_of(file), "");
}

TEST(TokenizerJson, CorruptedFilesEndInATokenizerOrAnError) {
  const uint32_t seed = 7;
  std::mt19937 random(seed);
  for (const std::string family : {"gpt2", "llama2", "qwen2"}) {
    const std::string file = testing::read_fixture(family + ".json");
    for (int round = 0; round < 300 / testing::kThinning; ++round) {
      std::string corrupted = file;
      // The first kilobyte contains everything except the vocabulary.
      for (auto flips = 1 + random() % 3; flips > 0; --flips) {
        corrupted[random() % (random() % 2 == 0 ? 2000 : file.size())] = static_cast<char>(32 + random() % 95);
      }
      if (random() % 4 == 0) corrupted.resize(random() % corrupted.size());
      const auto tokenizer = make_tokenizer_from_json(corrupted);
      if (!tokenizer.ok()) {
        EXPECT_FALSE(tokenizer.error().message.empty());
        continue;
      }
      const std::vector<TokenId> ids = (*tokenizer)->encode("Hello 123 w\u00f6rld\n<s> \u4e2d", true);
      (*tokenizer)->decode(ids, true);
    }
  }
}

}  // namespace
}  // namespace braid
