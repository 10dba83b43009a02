// Which steps are computed in two halves, so that the rows of one travel while the other one is computed
// (TokenExchange::prepare_step). Rank 0 of a world learns it from how long its steps take, and says it in its headers,
// so all ranks do the same. A state machine; bits never depend on what it chooses. Tested by halves_choice_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

// --overlap-halves.
enum class OverlapHalves : uint8_t { kAuto, kOn, kOff };
Result<OverlapHalves> parse_overlap_halves(std::string_view text);  // "auto", "on" or "off"

class HalvesChoice {
 public:
  static constexpr double kLeastGain = 0.05;  // of a step, for which auto takes halves
  static constexpr size_t kFewest = 3;        // steps of a size, of each kind, before it compares them
  static constexpr size_t kKept = 5;          // the last ones, whose median counts
  static constexpr int32_t kRetry = 128;      // steps of a size after which one is computed the other way

  explicit HalvesChoice(OverlapHalves asked) : asked_(asked) {}

  // Bit i: steps whose longest group has [2^i, 2^(i + 1)) tokens, the last bit also those with more.
  uint32_t sizes() const;
  static bool has_size(uint32_t sizes, int32_t longest);

  // A step that this rank has computed: the longest group's tokens, those of all groups, seconds, and of these the
  // seconds in exchanges.
  struct Step {
    int32_t longest = 0;
    int64_t tokens = 0;
    bool in_halves = false;
    double seconds = 0;
    double exchange_s = 0;
  };
  void learn(const Step& step);

 private:
  struct Size {
    std::deque<double> whole_s;  // of a token, in the last steps of each kind
    std::deque<double> halves_s;
    std::deque<double> exchange;  // of a whole step, as a share
    int32_t num_since_retry = 0;
    bool takes_halves() const;
    bool is_better_halved() const;
  };

  const OverlapHalves asked_;
  std::array<Size, 32> sizes_;
};

}  // namespace braid
