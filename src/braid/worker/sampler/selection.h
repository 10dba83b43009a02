// Which tokens of a row can still be chosen: the k largest, and the smallest set with a given mass. Never a full sort.
// Tested by sampler_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

struct SelectionScratch {
  std::vector<float> maxima;
  std::vector<int32_t> order;
  std::vector<double> masses;
};

// The ids of the k largest values, ties to the lowest id, in order of id; all ids if there are at most k. No NaN.
void select_top_k(std::span<const float> row, int64_t k, SelectionScratch& scratch, std::vector<TokenId>& ids);

// The last token of the smallest set of largest weights (ties to the lowest id) that sums to at least `mass`.
struct Cutoff {
  float weight = 0;
  TokenId id = 0;

  bool keeps(float other_weight, TokenId other_id) const {
    return (other_weight > weight) | ((other_weight == weight) & (other_id <= id));
  }
};
// `ids` ascending, with their weights in [0, 1].
Cutoff find_mass_cutoff(std::span<const TokenId> ids, std::span<const float> weights, double mass,
                        SelectionScratch& scratch);

}  // namespace braid
