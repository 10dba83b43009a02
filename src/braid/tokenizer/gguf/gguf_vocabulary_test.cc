// Compares GGUF vocabularies with the tokenizer.json of the same family, and SentencePiece's rule with its plain
// definition.
#include "braid/tokenizer/gguf/gguf_vocabulary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "braid/tokenizer/gguf/gguf_pre_tokenizers.h"
#include "braid/tokenizer/gguf/score_merges.h"
#include "tests/support/tokenizer/fixtures.h"

namespace braid {
namespace {

using nlohmann::json;

// A vocabulary as llama.cpp's converter writes it.
GgufVocabulary to_gguf(const json& file, const std::string& pre) {
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.pre = pre;
  std::map<int, std::string> tokens;
  for (const auto& [token, id] : file["model"]["vocab"].items()) tokens[id.get<int>()] = token;
  std::map<int, int32_t> types;
  for (const json& added : file["added_tokens"]) {
    tokens[added["id"].get<int>()] = added["content"].get<std::string>();
    types[added["id"].get<int>()] = added["special"].get<bool>() ? kGgufControl : kGgufUserDefined;
  }
  for (const auto& [id, token] : tokens) {
    EXPECT_EQ(id, static_cast<int>(vocabulary.tokens.size()));
    vocabulary.tokens.push_back(token);
    vocabulary.token_types.push_back(types.count(id) != 0 ? types[id] : kGgufNormal);
  }
  for (const json& merge : file["model"]["merges"]) {
    vocabulary.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  return vocabulary;
}

TEST(GgufVocabulary, Gpt2VocabulariesEqualTheFamilysTokenizerJson) {
  const std::pair<const char*, const char*> families[] = {{"qwen2", "qwen2"},
                                                          {"llama3", "llama-bpe"},
                                                          {"gpt2", "gpt-2"},
                                                          {"smollm2", "smollm"},
                                                          {"glm4", "glm4"},
                                                          {"glm4", "chatglm-bpe"},
                                                          {"tekken", "tekken"},
                                                          {"o200k", "gpt-4o"},
                                                          {"glm4", "dbrx"},
                                                          {"smollm2", "refact"},
                                                          {"deepseek_v3", "deepseek-v3"},
                                                          {"deepseek_llm", "deepseek-llm"}};
  const std::vector<std::string> strings = testing::fixture_strings();
  for (const auto& [family, pre] : families) {
    json file = json::parse(testing::read_fixture(std::string(family) + ".json"));
    // GGUF has no fields for these.
    for (json& added : file["added_tokens"]) {
      for (const char* flag : {"lstrip", "rstrip", "single_word", "normalized"}) added[flag] = false;
    }
    GgufVocabulary vocabulary = to_gguf(file, pre);
    const std::unique_ptr<Tokenizer> expected = testing::must_make(file.dump());
    ASSERT_NE(expected, nullptr);
    vocabulary.bos = expected->token_to_id("<|begin_of_text|>");
    const auto tokenizer = make_tokenizer_from_gguf(vocabulary);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    for (const std::string& text : strings) {
      const std::vector<TokenId> ids = expected->encode(text, true);
      ASSERT_EQ((*tokenizer)->encode(text, true), ids) << family << ": " << json(text);
      ASSERT_EQ((*tokenizer)->decode(ids, true), expected->decode(ids, true)) << family << ": " << json(text);
    }
  }
}

// The same for a converted SentencePiece vocabulary: its tokens are in order of score.
GgufVocabulary to_llama_gguf(const json& file) {
  GgufVocabulary vocabulary = to_gguf(file, "");
  vocabulary.model = "llama";
  vocabulary.merges.clear();
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    const std::string& token = vocabulary.tokens[id];
    if (token == "<unk>") vocabulary.token_types[id] = kGgufUnknown;
    if (token.starts_with("<0x")) vocabulary.token_types[id] = kGgufByte;
    vocabulary.scores.push_back(-static_cast<float>(id));
  }
  vocabulary.bos = 1;
  vocabulary.unknown = 0;
  return vocabulary;
}

TEST(GgufVocabulary, LlamaVocabulariesEqualTheFamilysTokenizerJson) {
  for (const std::string family : {"llama2", "phi3", "mistral3", "gemma"}) {
    json file = json::parse(testing::read_fixture(family + ".json"));
    for (json& added : file["added_tokens"]) {
      for (const char* flag : {"lstrip", "rstrip", "single_word", "normalized"}) added[flag] = false;
    }
    const std::unique_ptr<Tokenizer> expected = testing::must_make(file.dump());
    GgufVocabulary vocabulary = to_llama_gguf(file);
    if (family == "gemma") vocabulary.add_space_prefix = false;
    const auto tokenizer = make_tokenizer_from_gguf(vocabulary);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    for (const std::string& text : testing::fixture_strings()) {
      const std::vector<TokenId> ids = expected->encode(text, true);
      // A GGUF file cannot say that only the text's start gets a space (not the text after a control token), nor that a
      // text which starts with a space gets none.
      if (family == "mistral3") {
        const bool has_control =
            std::any_of(ids.begin() + 1, ids.end(), [&](TokenId id) { return expected->is_special(id) && id != 0; });
        if (has_control || text.starts_with(' ') || text.starts_with("\u2581")) continue;
      }
      ASSERT_EQ((*tokenizer)->encode(text, true), ids) << family << ": " << json(text);
      ASSERT_EQ((*tokenizer)->decode(ids, true), expected->decode(ids, true)) << family << ": " << json(text);
    }
  }
}

TEST(GgufVocabulary, BeginAndEndAreAddedAsTheFileSays) {
  GgufVocabulary vocabulary = to_gguf(json::parse(testing::read_fixture("smollm2.json")), "smollm");
  vocabulary.bos = 3;
  vocabulary.eos = 4;
  EXPECT_TRUE((*make_tokenizer_from_gguf(vocabulary))->encode("", true).empty());
  vocabulary.add_bos = true;
  vocabulary.add_eos = true;
  EXPECT_EQ((*make_tokenizer_from_gguf(vocabulary))->encode("", true), (std::vector<TokenId>{3, 4}));
  EXPECT_TRUE((*make_tokenizer_from_gguf(vocabulary))->encode("", false).empty());
}

// A vocabulary of characters, bytes and random joined pieces; scores are random, and many are equal.
GgufVocabulary random_llama(std::mt19937& random) {
  GgufVocabulary vocabulary;
  vocabulary.model = "llama";
  const auto add = [&](const std::string& token, int32_t type, float score) {
    if (std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), token) != vocabulary.tokens.end()) return;
    vocabulary.tokens.push_back(token);
    vocabulary.token_types.push_back(type);
    vocabulary.scores.push_back(score);
  };
  add("<unk>", kGgufUnknown, 0);
  add("<s>", kGgufControl, 0);
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), kGgufByte, 0);
  const std::vector<std::string> characters = {"a", "b", "\u2581", "\u00e9"};
  for (const std::string& character : characters) add(character, kGgufNormal, -1000);
  for (int i = 0; i < 60; ++i) {
    std::string token;
    for (auto length = 2 + random() % 4; length > 0; --length) token += characters[random() % characters.size()];
    add(token, kGgufNormal, -static_cast<float>(random() % 20));
  }
  vocabulary.bos = 1;
  vocabulary.unknown = 0;
  return vocabulary;
}

