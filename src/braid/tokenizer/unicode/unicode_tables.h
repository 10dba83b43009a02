// The generated Unicode data (see tools/make_unicode_tables.py for versions and sources). Read through
// code_point_set.h, whose test covers them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace braid::unicode {

extern const uint32_t kCategoryRuns[];  // length * 32 + index of the general category
extern const size_t kNumCategoryRuns;
extern const uint32_t kAlphabeticRuns[];  // lengths of runs, alternately outside and inside the set
extern const size_t kNumAlphabeticRuns;
extern const uint32_t kHanRuns[];
extern const size_t kNumHanRuns;
extern const uint32_t kNumeric17Runs[];
extern const size_t kNumNumeric17Runs;
extern const uint32_t kPresent9Runs[];
extern const size_t kNumPresent9Runs;

}  // namespace braid::unicode
