#include "braid/worker/sampler/selection.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "braid/worker/sampler/row_scan.h"

namespace braid {
namespace {

// Each power of two has 64 buckets: the bits of a positive float increase with its value.
constexpr int kBucketShift = 17;
constexpr size_t kNumBuckets = (std::bit_cast<uint32_t>(1.0F) >> kBucketShift) + 1;

size_t bucket_of(float weight) {
  return std::bit_cast<uint32_t>(weight) >> kBucketShift;
}

}  // namespace

void select_top_k(std::span<const float> row, int64_t k, SelectionScratch& scratch, std::vector<TokenId>& ids) {
  // At least k values are as large as the k-th largest of the parts' maxima, and few others are.
  float threshold = kMinusInfinity;
  group_maxima(row, scratch.maxima);
  if (k <= static_cast<int64_t>(scratch.maxima.size())) {
    const auto kth = scratch.maxima.begin() + (k - 1);
    std::nth_element(scratch.maxima.begin(), kth, scratch.maxima.end(), std::greater<>());
    threshold = *kth;
  }
  collect_at_least(row, threshold, ids);
  if (static_cast<int64_t>(ids.size()) <= k) return;

  const auto goes_before = [&](TokenId a, TokenId b) {
    const float value_a = row[static_cast<size_t>(a)];
    const float value_b = row[static_cast<size_t>(b)];
    return value_a > value_b || (value_a == value_b && a < b);
  };
  scratch.order = ids;
  const auto last = scratch.order.begin() + (k - 1);
  std::nth_element(scratch.order.begin(), last, scratch.order.end(), goes_before);
  const TokenId last_id = *last;
  std::erase_if(ids, [&](TokenId id) { return goes_before(last_id, id); });
}

Cutoff find_mass_cutoff(std::span<const TokenId> ids, std::span<const float> weights, double mass,
                        SelectionScratch& scratch) {
  std::vector<double>& masses = scratch.masses;
  masses.assign(kNumBuckets, 0.0);
  for (const float weight : weights) masses[bucket_of(weight)] += static_cast<double>(weight);
  double sum = 0;
  size_t bucket = kNumBuckets;
  while (bucket > 0 && sum + masses[bucket - 1] < mass) sum += masses[--bucket];
  if (bucket == 0) return {.weight = 0, .id = std::numeric_limits<TokenId>::max()};
  --bucket;  // the set ends in this bucket

  std::vector<int32_t>& order = scratch.order;
  order.clear();
  for (size_t i = 0; i < weights.size(); ++i) {
    if (bucket_of(weights[i]) == bucket) order.push_back(static_cast<int32_t>(i));
  }
  const auto weight_at = [&](int32_t i) { return weights[static_cast<size_t>(i)]; };
  std::ranges::sort(order, [&](int32_t a, int32_t b) {
    return weight_at(a) > weight_at(b) || (weight_at(a) == weight_at(b) && a < b);
  });
  // This sum has another order than the bucket's, so rounding may leave it just short of the mass.

  size_t last = 0;
  for (; last + 1 < order.size(); ++last) {
    sum += static_cast<double>(weight_at(order[last]));
    if (sum >= mass) break;
  }
  return {.weight = weight_at(order[last]), .id = ids[static_cast<size_t>(order[last])]};
}

}  // namespace braid
