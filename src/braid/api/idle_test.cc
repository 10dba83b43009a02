// Ranks without work use next to no processor time, and wake for the next request.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "braid/base/clock.h"
#include "tests/support/api/tiny_engine.h"

namespace braid {
namespace {

TEST(Idle, ParkedRanksUseLessThanAHundredthOfACore) {
  EngineOptions options{.source = {.model_path = testing::kTinyModel}};
  options.rank.layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  options.rank.threads_per_rank = 2;
  options.rank.max_total_tokens = 1024;
  const auto engine = testing::load_tiny_engine(options);
  GenerationRequest request{.prompt = std::string("The quick brown fox")};
  request.sampling.max_new_tokens = 8;
  request.ignore_eos = true;
  EXPECT_EQ(testing::generate(*engine, request).at(0).tokens.size(), 8U);

  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until all ranks have parked
  const double before_s = process_cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  EXPECT_LT(process_cpu_seconds() - before_s, 0.01 * passed.count());
  EXPECT_EQ(testing::generate(*engine, request).at(0).tokens.size(), 8U) << "and they wake";
}

}  // namespace
}  // namespace braid
