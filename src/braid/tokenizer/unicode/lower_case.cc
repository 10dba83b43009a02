#include "braid/tokenizer/unicode/lower_case.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::unicode {
namespace {

struct LowerCaseRange {
  char32_t first;
  char32_t last;
  char32_t lower_of_first;
};

// Capitals added after Unicode 15.1. The distribution's utf8proc may be too old for them.
constexpr std::array<LowerCaseRange, 10> kLateCapitals = {{
    {0x1C89, 0x1C89, 0x1C8A},
    {0xA7CB, 0xA7CB, 0x0264},
    {0xA7CC, 0xA7CC, 0xA7CD},
    {0xA7CE, 0xA7CE, 0xA7CF},
    {0xA7D2, 0xA7D2, 0xA7D3},
    {0xA7D4, 0xA7D4, 0xA7D5},
    {0xA7DA, 0xA7DA, 0xA7DB},
    {0xA7DC, 0xA7DC, 0x019B},
    {0x10D50, 0x10D65, 0x10D70},
    {0x16EA0, 0x16EB8, 0x16EBB},
}};

}  // namespace

void append_lower_case(char32_t code_point, std::string& out) {
  constexpr char32_t kCapitalIWithDot = 0x0130;
  if (code_point == kCapitalIWithDot) {
    out += "i\u0307";
    return;
  }
  const auto* const late = std::ranges::find_if(
      kLateCapitals, [code_point](const auto& r) { return r.first <= code_point && code_point <= r.last; });
  if (late != kLateCapitals.end()) {
    append_code_point(late->lower_of_first + (code_point - late->first), out);
    return;
  }
  append_code_point(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point))), out);
}

}  // namespace braid::unicode
