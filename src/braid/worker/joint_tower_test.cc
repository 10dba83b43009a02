// Processes of a group, which are threads of the test, encode images together. What the publisher sends to the others
// passes by function calls.
#include "braid/worker/joint_tower.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "braid/parallel/process_transport.h"
#include "tests/support/model/vision_fixture.h"
#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid::testing {
namespace {

class JointTowers : public ::testing::TestWithParam<std::string> {
 protected:
  // Two groups of so many processes, with a part of the tower each.
  void start(int32_t group_size) {
    join_callers();
    num_ = 2 * group_size;
    towers_.resize(static_cast<size_t>(num_));
    const auto ports = memory_ports(num_);
    on_each_rank(num_, [&](int32_t process) {
      const std::vector<int32_t> one_each(static_cast<size_t>(num_), 1);
      const ProcessTransport transport(ports[static_cast<size_t>(process)], RankSpread(one_each), 10);
      const int64_t part = process % group_size;
      const VisionShard shard{.num_parts = group_size, .own = {.begin = part, .end = part + 1}};
      towers_[static_cast<size_t>(process)] = std::make_unique<JointTower>(
          load(shard), transport.make_process_world(2, {.timeout_s = 10}), available_isas().back(), 1);
    });
    for (size_t i = 0; i < towers_.size(); i += static_cast<size_t>(group_size)) {
      ASSERT_TRUE(towers_[i]->leads());
      towers_[i]->on_call([this, i, group_size] {
        // As a publisher does, in a round that begins later.
        callers_.emplace_back([this, i, group_size] {
          const uint64_t num_calls = towers_[i]->take_calls();
          for (size_t other = 1; other < static_cast<size_t>(group_size); ++other) towers_[i + other]->help(num_calls);
        });
      });
    }
  }

  ~JointTowers() override { join_callers(); }

  void join_callers() {
    for (std::thread& caller : callers_) caller.join();
    callers_.clear();
  }

  // Encodes an image at the first leader, for which nobody is called. Returns once it waits for that.
  std::thread encode_uncalled(bool succeeds) {
    const auto called = std::make_shared<std::promise<void>>();
    towers_.front()->on_call([called] { called->set_value(); });
    std::thread encoder([this, succeeds] { EXPECT_EQ(towers_.front()->encode(image(0)).ok(), succeeds); });
    called->get_future().wait();
    return encoder;
  }

  std::shared_ptr<const VisionTower> load(const VisionShard& shard) {
    ThreadTeam team(1);
    const WeightLoader weights(checkpoint_, team, {});
    return load_vision_tower(weights, *checkpoint_.config().vision, DType::kFloat32, shard).value();
  }
  ImagePatches image(size_t index) const { return fixture_.patches(index, *checkpoint_.config().vision); }

  const VisionFixture fixture_{GetParam()};
  const TemporaryFolder folder_;
  const Checkpoint checkpoint_ = fixture_.open(folder_).value();
  int32_t num_ = 0;
  std::vector<std::unique_ptr<JointTower>> towers_;
  std::vector<std::thread> callers_;
};
INSTANTIATE_TEST_SUITE_P(Fixtures, JointTowers,
                         ::testing::Values("gemma3_4_heads", "qwen25_vl_4_heads", "qwen3_vl_4_heads"),
                         [](const auto& name) { return name.param; });

TEST_P(JointTowers, TheLeaderHasTheFeaturesOfOneProcessWithAllParts) {
  for (const int32_t group_size : {2, 4}) {
    start(group_size);
    const auto whole = load({.num_parts = group_size, .own = {.begin = 0, .end = group_size}});
    ThreadTeam team(2);
    const auto ops = make_cpu_ops(available_isas().back(), team);
    for (int round = 0; round < 2; ++round) {
      for (size_t i = 0; i < fixture_.images().size(); ++i) {
        const auto made = towers_.front()->encode(image(i));
        ASSERT_TRUE(made.ok()) << made.error().message;
        EXPECT_EQ(levels_of(*made), levels_of(whole->encode(*ops, image(i)))) << "image " << i;
      }
    }
    on_each_rank(num_, [&](int32_t process) { EXPECT_TRUE(towers_[static_cast<size_t>(process)]->leave().ok()); });
    EXPECT_FALSE(towers_.front()->encode(image(0)).ok()) << "it has left";
  }
}

// The call for it is not sent any more, and nobody waits for ever.
TEST_P(JointTowers, AnImageUnderWayIsFinishedBeforeTheyPart) {
  start(2);
  std::thread encoder = encode_uncalled(true);
  on_each_rank(num_, [&](int32_t process) { EXPECT_TRUE(towers_[static_cast<size_t>(process)]->leave().ok()); });
  encoder.join();
}

TEST_P(JointTowers, WhoeverEndsEndsAllOfTheGroup) {
  start(2);
  std::thread encoder = encode_uncalled(false);
  towers_[1].reset();
  towers_.front()->take_calls();
  encoder.join();
  EXPECT_FALSE(towers_.front()->leave().ok());
}

}  // namespace
}  // namespace braid::testing
