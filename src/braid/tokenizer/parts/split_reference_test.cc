// Compares Split with the reference: Oniguruma's patterns, the five behaviours, inverted or not.
#include <gtest/gtest.h>

#include "braid/tokenizer/json/registry.h"
#include "tests/support/tokenizer/fixtures.h"
#include "tests/support/tokenizer/reference_hash.h"

namespace braid {
namespace {

TEST(SplitReference, CutsAsTheReferenceDoes) {
  std::vector<std::string> texts;
  const std::vector<std::string> strings = testing::fixture_strings();
  for (size_t i = 0; i < strings.size(); i += 7) texts.push_back(strings[i]);
  const std::vector<std::string> lines = testing::read_lines("splits.jsonl");
  ASSERT_GT(lines.size(), 50u);
  for (const auto& text : nlohmann::json::parse(lines[0])) texts.push_back(text.get<std::string>());

  Scratch scratch;
  for (size_t i = 1; i < lines.size(); ++i) {
    const Json row = Json::parse(lines[i]);
    const auto split = read_pre_tokenizer(JsonPart(row["split"], "split"));
    ASSERT_TRUE(split.ok()) << split.error().message;
    uint32_t hash = testing::kHashStart;
    for (const std::string& text : texts) {
      uint32_t pieces = testing::kHashStart;
      (*split)->split({text, true}, scratch, [&pieces](const Piece& piece) {
        EXPECT_FALSE(piece.text.empty());
        pieces = testing::fnv("\xff", testing::fnv(piece.text, pieces));
      });
      hash = testing::fnv_u32(pieces, hash);
    }
    EXPECT_EQ(hash, row["hash"].get<uint32_t>()) << lines[i];
  }
}

}  // namespace
}  // namespace braid