// SentencePiece's definition: while two neighbours form a token, join the pair with the highest score; the first among
// equal scores.
std::vector<std::string> joined_by_score(const GgufVocabulary& vocabulary, std::vector<std::string> symbols) {
  std::map<std::string, float> scores;
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.token_types[id] == kGgufNormal) scores[vocabulary.tokens[id]] = vocabulary.scores[id];
  }
  while (true) {
    size_t best = symbols.size();
    float best_score = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = scores.find(symbols[i] + symbols[i + 1]);
      if (found == scores.end() || (best < symbols.size() && found->second <= best_score)) continue;
      best = i;
      best_score = found->second;
    }
    if (best == symbols.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(GgufVocabulary, LlamaMergesTheHighestScoreFirst) {
  const uint32_t seed = 11;
  std::mt19937 random(seed);
  for (int round = 0; round < 200 / testing::kThinning; ++round) {
    const GgufVocabulary vocabulary = random_llama(random);
    const auto tokenizer = make_tokenizer_from_gguf(vocabulary);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    std::string text;
    std::vector<std::string> symbols = {"\u2581"};
    for (auto length = 1 + random() % 100; length > 0; --length) {
      const char* character[] = {"a", "b", " ", "\u00e9", "\u4e2d"};
      const auto picked = random() % 5;
      text += character[picked];
      symbols.push_back(picked == 2 ? "\u2581" : character[picked]);
    }
    std::vector<TokenId> expected = {1};
    for (const std::string& symbol : joined_by_score(vocabulary, symbols)) {
      if (symbol == "\u4e2d") {
        for (const char* byte : {"<0xE4>", "<0xB8>", "<0xAD>"}) expected.push_back(*(*tokenizer)->token_to_id(byte));
      } else {
        expected.push_back(*(*tokenizer)->token_to_id(symbol));
      }
    }
    ASSERT_EQ((*tokenizer)->encode(text, true), expected) << text;
    EXPECT_EQ((*tokenizer)->decode(expected, true), text);
  }
}

TEST(GgufVocabulary, UnknownNamesListTheKnownOnes) {
  GgufVocabulary vocabulary = to_gguf(json::parse(testing::read_fixture("gpt2.json")), "klingon");
  const std::string pre = make_tokenizer_from_gguf(vocabulary).error().message;
  EXPECT_NE(pre.find("klingon"), std::string::npos);
  EXPECT_NE(pre.find("llama-bpe"), std::string::npos);
  vocabulary.model = "t5";
  const std::string model = make_tokenizer_from_gguf(vocabulary).error().message;
  EXPECT_NE(model.find("gpt2, llama"), std::string::npos) << model;
}

TEST(GgufVocabulary, EveryKnownNameMakesATokenizer) {
  GgufVocabulary vocabulary = to_gguf(json::parse(testing::read_fixture("gpt2.json")), "");
  std::vector<std::string_view> names = {""};
  for (const GgufPreTokenizer& known : gguf_pre_tokenizers()) {
    names.insert(names.end(), known.names.begin(), known.names.end());
  }
  for (const std::string_view pre : names) {
    vocabulary.pre = pre;
    const auto tokenizer = make_tokenizer_from_gguf(vocabulary);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    const std::string text = "Hello W\u00f6rld's 12345 \u4e2d\u6587\n\n  x";
    EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode(text, false), false), text) << pre;
  }
}

