#include "braid/base/huge_pages.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

namespace braid {
namespace {

constexpr int64_t kGigabyte = 1'000'000'000;

TEST(HugePages, AProblemIsOneLineThatSaysWhatIsMissing) {
  const HugePageState some{.mode = "madvise", .is_allowed = true, .resident_bytes = kGigabyte / 2};
  EXPECT_EQ(huge_page_problem(kGigabyte, some),
            "0.50 of 1.00 GB of weights lie on huge pages: memory is too fragmented, or a limit of the container is "
            "near");
  const HugePageState never{.mode = "never", .is_allowed = true, .resident_bytes = 0};
  EXPECT_EQ(huge_page_problem(kGigabyte, never),
            "0.00 of 1.00 GB of weights lie on huge pages: /sys/kernel/mm/transparent_hugepage/enabled says never; let "
            "it say madvise");
  const HugePageState absent;
  EXPECT_EQ(huge_page_problem(kGigabyte, absent),
            "0.00 of 1.00 GB of weights lie on huge pages: this system has no transparent huge pages");
  const HugePageState off{.mode = "always", .is_allowed = false, .resident_bytes = 0};
  EXPECT_EQ(huge_page_problem(kGigabyte, off),
            "0.00 of 1.00 GB of weights lie on huge pages: they are switched off for this process (prctl, "
            "PR_SET_THP_DISABLE)");
}

TEST(HugePages, NoProblemIfNearlyAllOrTooLittleToMatter) {
  EXPECT_FALSE(huge_page_problem(kGigabyte, {.mode = "madvise", .is_allowed = true, .resident_bytes = kGigabyte}));
  EXPECT_FALSE(
      huge_page_problem(kGigabyte, {.mode = "madvise", .is_allowed = true, .resident_bytes = kGigabyte / 20 * 19}));
  EXPECT_FALSE(huge_page_problem(50'000'000, {.mode = "never", .is_allowed = true, .resident_bytes = 0}));
}

TEST(HugePages, StateSaysWhetherTheProcessMayUseThem) {
  const int before = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
  if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) GTEST_SKIP() << "this system does not let it be switched off";
  EXPECT_FALSE(huge_page_state().is_allowed);
  ASSERT_EQ(prctl(PR_SET_THP_DISABLE, before, 0, 0, 0), 0);
  EXPECT_EQ(huge_page_state().is_allowed, before == 0);
}

}  // namespace
}  // namespace braid
