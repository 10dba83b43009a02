// Where a byte stands in a UTF-8 text (Unicode Standard, table 3-7). Tested by ../grammar_matcher_test.cc.
#pragma once

#include <cstdint>

namespace braid::grammar {

// Between characters, or within one: after its first byte, if that narrows the second, or by the bytes left.
enum class Utf8Place : uint8_t {
  kBetween,
  kOneLeft,
  kTwoLeft,
  kThreeLeft,
  kAfterE0,
  kAfterEd,
  kAfterF0,
  kAfterF4,
  kNone
};
inline constexpr int kNumUtf8Places = 8;

// kNone if no character has this byte here.
constexpr Utf8Place utf8_place_after(Utf8Place place, uint8_t byte) {
  const auto next_if = [byte](uint8_t first, uint8_t last, Utf8Place next) {
    return first <= byte && byte <= last ? next : Utf8Place::kNone;
  };
  switch (place) {
    case Utf8Place::kBetween:
      if (byte < 0x80) return Utf8Place::kBetween;
      if (byte == 0xE0) return Utf8Place::kAfterE0;
      if (byte == 0xED) return Utf8Place::kAfterEd;
      if (byte == 0xF0) return Utf8Place::kAfterF0;
      if (byte == 0xF4) return Utf8Place::kAfterF4;
      if (byte >= 0xF1) return next_if(0xF1, 0xF3, Utf8Place::kThreeLeft);
      return byte >= 0xE1 ? Utf8Place::kTwoLeft : next_if(0xC2, 0xDF, Utf8Place::kOneLeft);
    case Utf8Place::kOneLeft:
      return next_if(0x80, 0xBF, Utf8Place::kBetween);
    case Utf8Place::kTwoLeft:
      return next_if(0x80, 0xBF, Utf8Place::kOneLeft);
    case Utf8Place::kThreeLeft:
      return next_if(0x80, 0xBF, Utf8Place::kTwoLeft);
    case Utf8Place::kAfterE0:
      return next_if(0xA0, 0xBF, Utf8Place::kOneLeft);
    case Utf8Place::kAfterEd:
      return next_if(0x80, 0x9F, Utf8Place::kOneLeft);
    case Utf8Place::kAfterF0:
      return next_if(0x90, 0xBF, Utf8Place::kTwoLeft);
    case Utf8Place::kAfterF4:
      return next_if(0x80, 0x8F, Utf8Place::kTwoLeft);
    case Utf8Place::kNone:
      break;
  }
  return Utf8Place::kNone;
}

}  // namespace braid::grammar
