#include "braid/request/prefix_hash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <vector>

namespace braid {
namespace {

std::vector<TokenId> tokens_from(TokenId first, size_t count) {
  std::vector<TokenId> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

TEST(PrefixHash, CoversAllTokensUpToThePagesEnd) {
  const std::vector<uint64_t> whole = prefix_hashes(tokens_from(0, 15), 4, false);
  ASSERT_EQ(whole.size(), 3U) << "the last page is not full";
  EXPECT_EQ(prefix_hashes(tokens_from(0, 8), 4, false), std::vector(whole.begin(), whole.begin() + 2));
  std::vector<TokenId> other = tokens_from(0, 15);
  other[1] = 77;
  const std::vector<uint64_t> changed = prefix_hashes(other, 4, false);
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NE(whole[i], changed[i]) << i;
}

TEST(PrefixHash, DiffersByPlaceKindAndKvGroup) {
  std::set<uint64_t> hashes;
  const std::vector<TokenId> same(16, 0);
  for (const bool is_long : {false, true}) {
    for (const uint64_t hash : prefix_hashes(same, 4, is_long)) {
      for (int32_t kv_group = 0; kv_group < 3; ++kv_group) hashes.insert(prefix_hash_in(hash, kv_group));
    }
  }
  EXPECT_EQ(hashes.size(), 24U);
}

// The controller and the groups may be different builds on different hosts.
TEST(PrefixHash, HasTheSameValueEverywhere) {
  EXPECT_EQ(prefix_hashes(tokens_from(1, 4), 4, false), std::vector<uint64_t>{734440528495641188U});
  EXPECT_EQ(prefix_hashes(tokens_from(1, 3), 3, false), std::vector<uint64_t>{13801128192877279064U});
}

}  // namespace
}  // namespace braid
