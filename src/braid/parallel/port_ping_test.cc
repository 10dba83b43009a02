#include "braid/parallel/port_ping.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/parallel/memory_port.h"

namespace braid {
namespace {

constexpr PingOptions kFew{.repeats = 5, .long_repeats = 2, .long_bytes = 100'000, .timeout_s = 20};

TEST(PortPing, TheFirstProcessMeasuresAllOthers) {
  const auto ports = testing::memory_ports(3);
  std::vector<std::thread> others;
  for (size_t i = 1; i < ports.size(); ++i) {
    others.emplace_back([&, i] {
      const auto none = ping_processes(*ports[i], kFew);
      EXPECT_TRUE(none.ok() && none->empty());
    });
  }
  const auto figures = ping_processes(*ports[0], kFew);
  for (std::thread& other : others) other.join();
  ASSERT_TRUE(figures.ok()) << figures.error().message;
  ASSERT_EQ(figures->size(), 2U);
  for (int32_t i = 0; i < 2; ++i) {
    const PingFigures& one = figures->at(static_cast<size_t>(i));
    EXPECT_EQ(one.process, i + 1);
    EXPECT_GT(one.latency_s, 0);
    EXPECT_LT(one.latency_s, 1);
    EXPECT_GT(one.bytes_per_s, 0);
  }
}

TEST(PortPing, AProcessThatDoesNotAnswerIsNamed) {
  const auto ports = testing::memory_ports(2);
  PingOptions options = kFew;
  options.timeout_s = 0.05;
  const auto figures = ping_processes(*ports[0], options);
  ASSERT_FALSE(figures.ok());
  EXPECT_EQ(figures.error().message, "process 1 has not answered process 0 within 0.05 s");
  EXPECT_EQ(ports[0]->error(), "given up");
}

TEST(PortPing, ABrokenPortIsAnError) {
  const auto ports = testing::memory_ports(2);
  ports[0]->fail("the cable is cut");
  const auto figures = ping_processes(*ports[0], kFew);
  ASSERT_FALSE(figures.ok());
  EXPECT_EQ(figures.error().message, "process 0 cannot reach process 1: the cable is cut");
}

}  // namespace
}  // namespace braid
