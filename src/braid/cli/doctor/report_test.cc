#include "braid/cli/doctor/report.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(DoctorReport, AFindingIsOneLine) {
  EXPECT_EQ(finding_line(true, "ports", "30000 is free", ""), "pass  ports         30000 is free");
  EXPECT_EQ(finding_line(false, "key", "k: no such file", "braid keygen k"),
            "FAIL  key           k: no such file -- braid keygen k");
  EXPECT_EQ(finding_line(false, "model", "two\nlines\t", ""), "FAIL  model         two lines ");
}

TEST(DoctorReport, OneFailureIsTheExitCode) {
  std::FILE* const file = std::tmpfile();
  DoctorReport report(file);
  report.pass("a", "b");
  EXPECT_EQ(report.exit_code(), 0);
  report.not_tried("c", "nodes must come");
  report.pass("d", "e");
  EXPECT_EQ(report.exit_code(), 1);
  std::rewind(file);
  char text[256] = {};
  const size_t size = std::fread(text, 1, sizeof(text), file);
  EXPECT_EQ(std::string(text, size),
            "pass  a             b\nFAIL  c             not tried: nodes must come first\npass  d             e\n");
  std::fclose(file);
}

}  // namespace
}  // namespace braid
