#include "braid/controller/changed_groups.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

using Groups = std::vector<int32_t>;

TEST(ChangedGroups, AreTakenOnceInTheirOrder) {
  ChangedGroups changed(3);
  EXPECT_EQ(changed.take(), (Groups{0, 1, 2})) << "at first all";
  EXPECT_EQ(changed.take(), Groups{});
  changed.mark(2);
  changed.mark(0);
  changed.mark(2);
  EXPECT_EQ(changed.take(), (Groups{0, 2}));
  changed.mark(2);
  EXPECT_EQ(changed.take(), Groups{2});
}

}  // namespace
}  // namespace braid
