#include "braid/cli/doctor/report.h"

#include <fmt/format.h>

namespace braid {

std::string finding_line(bool has_passed, std::string_view check, std::string_view text, std::string_view advice) {
  std::string line = fmt::format("{:<6}{:<14}{}", has_passed ? "pass" : "FAIL", check, text);
  if (!advice.empty()) line += fmt::format(" -- {}", advice);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';  // a line each, whatever names and reports contain
  }
  return line;
}

void DoctorReport::print(bool has_passed, std::string_view check, std::string_view text, std::string_view advice) {
  has_passed_ = has_passed_ && has_passed;
  fmt::print(out_, "{}\n", finding_line(has_passed, check, text, advice));
  std::fflush(out_);
}

void DoctorReport::pass(std::string_view check, std::string_view text) {
  print(true, check, text, {});
}

void DoctorReport::fail(std::string_view check, std::string_view text, std::string_view advice) {
  print(false, check, text, advice);
}

void DoctorReport::not_tried(std::string_view check, std::string_view because) {
  print(false, check, fmt::format("not tried: {} first", because), {});
}

}  // namespace braid
