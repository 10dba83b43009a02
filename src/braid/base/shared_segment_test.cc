#include "braid/base/shared_segment.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

namespace braid {
namespace {

TEST(SharedSegment, AnotherProcessReadsWhatWasWritten) {
  auto made = SharedSegment::make(100'000, "braid-test");
  ASSERT_TRUE(made.ok()) << made.error().message;
  std::memcpy(made->memory().data() + 99'000, "written", 8);
  const SharedSegment::Handle handle = made->handle();
  const pid_t child = fork();
  if (child == 0) {
    auto opened = SharedSegment::open(handle);
    const bool is_same = opened.ok() && std::memcmp(opened->memory().data() + 99'000, "written", 8) == 0;
    _exit(is_same ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(SharedSegment, StaysForWhoeverHasOpenedIt) {
  auto made = SharedSegment::make(5000, "braid-test");
  ASSERT_TRUE(made.ok());
  made->memory()[4999] = std::byte{42};
  const SharedSegment::Handle handle = made->handle();
  const auto opened = SharedSegment::open(handle);
  ASSERT_TRUE(opened.ok());
  *made = SharedSegment();
  EXPECT_EQ(std::as_const(*opened).memory()[4999], std::byte{42});
  EXPECT_FALSE(SharedSegment::open(handle).ok()) << "its maker has let go of it";
}

TEST(SharedSegment, ItsMemoryStaysWhenItsFileIsClosed) {
  auto made = SharedSegment::make(4096, "braid-test");
  ASSERT_TRUE(made.ok());
  made->memory()[17] = std::byte{42};
  const SharedSegment::Handle handle = made->handle();
  const auto opened = SharedSegment::open(handle);
  ASSERT_TRUE(opened.ok());
  made->close_file();
  EXPECT_FALSE(made->is_own());
  EXPECT_EQ(made->memory()[17], std::byte{42});
  EXPECT_EQ(opened->memory()[17], std::byte{42});
  EXPECT_FALSE(SharedSegment::open(handle).ok());
}

TEST(SharedSegment, ErrorsSayWhatIsNotThere) {
  auto made = SharedSegment::make(5000, "braid-test");
  ASSERT_TRUE(made.ok());
  SharedSegment::Handle handle = made->handle();
  handle.bytes = 6000;
  EXPECT_NE(SharedSegment::open(handle).error().message.find("it has not 6000 bytes"), std::string::npos);
  EXPECT_FALSE(SharedSegment::make(int64_t{1} << 62, "braid-test").ok());
}

TEST(SharedSegment, ProcessesOfOneHostAndUserShareARealm) {
  EXPECT_EQ(shared_segment_realm(), shared_segment_realm());
  EXPECT_NE(shared_segment_realm().find("pid:["), std::string::npos);
}

}  // namespace
}  // namespace braid
