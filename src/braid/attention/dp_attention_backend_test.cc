// Ranks of two groups that attend through the wrapper: each over its own rows, with the wrapped backend's bits.
#include "braid/attention/dp_attention_backend.h"

#include <array>

#include "braid/parallel/local_world.h"
#include "tests/support/kernels/attention_cases.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid::testing {
namespace {

TEST(DpAttentionBackend, ComputesTheBitsOfTheWrappedBackendForEachGroupAndIdles) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const CacheShape shape = {.num_heads = 4, .num_kv_heads = 2, .head_dim = 24, .dtype = DType::kFloat32};
  for (const std::string_view name : attention_backend_names()) {
    const LocalWorld world(layout);
    on_each_rank(2, [&](int32_t rank) {
      Device device{available_isas().back(), 1};
      const auto plain = *make_attention_backend(name, *device.ops);
      const auto exchange =
          initialize_dp_attention(small_exchange(layout, rank), *device.ops, world.world(rank), world.group(rank));
      ASSERT_TRUE(exchange.ok()) << exchange.error().message;
      const auto backend = create_dp_attention_backend(*make_attention_backend(name, *device.ops), exchange->get());
      EXPECT_EQ(backend->name(), fmt::format("dp({})", name));
      for (const std::array<int32_t, 2>& tokens : {std::array{30, 17}, std::array{0, 50}, std::array{1, 0}}) {
        (*exchange)->prepare_step(tokens[0], tokens);
        const int64_t own = tokens[static_cast<size_t>(rank)];
        EXPECT_EQ((*exchange)->own_shard().rows, own);
        const TestSequence sequence(shape, own, 4);
        const TestCache cache(shape, 1, std::max<int64_t>(own, 1), 3);
        const Matrix expected(shape.dtype, own, sequence.q.view.cols);
        const Matrix actual(shape.dtype, own, sequence.q.view.cols);
        std::vector<AttentionSequence> batch;
        if (own > 0) batch.push_back(cache.sequence(0, 0, 0, own));
        device.ops->write_kv(sequence.k.view, sequence.v.view, batch, cache.layer());
        plain->forward(sequence.q.view, batch, cache.layer(), params_of(shape), expected.view);
        backend->forward(sequence.q.view, batch, cache.layer(), params_of(shape), actual.view);
        EXPECT_TRUE(same_bits(expected.view, actual.view));
      }
    });
    EXPECT_FALSE(world.has_failed()) << world.failure();
  }
}

TEST(DpAttentionBackend, IsInactiveWithoutSeveralGroups) {
  for (const ParallelLayout& layout :
       {ParallelLayout{.tp_size = 2}, ParallelLayout{.tp_size = 2, .enable_dp_attention = true}}) {
    const LocalWorld world(layout);
    on_each_rank(2, [&](int32_t rank) {
      const auto ops = make_ref_ops();
      auto wrapped = *make_attention_backend("fa", *ops);
      const AttentionBackend* const own = wrapped.get();
      const auto exchange =
          initialize_dp_attention(small_exchange(layout, rank), *ops, world.world(rank), world.group(rank));
      ASSERT_TRUE(exchange.ok()) << exchange.error().message;
      EXPECT_EQ(create_dp_attention_backend(std::move(wrapped), exchange->get()).get(), own);
    });
  }
}

TEST(DpAttentionBackend, IsInactiveOnARankAloneInItsWorld) {
  const auto ops = make_ref_ops();
  auto wrapped = *make_attention_backend("fa", *ops);
  const AttentionBackend* const own = wrapped.get();
  EXPECT_EQ(create_dp_attention_backend(std::move(wrapped), nullptr).get(), own);
}

}  // namespace
}  // namespace braid::testing
