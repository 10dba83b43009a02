// Compares random combinations of parts (flags of added tokens, normalizers, pre-tokenizers, model options,
// post-processors, decoders) with Hugging Face `tokenizers`.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/tokenizer/fixtures.h"
#include "tests/support/tokenizer/reference_hash.h"

namespace braid {
namespace {

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
    const auto panics = file.value("panics", std::set<size_t>());  // texts on which the reference itself crashes
    file.erase("panics");
    file.erase("hash");
    file.erase("options");
    const std::unique_ptr<Tokenizer> tokenizer = testing::must_make(file.dump());
    ASSERT_NE(tokenizer, nullptr) << lines[i];
    uint32_t hash = testing::kHashStart;
    for (size_t t = 0; t < texts.size(); ++t) {
      const uint32_t own = testing::reference_hash(*tokenizer, texts[t]);
      if (!panics.contains(t)) hash = testing::fnv_u32(own, hash);
    }
    EXPECT_EQ(hash, expected) << lines[i];
  }
}

}  // namespace
}  // namespace braid
