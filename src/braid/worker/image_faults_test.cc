// What goes wrong while a group's processes come by images: makers that throw or hang, memory that cannot be shared or
// opened. Every process must hear of it alike, other requests must not notice, and nothing may be left.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

#include "braid/worker/image_carrier.h"
#include "tests/support/worker/carried_group.h"

namespace braid {
namespace {

using testing::CarriedGroup;
using testing::numbered_image;

constexpr double kImpatience_s = 0.5;
constexpr char kSegment[] = "/memfd:braid-images";

// Of this process, mapped or not.
int num_open_segments() {
  int total = 0;
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    total += std::filesystem::read_symlink(file.path(), gone).string().starts_with(kSegment) ? 1 : 0;
  }
  return total;
}

int num_mapped_segments() {
  std::ifstream maps("/proc/self/maps");
  int total = 0;
  for (std::string line; std::getline(maps, line);) total += line.find(kSegment) != std::string::npos ? 1 : 0;
  return total;
}

// No memory can be had that processes share.
class WithoutSharedMemory {
 public:
  WithoutSharedMemory() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{.rlim_cur = 1, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~WithoutSharedMemory() {
    setrlimit(RLIMIT_FSIZE, &before_);
    (void)std::signal(SIGXFSZ, handler_);
  }
  WithoutSharedMemory(const WithoutSharedMemory&) = delete;
  WithoutSharedMemory& operator=(const WithoutSharedMemory&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

class FaultsByStrategy : public ::testing::TestWithParam<MmStrategy> {
 protected:
  // Whether a fault of this process' maker is one for all.
  static bool makes(size_t process) {
    return process == 0 || GetParam() == MmStrategy::kLocal || GetParam() == MmStrategy::kSharded;
  }
};

INSTANTIATE_TEST_SUITE_P(ImageFaultsTest, FaultsByStrategy,
                         ::testing::Values(MmStrategy::kLocal, MmStrategy::kPerRequest, MmStrategy::kBatch,
                                           MmStrategy::kSharded),
                         [](const auto& named) { return std::string(name_of(named.param)); });

TEST_P(FaultsByStrategy, AMakerThatThrowsMakesEveryProcessMakeIt) {
  for (const size_t process : {0, 1, 2}) {
    CarriedGroup group(GetParam());
    group.makers[process]->num_to_throw = 1;
    for (const RequestId request : {1, 2, 3}) group.want(request, {static_cast<int>(request)});
    for (const RequestId request : {1, 2, 3}) ASSERT_TRUE(group.settle(request).ok()) << process;
    for (const int number : {1, 2, 3}) EXPECT_TRUE(group.have(number)) << number;
    EXPECT_EQ(group.stores[0]->counts().num_fallbacks, makes(process) ? 1U : 0U) << process;
    EXPECT_EQ(group.num_warnings(), makes(process) ? 1 : 0) << process;
  }
}

TEST_P(FaultsByStrategy, AMakerThatThrowsAgainFailsTheRequest) {
  CarriedGroup group(GetParam());
  for (const auto& maker : group.makers) maker->num_to_throw = 1000;
  group.want(1, {1});
  EXPECT_FALSE(group.settle(1).ok());
  group.sender->release(1);
  for (const auto& maker : group.makers) maker->num_to_throw = 0;
  group.want(2, {2});
  EXPECT_TRUE(group.settle(2).ok());
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 1U);
}

TEST_P(FaultsByStrategy, AProcessThatCannotOpenTheMemoryMakesEveryProcessMakeIt) {
  CarriedGroup group(GetParam(), {0, 0});
  group.num_to_lose = 1;
  for (const RequestId request : {1, 2}) group.want(request, {static_cast<int>(request)});
  for (const RequestId request : {1, 2}) ASSERT_TRUE(group.settle(request).ok());
  for (const int number : {1, 2}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, GetParam() == MmStrategy::kLocal ? 0U : 1U);
}

TEST_P(FaultsByStrategy, AMakerThatHangsMakesEveryProcessMakeIt) {
  for (const bool when_encoding : {false, true}) {
    for (const size_t process : {0, 1, 2}) {
      CarriedGroup group(GetParam(), {0, 0, 1}, 100, kImpatience_s);
      auto& maker = *group.makers[process];
      (when_encoding ? maker.num_encodes_to_hang : maker.num_to_hang) = 1;
      for (const RequestId request : {1, 2, 3}) group.want(request, {static_cast<int>(request)});
      for (const RequestId request : {1, 2, 3}) ASSERT_TRUE(group.settle(request).ok()) << process;
      for (const int number : {1, 2, 3}) EXPECT_TRUE(group.have(number)) << number;
      EXPECT_EQ(group.stores[0]->counts().num_fallbacks, makes(process) ? 1U : 0U) << process;
      EXPECT_EQ(group.num_warnings(), makes(process) ? 1 : 0) << process;
    }
  }
}

TEST_P(FaultsByStrategy, AMakerThatHangsAgainFailsItsRequestOnly) {
  CarriedGroup group(GetParam(), {0, 0, 1}, 100, kImpatience_s);
  for (const auto& maker : group.makers) maker->num_encodes_to_hang = 2;
  group.want(1, {1});
  const ImagesState failed = group.settle(1);
  ASSERT_FALSE(failed.ok());
  EXPECT_FALSE(failed.error().is_bad_request) << failed.error().message;
  group.sender->release(1);
  for (const auto& maker : group.makers) maker->num_encodes_to_hang = 0;
  group.want(2, {2});
  EXPECT_TRUE(group.settle(2).ok());
  EXPECT_TRUE(group.have(2));
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 1U);
}

TEST_P(FaultsByStrategy, WithoutMemoryToShareImagesTravelAsBytes) {
  CarriedGroup group(GetParam(), {0, 0});
  group.want(1, {1});
  ASSERT_TRUE(group.settle(1).ok());
  const int num_segments = num_mapped_segments();
  {
    const WithoutSharedMemory none;
    for (const RequestId request : {2, 3}) group.want(request, {static_cast<int>(request)});
    for (const RequestId request : {2, 3}) ASSERT_TRUE(group.settle(request).ok());
  }
  for (const int number : {1, 2, 3}) EXPECT_TRUE(group.have(number)) << number;
  EXPECT_EQ(num_mapped_segments(), num_segments);
  const uint64_t num_unshared = group.stores[0]->counts().num_unshared + group.stores[1]->counts().num_unshared;
  EXPECT_EQ(num_unshared, GetParam() == MmStrategy::kLocal ? 4U : 2U);
  EXPECT_EQ(group.stores[0]->counts().num_fallbacks, 0U);
  const bool both_make = GetParam() == MmStrategy::kLocal || GetParam() == MmStrategy::kSharded;
  EXPECT_EQ(group.num_warnings(), both_make ? 2 : 1) << "of each process that makes some";
  group.want(4, {4});
  group.want(5, {5});
  for (const RequestId request : {4, 5}) ASSERT_TRUE(group.settle(request).ok());
  EXPECT_GT(num_mapped_segments(), num_segments) << "there is memory again";
}

TEST_P(FaultsByStrategy, AnImageCostsNoOpenFileOnceAllHaveItAndNoMemoryOnceItIsDropped) {
  CarriedGroup group(GetParam(), {0, 0, 0}, 0);
  for (int number = 1; number <= 20; ++number) {
    group.want(static_cast<RequestId>(number), {number});
    ASSERT_TRUE(group.settle(static_cast<RequestId>(number)).ok());
  }
  for (int i = 0; i < 3; ++i) group.round();  // makers other than the publisher learn of it by rounds
  EXPECT_EQ(num_open_segments(), 0);
  EXPECT_GE(num_mapped_segments(), 20);
  for (int number = 1; number <= 20; ++number) {
    EXPECT_TRUE(group.have(number)) << number;
    group.sender->release(static_cast<RequestId>(number));
  }
  group.round();
  for (const auto& store : group.stores) EXPECT_EQ(store->counts().num_entries, 0) << "at once, without another image";
  EXPECT_EQ(num_mapped_segments(), 0);
}

}  // namespace
}  // namespace braid
