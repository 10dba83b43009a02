// Compares each normalizer and pre-tokenizer with the reference, over many strings and every code point.
#include <gtest/gtest.h>

#include "braid/tokenizer/json/registry.h"
#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/tokenizer/fixtures.h"
#include "tests/support/tokenizer/reference_hash.h"

namespace braid {
namespace {

// Like blocks() in tools/tokenizer_cases.py: each code point that may be assigned, after a letter, 256 in a text.
std::vector<std::string> code_point_blocks() {
  std::vector<char32_t> blocks(0x400);
  for (char32_t block = 0; block < blocks.size(); ++block) blocks[block] = block;
  blocks.insert(blocks.end(), {0xE00, 0xE01});
  std::vector<std::string> texts;
  for (const char32_t block : blocks) {
    std::string& text = texts.emplace_back();
    for (char32_t c = block << 8; c < (block + 1) << 8; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      text += 'a';
      unicode::append_code_point(c, text);
    }
  }
  return texts;
}

uint32_t hash_of_normal(const Normalizer& normalizer, const std::string& text) {
  RegexScratch scratch;
  std::string out = "left over";
  return testing::fnv(normalizer.normalize(text, scratch, out) ? out : text);
}

uint32_t hash_of_pieces(const PreTokenizer& pre_tokenizer, const std::string& text, Scratch& scratch) {
  uint32_t pieces = testing::kHashStart;
  pre_tokenizer.split({text, true}, scratch, [&pieces, &text](const Piece& piece) {
    EXPECT_TRUE(!piece.text.empty() || text.empty());
    pieces = testing::fnv("\xff", testing::fnv(piece.text, pieces));
  });
  return pieces;
}

template <typename HashOfText>
uint32_t hash_of_all(const std::vector<std::string>& texts, HashOfText hash_of_text) {
  uint32_t hash = testing::kHashStart;
  for (const std::string& text : texts) hash = testing::fnv_u32(hash_of_text(text), hash);
  return hash;
}

TEST(PartsReference, EachPartMatchesTheReference) {
  std::vector<std::string> texts;
  const std::vector<std::string> strings = testing::fixture_strings();
  for (size_t i = 0; i < strings.size(); i += 3) texts.push_back(strings[i]);
  for (const auto& text : nlohmann::json::parse(testing::read_lines("splits.jsonl")[0])) texts.push_back(text);
  const std::vector<std::string> blocks = code_point_blocks();
  Scratch scratch;  // one megabyte
  const std::vector<std::string> lines = testing::read_lines("parts.jsonl");
  ASSERT_GT(lines.size(), 40u);
  for (const std::string& line : lines) {
    const Json row = Json::parse(line);
    const auto check = [&](const auto& hash_of_text) {
      EXPECT_EQ(hash_of_all(texts, hash_of_text), row["hash"].get<uint32_t>()) << line;
      if (testing::kThinning == 1) {
        EXPECT_EQ(hash_of_all(blocks, hash_of_text), row["code_points"].get<uint32_t>()) << line;
      }
    };
    if (row.contains("normalizer")) {
      const auto part = read_normalizer(JsonPart(row["normalizer"], "normalizer"));
      ASSERT_TRUE(part.ok()) << part.error().message;
      check([&](const std::string& text) { return hash_of_normal(**part, text); });
    } else {
      const auto part = read_pre_tokenizer(JsonPart(row["pre_tokenizer"], "pre_tokenizer"));
      ASSERT_TRUE(part.ok()) << part.error().message;
      check([&](const std::string& text) { return hash_of_pieces(**part, text, scratch); });
    }
  }
}

}  // namespace
}  // namespace braid
