// Tokenizers put together at random (added tokens' flags, normalizers, pre-tokenizers, model options, post-processors,
// decoders), held to Hugging Face `tokenizers`.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "braid/tokenizer/testing/fixtures.h"
#include "braid/tokenizer/testing/reference_hash.h"

namespace braid {
namespace {

// As combination_hash() of tools/tokenizer_cases.py: over the ids alone, where one of `renamed` is among them. The
// reference decodes those to their normal forms, and no longer knows them as special.
uint32_t combination_hash(const Tokenizer& tokenizer, const std::string& text, const std::set<TokenId>& renamed) {
  const std::vector<TokenId> ids = tokenizer.encode(text, true);
  if (std::ranges::none_of(ids, [&](TokenId id) { return renamed.contains(id); })) {
    return testing::reference_hash(tokenizer, text);
  }
  uint32_t hash = testing::kHashStart;
  for (const TokenId id : ids) hash = testing::fnv_u32(static_cast<uint32_t>(id), hash);
  return hash;
}

TEST(CombinationsReference, GiveTheSameIdsAndText) {
  std::vector<std::string> texts;
  const std::vector<std::string> strings = testing::fixture_strings();
  for (size_t i = 0; i < strings.size(); i += 11) texts.push_back(strings[i]);
  const std::vector<std::string> lines = testing::read_lines("combinations.jsonl");
  ASSERT_GT(lines.size(), 100u);
  const auto base = nlohmann::json::parse(lines[0]);
  for (size_t i = 1; i < lines.size(); i += testing::kThinning == 1 ? 1 : 4) {
    auto file = nlohmann::json::parse(lines[i]);
    const auto expected = file["hash"].get<uint32_t>();
    if (!file.contains("model")) file["model"] = base;
    if (file.contains("options")) file["model"].update(file["options"]);
    const auto panics = file.value("panics", std::set<size_t>());  // texts on which the reference itself breaks
    const auto renamed = file.value("renamed", std::set<TokenId>());
    file.erase("panics");
    file.erase("renamed");
    file.erase("hash");
    file.erase("options");
    const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
    ASSERT_NE(tokenizer, nullptr) << lines[i];
    uint32_t hash = testing::kHashStart;
    for (size_t t = 0; t < texts.size(); ++t) {
      const uint32_t own = combination_hash(*tokenizer, texts[t], renamed);
      if (!panics.contains(t)) hash = testing::fnv_u32(own, hash);
    }
    EXPECT_EQ(hash, expected) << lines[i];
  }
}

}  // namespace
}  // namespace braid
