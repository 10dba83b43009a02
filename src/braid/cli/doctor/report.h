// What `braid doctor` prints: a line for each check. Tested by report_test.cc.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace braid {

// "pass  ports        30000 is free for clients", or with "FAIL" and what to do.
std::string finding_line(bool has_passed, std::string_view check, std::string_view text, std::string_view advice);

class DoctorReport {
 public:
  explicit DoctorReport(std::FILE* out) : out_(out) {}

  // Lines are printed at once: the next check may take long.
  void pass(std::string_view check, std::string_view text);
  void fail(std::string_view check, std::string_view text, std::string_view advice);
  // For what a check needs from another one that has failed.
  void not_tried(std::string_view check, std::string_view because);

  bool has_passed() const { return has_passed_; }
  int exit_code() const { return has_passed_ ? 0 : 1; }

 private:
  void print(bool has_passed, std::string_view check, std::string_view text, std::string_view advice);

  std::FILE* out_;
  bool has_passed_ = true;
};

}  // namespace braid
