#include "braid/worker/halves_choice.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "braid/base/median.h"

namespace braid {
namespace {

constexpr size_t kNumSizes = 32;

size_t size_of(int32_t longest) {
  return longest < 1 ? 0 : static_cast<size_t>(std::bit_width(static_cast<uint32_t>(longest)) - 1);
}

double median_of(const std::deque<double>& values) {
  return median(std::vector<double>(values.begin(), values.end()));
}

void keep(std::deque<double>& values, double value) {
  values.push_back(value);
  if (values.size() > HalvesChoice::kKept) values.pop_front();
}

}  // namespace

Result<OverlapHalves> parse_overlap_halves(std::string_view text) {
  if (text == "auto") return OverlapHalves::kAuto;
  if (text == "on") return OverlapHalves::kOn;
  if (text == "off") return OverlapHalves::kOff;
  return fail("--overlap-halves {}: allowed are auto, on and off", text);
}

bool HalvesChoice::has_size(uint32_t sizes, int32_t longest) {
  return (sizes >> size_of(longest) & 1) != 0;
}

uint32_t HalvesChoice::sizes() const {
  if (asked_ == OverlapHalves::kOff) return 0;
  if (asked_ == OverlapHalves::kOn) return ~uint32_t{0};
  uint32_t all = 0;
  for (size_t i = 1; i < kNumSizes; ++i) {  // one token a group has no halves
    if (sizes_[i].takes_halves()) all |= uint32_t{1} << i;
  }
  return all;
}

bool HalvesChoice::Size::is_better_halved() const {
  return median_of(halves_s) <= (1 - kLeastGain) * median_of(whole_s);
}

// Halves can hide no more than what whole steps spend in exchanges, so most sizes never try them.
bool HalvesChoice::Size::takes_halves() const {
  if (whole_s.size() < kFewest || median_of(exchange) < kLeastGain) return false;
  if (halves_s.size() < kFewest) return true;
  return is_better_halved() != (num_since_retry >= kRetry);
}

void HalvesChoice::learn(const Step& step) {
  if (asked_ != OverlapHalves::kAuto || step.tokens <= 0 || step.seconds <= 0) return;
  Size& size = sizes_[size_of(step.longest)];
  const bool was_retry = size.num_since_retry >= kRetry;
  size.num_since_retry = was_retry ? 0 : size.num_since_retry + 1;
  keep(step.in_halves ? size.halves_s : size.whole_s, step.seconds / static_cast<double>(step.tokens));
  if (!step.in_halves) keep(size.exchange, step.exchange_s / step.seconds);
}

}  // namespace braid
