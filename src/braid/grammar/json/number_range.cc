#include "braid/grammar/json/number_range.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <map>
#include <numeric>
#include <tuple>

namespace braid::grammar {
namespace {

constexpr uint64_t kMaxMultiple = 5000;
constexpr int kMaxDigits = 15;
constexpr int kMaxIntegerDigits = 20;

// The bounds of the absolute values of numbers of one sign.
struct Magnitudes {
  bool is_possible = true;
  std::optional<NumberBound> min;
  std::optional<NumberBound> max;
};

Magnitudes positive_magnitudes(const NumberRange& range) {
  Magnitudes out;
  if (range.min && !range.min->value.is_negative) out.min = range.min;
  if (range.max) {
    out.is_possible = !range.max->value.is_negative;
    out.max = range.max;
  }
  return out;
}

// Excludes zero: "-0" would be a second spelling.
Magnitudes negative_magnitudes(const NumberRange& range) {
  Magnitudes out{.min = NumberBound{.value = {}, .is_exclusive = true}};
  if (range.max && range.max->value.is_negative) out.min = {range.max->value.negated(), range.max->is_exclusive};
  if (range.min) {
    out.is_possible = range.min->value.is_negative;
    out.max = {range.min->value.negated(), range.min->is_exclusive};
  }
  return out;
}

// The order of the digits so far and a bound's digits: -1, 0, 1.
using Order = int;

enum class Phase : uint8_t { kStart, kMinus, kZero, kInteger, kPoint, kFraction };

struct State {
  Phase phase = Phase::kStart;
  bool is_negative = false;
  int num_integer = 0;
  int num_fraction = 0;
  Order to_min = 0;
  Order to_max = 0;
  uint64_t remainder = 0;
  bool has_fraction = false;  // a digit other than 0 behind the point

  auto key() const {
    return std::tuple(phase, is_negative, num_integer, num_fraction, to_min, to_max, remainder, has_fraction);
  }
  bool operator<(const State& other) const { return key() < other.key(); }
};

class NumberExplorer {
 public:
  // Numbers must be multiples of multiple / 10^scale.
  NumberExplorer(const NumberRange& range, uint64_t multiple, int scale)
      : range_(range),
        multiple_(multiple),
        scale_(scale),
        signs_{positive_magnitudes(range), negative_magnitudes(range)} {
    max_integer_ = range.is_integer && range.multiples_of.empty() ? kMaxIntegerDigits : kMaxDigits;
    for (const auto& bound : {range.min, range.max}) {
      if (bound) max_integer_ = std::max(max_integer_, static_cast<int>(bound->value.integer.size()));
    }
  }

  Result<Dfa> explore(WorkBudget& work) {
    static constexpr std::string_view kSymbols = "-.0123456789";
    constexpr size_t kUnitsPerSymbol = 3;  // each is looked up in the states
    CharacterDfa dfa{.classes = {}, .next = {}, .accepts = {}, .start = 0};
    for (const char symbol : kSymbols) dfa.classes.push_back(unicode::CodePointSet::of(static_cast<char32_t>(symbol)));
    std::map<State, int32_t> numbers = {{State{}, 0}};
    std::deque<State> open = {State{}};
    while (!open.empty()) {
      const State state = open.front();
      open.pop_front();
      TRY_STATUS(work.spend(kUnitsPerSymbol * kSymbols.size()));
      dfa.accepts.push_back(accepts(state) ? 1 : 0);
      for (const char symbol : kSymbols) {
        const std::optional<State> next = step(state, symbol);
        if (!next) {
          dfa.next.push_back(CharacterDfa::kDead);
          continue;
        }
        const auto [found, is_new] = numbers.emplace(*next, static_cast<int32_t>(numbers.size()));
        if (is_new) open.push_back(*next);
        dfa.next.push_back(found->second);
      }
      if (static_cast<int32_t>(numbers.size()) > kMaxDfaStates) {
        return fail("its numbers need more than {} states", kMaxDfaStates);
      }
    }
    return std::make_shared<const CharacterDfa>(minimized(dfa));
  }

 private:
  const Magnitudes& magnitudes(const State& state) const { return signs_[state.is_negative ? 1 : 0]; }

  std::optional<State> step(State state, char symbol) const {
    const bool in_integer = state.phase == Phase::kZero || state.phase == Phase::kInteger;
    if (symbol == '-') {
      if (state.phase != Phase::kStart || !signs_[1].is_possible) return std::nullopt;
      state.phase = Phase::kMinus;
      state.is_negative = true;
      return state;
    }
    if (symbol == '.') {
      if (!in_integer || range_.is_integer || max_fraction(state) == 0) return std::nullopt;
      end_integer(state);
      state.phase = Phase::kPoint;
      return state;
    }
    const int digit = symbol - '0';
    if (state.phase == Phase::kStart || state.phase == Phase::kMinus) {
      if (!magnitudes(state).is_possible) return std::nullopt;
      state.phase = digit == 0 ? Phase::kZero : Phase::kInteger;
      add_integer_digit(state, digit);
      return state;
    }
    if (state.phase == Phase::kZero) return std::nullopt;
    if (state.phase == Phase::kInteger) {
      if (state.num_integer >= max_integer_) return std::nullopt;
      add_integer_digit(state, digit);
      return state;
    }
    if (state.num_fraction >= max_fraction(state)) return std::nullopt;
    const auto at = static_cast<size_t>(state.num_fraction);
    const auto compare_digit = [&](Order& order, const std::optional<NumberBound>& bound) {
      if (order != 0 || !bound) return;
      const std::string& digits = bound->value.fraction;
      const int other = at < digits.size() ? digits[at] - '0' : 0;
      order = digit < other ? -1 : digit > other ? 1 : 0;
    };
    compare_digit(state.to_min, magnitudes(state).min);
    compare_digit(state.to_max, magnitudes(state).max);
    state.phase = Phase::kFraction;
    ++state.num_fraction;
    add_to_remainder(state, digit);
    state.has_fraction = range_.is_fraction && (state.has_fraction || digit != 0);
    return state;
  }