TEST(GgufVocabulary, ErrorsNameWhatDoesNotFitTogether) {
  const GgufVocabulary good = to_gguf(json::parse(testing::read_fixture("gpt2.json")), "gpt-2");
  const auto message = [&good](auto change) {
    GgufVocabulary vocabulary = good;
    change(vocabulary);
    const auto made = make_tokenizer_from_gguf(vocabulary);
    return made.ok() ? std::string() : made.error().message;
  };
  const auto names = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(names(message([](auto& v) { v.tokens.clear(); }), "tokens"));
  EXPECT_TRUE(names(message([](auto& v) { v.token_types.pop_back(); }), "token_type"));
  EXPECT_TRUE(names(message([](auto& v) { v.scores = {1}; }), "scores"));
  EXPECT_TRUE(names(message([](auto& v) { v.bos = 1 << 20; }), "bos_token_id"));
  EXPECT_TRUE(names(message([](auto& v) { v.eos = -1; }), "eos_token_id"));
  EXPECT_TRUE(names(message([](auto& v) { v.merges[3] = "x"; }), "merges[3]"));
  EXPECT_TRUE(names(message([](auto& v) { v.merges[3] = "x klingon"; }), "klingon"));
  EXPECT_TRUE(names(message([](auto& v) { v.model = "llama"; }), "scores"));
  EXPECT_EQ(message([](auto& v) { v.tokens[5] = "\xff\xfe"; }), "");
}

}  // namespace
}  // namespace braid
