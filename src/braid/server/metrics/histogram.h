// Counts values in fixed buckets.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace braid::metrics {

class Histogram {
 public:
  // `bounds`: the buckets' inclusive upper ends, ascending. Values above the last one have a bucket of their own.
  explicit Histogram(std::vector<double> bounds);

  // What has been counted elsewhere. `counts`: as below.
  Histogram(std::vector<double> bounds, std::vector<uint64_t> counts, double sum)
      : bounds_(std::move(bounds)), counts_(std::move(counts)), sum_(sum) {}

  void observe(double value);

  std::span<const double> bounds() const { return bounds_; }
  std::span<const uint64_t> counts() const { return counts_; }  // by bucket, one more than bounds; not cumulative
  double sum() const { return sum_; }

 private:
  std::vector<double> bounds_;
  std::vector<uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace braid::metrics
