#include "braid/cli/doctor/doctor_command.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(Doctor, RanksDoNotGetItsOwnFlag) {
  const std::vector<std::string> kept{"--model-path", "m", "--tp-size", "2"};
  EXPECT_EQ(arguments_of_ranks(kept), kept);
  EXPECT_EQ(arguments_of_ranks({"--model-path", "m", "--wait-for-nodes", "5", "--tp-size", "2"}), kept);
  EXPECT_EQ(arguments_of_ranks({"--wait-for-nodes=5", "--model-path", "m", "--tp-size", "2"}), kept);
}

}  // namespace
}  // namespace braid