  int max_fraction(const State& state) const {
    const int significant = std::max(0, kMaxDigits - state.num_integer);
    return range_.multiples_of.empty() ? significant : std::min(significant, scale_);
  }

  void add_integer_digit(State& state, int digit) const {
    const auto at = static_cast<size_t>(state.num_integer);
    const auto compare_digit = [&](Order& order, const std::optional<NumberBound>& bound) {
      if (order != 0 || !bound || at >= bound->value.integer.size()) return;
      const int other = bound->value.integer[at] - '0';
      order = digit < other ? -1 : digit > other ? 1 : 0;
    };
    compare_digit(state.to_min, magnitudes(state).min);
    compare_digit(state.to_max, magnitudes(state).max);
    ++state.num_integer;
    add_to_remainder(state, digit);
  }

  void add_to_remainder(State& state, int digit) const {
    state.remainder = (state.remainder * 10 + static_cast<uint64_t>(digit)) % multiple_;
  }

  // More digits mean a larger number.
  void end_integer(State& state) const {
    const auto settle = [&](Order& order, const std::optional<NumberBound>& bound) {
      if (!bound) return;
      const auto num_digits = static_cast<int>(bound->value.integer.size());
      if (state.num_integer != num_digits) order = state.num_integer < num_digits ? -1 : 1;
    };
    settle(state.to_min, magnitudes(state).min);
    settle(state.to_max, magnitudes(state).max);
  }

  bool accepts(State state) const {
    if (state.phase == Phase::kStart || state.phase == Phase::kMinus || state.phase == Phase::kPoint) return false;
    if (state.phase != Phase::kFraction) end_integer(state);
    if (range_.is_fraction && !state.has_fraction) return false;
    const auto whole = [&](Order order, const NumberBound& bound) {
      const bool has_more = static_cast<size_t>(state.num_fraction) < bound.value.fraction.size();
      return order == 0 && has_more ? -1 : order;  // more digits mean a larger number: they do not end in zero
    };
    const Magnitudes& allowed = magnitudes(state);
    if (allowed.min) {
      const Order order = whole(state.to_min, *allowed.min);
      if (order < 0 || (order == 0 && allowed.min->is_exclusive)) return false;
    }
    if (allowed.max) {
      const Order order = whole(state.to_max, *allowed.max);
      if (order > 0 || (order == 0 && allowed.max->is_exclusive)) return false;
    }
    uint64_t scaled = state.remainder;
    for (int i = state.num_fraction; i < scale_; ++i) scaled = scaled * 10 % multiple_;
    return scaled == 0;
  }

  const NumberRange& range_;
  const uint64_t multiple_;
  const int scale_;
  const std::array<Magnitudes, 2> signs_;
  int max_integer_ = 0;
};

}  // namespace

void tighten_min(NumberRange& range, const NumberBound& bound) {
  const bool is_tighter = !range.min || compare(bound.value, range.min->value) > 0 ||
                          (bound.value == range.min->value && bound.is_exclusive);
  if (is_tighter) range.min = bound;
}

void tighten_max(NumberRange& range, const NumberBound& bound) {
  const bool is_tighter = !range.max || compare(bound.value, range.max->value) < 0 ||
                          (bound.value == range.max->value && bound.is_exclusive);
  if (is_tighter) range.max = bound;
}

bool is_multiple(const Decimal& number, const Decimal& multiple) {
  const size_t scale = std::max(number.fraction.size(), multiple.fraction.size());
  const auto scaled = [&](const Decimal& decimal) {
    return decimal.integer + decimal.fraction + std::string(scale - decimal.fraction.size(), '0');
  };
  std::string step = scaled(multiple);
  step.erase(0, std::min(step.find_first_not_of('0'), step.size() - 1));
  constexpr size_t kMaxDigits64 = 18;
  if (step.size() > kMaxDigits64) {  // no schema that can be enforced has such steps
    const auto value = [](const Decimal& decimal) {
      return std::strtod((decimal.integer + "." + decimal.fraction).c_str(), nullptr);
    };
    return std::fmod(value(number), value(multiple)) == 0;
  }
  const uint64_t divisor = std::strtoull(step.c_str(), nullptr, 10);
  uint64_t remainder = 0;
  for (const char digit : scaled(number)) {
    remainder = (remainder * 10 + static_cast<uint64_t>(digit - '0')) % divisor;
  }
  return remainder == 0;
}

Result<Dfa> number_automaton(const NumberRange& range, WorkBudget& work) {
  size_t scale = 0;
  for (const Decimal& multiple : range.multiples_of) scale = std::max(scale, multiple.fraction.size());
  uint64_t common = 1;
  for (const Decimal& multiple : range.multiples_of) {
    std::string digits = multiple.integer + multiple.fraction;
    digits.append(scale - multiple.fraction.size(), '0');
    const uint64_t value = digits.size() > 18 ? kMaxMultiple + 1 : std::strtoull(digits.c_str(), nullptr, 10);
    if (value <= kMaxMultiple) common = std::lcm(common, value);
    if (value > kMaxMultiple || common > kMaxMultiple) {
      return fail("\"multipleOf\": {}{}{} needs too many states (at most {} steps of its last digit)", multiple.integer,
                  multiple.fraction.empty() ? "" : ".", multiple.fraction, kMaxMultiple);
    }
  }
  return NumberExplorer(range, common, static_cast<int>(scale)).explore(work);
}

}  // namespace braid::grammar
