// Attention of every tier, and AMX's over emulated tile registers. It must agree with the definition, and have the same
// bits however the same work is divided.
#include <array>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "braid/base/float_mode.h"
#include "braid/kernels/cpu/cpu_ops.h"
#include "tests/support/kernels/attention_cases.h"

namespace braid::testing {
namespace {

struct TestedTier {
  std::string name;
  CpuIsa isa;
  cpu::AttentionTier attention;

  friend void PrintTo(const TestedTier& tier, std::ostream* out) { *out << tier.name; }
};

// The kernels of avx512_bf16 that attention_tier() chooses on some processor, if this one can run them.
std::vector<cpu::AttentionTier> avx512_bf16_tiers() {
  std::vector<cpu::AttentionTier> tiers;
#if defined(__x86_64__)
  for (const bool has_small_l1 : {false, true}) {
    if (choose_isa("avx512_bf16").ok()) tiers.push_back(cpu::attention_avx512bf16(has_small_l1));
    if (tiers.empty() || !has_byte_lookups()) continue;
    cpu::AttentionTier with_lookups = tiers.back();
    with_lookups.int8 = cpu::attention_avx512vbmi(has_small_l1).int8;
    with_lookups.e4m3 = cpu::attention_avx512vbmi(has_small_l1).e4m3;
    tiers.push_back(with_lookups);
  }
#endif
  return tiers;
}

std::vector<TestedTier> tested_tiers() {
  std::vector<TestedTier> tiers;
  for (const CpuIsa isa : kernel_isas()) {
    tiers.push_back({std::string(isa_name(isa)), isa, cpu::attention_tier(isa)});
  }
  if (kUnderThreadSanitizer) return tiers;
  cpu::AttentionTier emulated = cpu::attention_tier(CpuIsa::kPortable);
  emulated.bfloat16_amx = &cpu::attention_amx_emulated();
  tiers.push_back({"amx_bf16_emulated", CpuIsa::kPortable, emulated});
  return tiers;
}

class PagedAttention : public ::testing::TestWithParam<TestedTier> {
 protected:
  struct Device {
    explicit Device(int threads)
        : team(threads), ops(std::make_unique<cpu::CpuOps>(GetParam().isa, team, GetParam().attention)) {}

    ThreadTeam team;
    std::unique_ptr<Ops> ops;
  };

  const std::unique_ptr<Ops> ref_ = make_ref_ops();
  Device one_{1};
  Device three_{3};
};
INSTANTIATE_TEST_SUITE_P(Tiers, PagedAttention, ::testing::ValuesIn(tested_tiers()),
                         [](const auto& tier) { return tier.param.name; });

// All queries of a sequence, with its tokens fed in chunks of `chunk`.
Matrix attend_in_chunks(Ops& ops, const CacheShape& shape, const TestSequence& sequence, int64_t chunk,
                        const AttentionParams& params, DType out_dtype = DType::kFloat32) {
  const int64_t len = sequence.q.view.rows;
  const TestCache cache(shape, 1, len, 3);
  Matrix out(out_dtype, len, sequence.q.view.cols);
  for (int64_t first = 0; first < len; first += chunk) {
    const int64_t count = std::min(chunk, len - first);
    const AttentionSequence part = cache.sequence(0, 0, first, count);
    ops.write_kv(sequence.k.view.slice_rows(first, count), sequence.v.view.slice_rows(first, count), {&part, 1},
                 cache.layer());
    ops.paged_attention(sequence.q.view.slice_rows(first, count), {&part, 1}, cache.layer(), params,
                        out.view.slice_rows(first, count));
  }
  return out;
}

Matrix attend_in_chunks(Ops& ops, const CacheShape& shape, const TestSequence& sequence, int64_t chunk, int32_t window,
                        DType out_dtype = DType::kFloat32) {
  return attend_in_chunks(ops, shape, sequence, chunk, params_of(shape, window), out_dtype);
}

// Sinks below, among and above the scores of odd_matrix(), and one far above everything.
std::vector<float> some_sinks(const CacheShape& shape) {
  std::vector<float> sinks;
  for (int32_t head = 0; head < shape.num_heads; ++head) {
    sinks.push_back(std::array{-60.0F, 0.0F, 2.5F, 90.0F}[static_cast<size_t>(head % 4)]);
  }
  return sinks;
}

TEST_P(PagedAttention, EqualsTheDefinition) {
  uint32_t seed = 1;
  for (const auto& [dtype, codes] : kKvKinds) {
    // float32: only sums are rounded. bfloat16: a tier may round probabilities, by 2^-9 of values of about 1, averaged.
    const double tolerance = dtype == DType::kFloat32 ? 4e-6 : 1e-2;
    for (const int32_t head_dim : {8, 16, 24, 40, 64, 80, 128, 256}) {
      for (const auto& [heads, kv_heads] : {std::pair{1, 1}, {4, 2}, {6, 1}, {7, 1}, {16, 8}}) {
        const CacheShape shape = {
            .num_heads = heads, .num_kv_heads = kv_heads, .head_dim = head_dim, .dtype = dtype, .codes = codes};
        const int64_t len = std::vector<int64_t>{1, 15, 64, 65, 130}[seed % 5];
        const int32_t window = seed % 3 == 0 ? 21 : 0;
        const TestSequence sequence(shape, len, seed++);
        const Matrix expected = attend_in_chunks(*ref_, shape, sequence, len, window);
        const Matrix actual = attend_in_chunks(*three_.ops, shape, sequence, len, window);
        EXPECT_LE(max_difference(expected, actual), tolerance)
            << "head_dim " << head_dim << " heads " << heads << "/" << kv_heads << " len " << len << " window "
            << window << " " << kv_dtype_name(dtype, codes);
      }
    }
  }
}

// Also for the few rows and the parts of a token that decode has.
TEST(PagedAttentionTiers, LookupsAndFetchesChangeNoBits) {
  const std::vector<cpu::AttentionTier> tiers = avx512_bf16_tiers();
  if (tiers.empty()) GTEST_SKIP() << "no avx512_bf16";
  ThreadTeam team(1);
  uint32_t seed = 20;
  for (const auto& [dtype, codes] : kKvKinds) {
    for (const int32_t head_dim : {8, 24, 64, 80, 128}) {
      for (const auto& [heads, kv_heads] : {std::pair{2, 2}, {4, 2}, {6, 2}, {16, 1}}) {
        const CacheShape shape = {
            .num_heads = heads, .num_kv_heads = kv_heads, .head_dim = head_dim, .dtype = dtype, .codes = codes};
        const TestSequence sequence(shape, 90, seed++);
        for (const int64_t chunk : {1, 90}) {
          std::vector<Matrix> outs;
          for (const cpu::AttentionTier& tier : tiers) {
            cpu::CpuOps ops(CpuIsa::kAvx512Bf16, team, tier);
            outs.push_back(attend_in_chunks(ops, shape, sequence, chunk, 37));
            EXPECT_TRUE(same_bits(outs.front().view, outs.back().view))
                << "tier " << outs.size() - 1 << ", head_dim " << head_dim << ", heads " << heads << "/" << kv_heads
                << ", chunks of " << chunk << ", " << kv_dtype_name(dtype, codes);
          }
        }
      }
    }
  }
}

TEST_P(PagedAttention, SoftCapsAndSinksEqualTheDefinition) {
  uint32_t seed = 40;
  for (const auto& [dtype, codes] : kKvKinds) {
    const double tolerance = dtype == DType::kFloat32 ? 1e-5 : 1e-2;
    for (const float soft_cap : {0.0F, 0.5F, 30.0F}) {
      for (const bool has_sinks : {false, true}) {
        for (const auto& [window, head_dim] : {std::pair{0, 24}, {21, 24}, {0, 32}, {21, 32}}) {
          const CacheShape shape = {
              .num_heads = 8, .num_kv_heads = 2, .head_dim = head_dim, .dtype = dtype, .codes = codes};
          const TestSequence sequence(shape, 130, seed++);
          const std::vector<float> sinks = some_sinks(shape);
          AttentionParams params = params_of(shape, window);
          params.scale *= 4;
          params.soft_cap = soft_cap;
          if (has_sinks) params.sinks = sinks;
          const Matrix expected = attend_in_chunks(*ref_, shape, sequence, 130, params);
          const Matrix actual = attend_in_chunks(*three_.ops, shape, sequence, 130, params);
          EXPECT_LE(max_difference(expected, actual), tolerance)
              << "cap " << soft_cap << " sinks " << has_sinks << " window " << window << " "
              << kv_dtype_name(dtype, codes);
          for (const int64_t chunk : {1, 50}) {
            const Matrix cut = attend_in_chunks(*one_.ops, shape, sequence, chunk, params);
            EXPECT_TRUE(same_bits(actual.view, cut.view)) << "in chunks of " << chunk;
          }
        }
      }
    }
  }
}

// Behind 70 causal tokens, or alone. Whatever the lengths, no row of the batch changes another.
TEST_P(PagedAttention, BidirectionalTokensSeeEachOther) {
  uint32_t seed = 70;
  for (const auto& [dtype, codes] : kKvKinds) {
    for (const int32_t head_dim : {24, 64, 72}) {
      for (const auto& [before, count] :
           {std::pair<int64_t, int64_t>{0, 1}, {0, 16}, {0, 65}, {70, 33}, {0, 200}, {64, 64}}) {
        for (const int32_t window : {0, 21, 90}) {
          const CacheShape shape = {
              .num_heads = 4, .num_kv_heads = before > 0 ? 2 : 4, .head_dim = head_dim, .dtype = dtype, .codes = codes};
          const TestSequence sequence(shape, before + count, seed++);
          const TestCache cache(shape, 1, before + count, 3);
          const AttentionSequence all = cache.sequence(0, 0, 0, before + count);
          one_.ops->write_kv(sequence.k.view, sequence.v.view, {&all, 1}, cache.layer());
          AttentionSequence image = cache.sequence(0, before, before, count);
          image.is_bidirectional = true;
          Matrix expected(DType::kFloat32, before + count, sequence.q.view.cols);
          Matrix one(DType::kFloat32, before + count, sequence.q.view.cols);
          Matrix three(DType::kFloat32, before + count, sequence.q.view.cols);
          ref_->paged_attention(sequence.q.view, {&image, 1}, cache.layer(), params_of(shape, window), expected.view);
          one_.ops->paged_attention(sequence.q.view, {&image, 1}, cache.layer(), params_of(shape, window), one.view);
          three_.ops->paged_attention(sequence.q.view, {&image, 1}, cache.layer(), params_of(shape, window),
                                      three.view);
          EXPECT_LE(max_difference(expected, one), dtype == DType::kFloat32 ? 4e-6 : 1e-2)
              << before << " + " << count << ", window " << window << ", head_dim " << head_dim;
          EXPECT_TRUE(same_bits(one.view, three.view));
          // The definition itself: the last row sees what it would see in a causal sequence, the first row does not.
          Matrix causal(DType::kFloat32, before + count, sequence.q.view.cols);
          image.is_bidirectional = false;
          one_.ops->paged_attention(sequence.q.view, {&image, 1}, cache.layer(), params_of(shape, window), causal.view);
          const auto row_of = [&](const Matrix& m, int64_t row) { return ConstRows(m.view).slice_rows(row, 1); };
          EXPECT_TRUE(same_bits(row_of(one, before + count - 1), row_of(causal, before + count - 1)));
          EXPECT_EQ(same_bits(row_of(one, before), row_of(causal, before)), count == 1);
        }
      }
    }
  }
}

TEST_P(PagedAttention, LongContextsEqualTheDefinition) {
  for (const auto& [dtype, codes] : kKvKinds) {
    const CacheShape shape = {.num_heads = 2, .num_kv_heads = 1, .head_dim = 32, .dtype = dtype, .codes = codes};
    const TestSequence sequence(shape, 600, 5);
    const Matrix expected = attend_in_chunks(*ref_, shape, sequence, 600, 0);
    EXPECT_LE(max_difference(expected, attend_in_chunks(*three_.ops, shape, sequence, 600, 0)),
              dtype == DType::kFloat32 ? 4e-6 : 1e-2);
  }
}

TEST_P(PagedAttention, HasTheSameBitsHoweverTheSequenceIsCut) {
  constexpr std::pair<int64_t, int32_t> kChunkAndPage[] = {
      {1, 16}, {1, 48}, {1, 64}, {1, 128}, {3, 32}, {16, 48}, {61, 16}, {64, 64}, {128, 32}, {205, 128}, {205, 16}};
  int run = 0;
  for (const auto& [dtype, codes] : kKvKinds) {
    for (const int32_t head_dim : {24, 64}) {
      for (const int32_t window : {0, 37, 100}) {
        CacheShape shape = {.num_heads = 6, .num_kv_heads = 2, .head_dim = head_dim, .dtype = dtype, .codes = codes};
        const TestSequence sequence(shape, 205, 7);
        const DType out_dtype = window == 37 ? DType::kBFloat16 : DType::kFloat32;
        const Matrix whole = attend_in_chunks(*one_.ops, shape, sequence, 205, window, out_dtype);
        for (const auto& [chunk, page_size] : kChunkAndPage) {
          shape.page_size = page_size;
          Ops& ops = ++run % 2 == 0 ? *one_.ops : *three_.ops;
          const Matrix cut = attend_in_chunks(ops, shape, sequence, chunk, window, out_dtype);
          EXPECT_TRUE(same_bits(whole.view, cut.view))
              << "chunk " << chunk << " page " << page_size << " window " << window << " head_dim " << head_dim;
        }
      }
    }
  }
}

// The heads of a single token are read together, as many as fit.
TEST_P(PagedAttention, ManyHeadsOfOneTokenHaveTheBitsOfManyTokens) {
  for (const auto& [dtype, codes] : kKvKinds) {
    std::vector<std::pair<int32_t, int32_t>> head_counts = {{48, 2}, {21, 7}};
    if (!kUnderSanitizer) head_counts = {{40, 40}, {80, 40}, {48, 2}, {35, 1}, {21, 7}};
    for (const auto& [heads, kv_heads] : head_counts) {
      for (const auto& [page_size, head_dim] : {std::pair{16, 16}, {64, 16}, {16, 32}, {64, 32}}) {
        const CacheShape shape = {.num_heads = heads,
                                  .num_kv_heads = kv_heads,
                                  .head_dim = head_dim,
                                  .dtype = dtype,
                                  .codes = codes,
                                  .page_size = page_size};
        const TestSequence sequence(shape, 140, 31);
        const std::vector<float> sinks = some_sinks(shape);
        AttentionParams params = params_of(shape, 70);
        params.sinks = sinks;
        const Matrix whole = attend_in_chunks(*one_.ops, shape, sequence, 140, params);
        EXPECT_LE(max_difference(attend_in_chunks(*ref_, shape, sequence, 140, params), whole),
                  dtype == DType::kFloat32 ? 1e-5 : 1e-2);
        for (Device* device : {&one_, &three_}) {
          const Matrix cut = attend_in_chunks(*device->ops, shape, sequence, 1, params);
          EXPECT_TRUE(same_bits(whole.view, cut.view)) << heads << " heads over " << kv_heads << ", pages of "
                                                       << page_size << ", " << kv_dtype_name(dtype, codes);
        }
      }
    }
  }
}

TEST_P(PagedAttention, HasTheSameBitsWhateverElseIsInTheBatch) {
  for (const auto& [head_dim, codes] : {std::pair{40, KvCodes::kNone}, {64, KvCodes::kNone}, {40, KvCodes::kInt8}}) {
    const CacheShape shape = {.num_heads = 4, .num_kv_heads = 2, .head_dim = head_dim, .codes = codes};
    const std::vector<int64_t> lens = {1, 200, 17, 64, 129};
    std::vector<TestSequence> sequences;
    for (size_t i = 0; i < lens.size(); ++i) sequences.emplace_back(shape, lens[i], static_cast<uint32_t>(100 * i));

    // Sequence i brings its last i + 1 tokens, all in one batch, with a gap of one row between sequences.
    const TestCache cache(shape, 5, 200, 9);
    Matrix q(DType::kFloat32, 40, sequences[0].q.view.cols);
    std::vector<AttentionSequence> batch;
    int64_t row = 0;
    for (size_t i = 0; i < lens.size(); ++i) {
      const auto index = static_cast<int64_t>(i);
      const int64_t num_new = std::min(lens[i], index + 1);
      const AttentionSequence all = cache.sequence(index, 0, 0, lens[i]);
      one_.ops->write_kv(sequences[i].k.view, sequences[i].v.view, {&all, 1}, cache.layer());
      one_.ops->convert(sequences[i].q.view.slice_rows(lens[i] - num_new, num_new), q.view.slice_rows(row, num_new));
      batch.push_back(cache.sequence(index, row, lens[i] - num_new, num_new));
      row += num_new + 1;
    }
    for (Device* device : {&one_, &three_}) {
      Matrix out(DType::kFloat32, 40, q.view.cols);
      for (int64_t i = 0; i < 40; ++i) out.view.row<float>(i)[0] = 77;
      device->ops->paged_attention(q.view, batch, cache.layer(), params_of(shape), out.view);
      for (size_t i = 0; i < lens.size(); ++i) {
        const Matrix alone = attend_in_chunks(*one_.ops, shape, sequences[i], lens[i], 0);
        const int64_t num_new = batch[i].num_new;
        EXPECT_TRUE(same_bits(alone.view.slice_rows(lens[i] - num_new, num_new),
                              out.view.slice_rows(batch[i].first_row, num_new)))
            << "sequence " << i;
        EXPECT_EQ(out.at(batch[i].first_row + num_new, 0), 77) << "a row of no sequence was written";
      }
    }
  }
}

TEST_P(PagedAttention, HasTheSameBitsWhereOneLongSequenceIsSplitBetweenThreads) {
  constexpr KvCodes kNone = KvCodes::kNone;
  for (const auto& [window, kv_heads, head_dim, codes] : {std::tuple{0, 1, 40, kNone},
                                                          {1100, 1, 40, kNone},
                                                          {0, 5, 40, kNone},
                                                          {1100, 5, 40, kNone},
                                                          {0, 1, 32, kNone},
                                                          {1100, 5, 32, kNone},
                                                          {0, 1, 32, KvCodes::kInt8},
                                                          {1100, 5, 40, KvCodes::kE4m3}}) {
    const CacheShape shape = {.num_heads = 5, .num_kv_heads = kv_heads, .head_dim = head_dim, .codes = codes};
    const TestSequence sequence(shape, 1500, 21);
    const TestCache cache(shape, 1, 1500, 9);
    const AttentionSequence all = cache.sequence(0, 0, 0, 1500);
    one_.ops->write_kv(sequence.k.view, sequence.v.view, {&all, 1}, cache.layer());
    for (const int64_t num_new : {1, 2}) {
      const AttentionSequence last = cache.sequence(0, 1500 - num_new, 1500 - num_new, num_new);
      Matrix alone(DType::kFloat32, 1500, sequence.q.view.cols);
      Matrix split(DType::kFloat32, 1500, sequence.q.view.cols);
      one_.ops->paged_attention(sequence.q.view, {&last, 1}, cache.layer(), params_of(shape, window), alone.view);
      three_.ops->paged_attention(sequence.q.view, {&last, 1}, cache.layer(), params_of(shape, window), split.view);
      EXPECT_NE(alone.at(1499, 0), 0.0F);
      EXPECT_TRUE(same_bits(alone.view, split.view)) << "window " << window << " KV heads " << kv_heads;
    }
  }
}

// As models have them: queries with keys and values behind them in their rows.
TEST_P(PagedAttention, MayWriteOverItsQueries) {
  constexpr int64_t kLen = 700;
  for (const auto& [dtype, codes] : kKvKinds) {
    const CacheShape shape = {.num_heads = 6, .num_kv_heads = 2, .head_dim = 32, .dtype = dtype, .codes = codes};
    const TestSequence sequence(shape, kLen, 22);
    const TestCache cache(shape, 1, kLen, 9);
    const AttentionSequence all = cache.sequence(0, 0, 0, kLen);
    one_.ops->write_kv(sequence.k.view, sequence.v.view, {&all, 1}, cache.layer());
    const int64_t cols = sequence.q.view.cols;
    for (Ops* const ops : {ref_.get(), one_.ops.get(), three_.ops.get()}) {
      for (const int64_t num_new : {int64_t{1}, int64_t{2}, kLen}) {
        const AttentionSequence last = cache.sequence(0, kLen - num_new, kLen - num_new, num_new);
        Matrix apart(DType::kFloat32, kLen, cols);
        ops->paged_attention(sequence.q.view, {&last, 1}, cache.layer(), params_of(shape), apart.view);
        const Matrix wide(DType::kFloat32, kLen, 2 * cols);
        const Rows in_place = wide.view.slice_cols(0, cols);
        for (int64_t row = 0; row < kLen; ++row) {
          std::copy_n(sequence.q.view.row<float>(row), cols, in_place.row<float>(row));
        }
        ops->paged_attention(in_place, {&last, 1}, cache.layer(), params_of(shape), in_place);
        EXPECT_NE(apart.at(kLen - 1, 0), 0.0F);
        EXPECT_TRUE(
            same_bits(in_place.slice_rows(kLen - num_new, num_new), apart.view.slice_rows(kLen - num_new, num_new)))
            << num_new << " tokens, " << kv_dtype_name(dtype, codes);
      }
    }
  }
}

// After the pages behind the window were freed, positions count from the first KV tile that is left.
TEST_P(PagedAttention, HasTheSameBitsWithoutTheKvTilesBehindTheWindow) {
  constexpr int64_t kLen = 300;
  for (const auto& [dtype, codes] : kKvKinds) {
    for (const auto& [window, head_dim] :
         {std::pair{1, 24}, {20, 24}, {64, 24}, {100, 24}, {1, 32}, {20, 32}, {64, 32}, {100, 32}}) {
      const CacheShape shape = {
          .num_heads = 4, .num_kv_heads = 2, .head_dim = head_dim, .dtype = dtype, .codes = codes};
      const TestSequence sequence(shape, kLen, 31);
      const TestCache cache(shape, 1, kLen, 9);
      const AttentionSequence all = cache.sequence(0, 0, 0, kLen);
      one_.ops->write_kv(sequence.k.view, sequence.v.view, {&all, 1}, cache.layer());
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{299, 1}, {170, 60}, {192, 100}}) {
        const AttentionSequence whole = cache.sequence(0, 0, first, count);
        const int64_t first_kv_tile = std::max<int64_t>(0, first - window + 1) / Ops::kKvTileTokens;
        const auto gone = static_cast<int32_t>(first_kv_tile * Ops::kKvTileTokens);
        AttentionSequence left = whole;
        left.first_position -= gone;
        left.pages = whole.pages.subspan(static_cast<size_t>(gone / shape.page_size));
        for (Device* device : {&one_, &three_}) {
          Matrix of_whole(DType::kFloat32, count, sequence.q.view.cols);
          Matrix of_left(DType::kFloat32, count, sequence.q.view.cols);
          const ConstRows q = sequence.q.view.slice_rows(first, count);
          device->ops->paged_attention(q, {&whole, 1}, cache.layer(), params_of(shape, window), of_whole.view);
          device->ops->paged_attention(q, {&left, 1}, cache.layer(), params_of(shape, window), of_left.view);
          EXPECT_TRUE(same_bits(of_whole.view, of_left.view)) << "window " << window << " from " << first;
        }
      }
    }
  }
}

TEST_P(PagedAttention, KeysThatAQueryDoesNotSeeCannotReachIt) {
  for (const auto& [dtype, codes] : kKvKinds) {
    for (const auto& [window, head_dim] : {std::pair{0, 24}, {30, 24}, {0, 64}, {30, 64}}) {
      const CacheShape shape = {
          .num_heads = 4, .num_kv_heads = 2, .head_dim = head_dim, .dtype = dtype, .codes = codes};
      TestSequence sequence(shape, 150, 11);
      const Matrix expected = attend_in_chunks(*one_.ops, shape, sequence, 150, window);
      const int64_t poisoned = 101;
      for (int64_t i = 0; i < sequence.k.view.cols; ++i) {
        sequence.k.view.row<float>(poisoned)[i] = std::numeric_limits<float>::quiet_NaN();
        sequence.v.view.row<float>(poisoned)[i] = std::numeric_limits<float>::infinity();
      }
      const Matrix actual = attend_in_chunks(*one_.ops, shape, sequence, 150, window);
      EXPECT_TRUE(same_bits(expected.view.slice_rows(0, poisoned), actual.view.slice_rows(0, poisoned)));
      EXPECT_TRUE(std::isnan(actual.at(poisoned, 0)));
      if (window > 0) {
        const int64_t after = poisoned + window;
        EXPECT_TRUE(
            same_bits(expected.view.slice_rows(after, 150 - after), actual.view.slice_rows(after, 150 - after)));
      }
    }
  }
}

TEST_P(PagedAttention, HugeScoresChooseOneKey) {
  const CacheShape shape = {.num_heads = 2, .num_kv_heads = 1, .head_dim = 16, .dtype = DType::kFloat32};
  TestSequence sequence(shape, 70, 13);
  for (int64_t i = 0; i < 70; ++i) {
    for (int64_t dim = 0; dim < 16; ++dim) {
      sequence.k.view.row<float>(i)[dim] = i == 5 ? 1e15F : -1e15F;
      sequence.q.view.row<float>(i)[dim] = sequence.q.view.row<float>(i)[dim + 16] = 1e15F;
    }
  }
  const Matrix out = attend_in_chunks(*three_.ops, shape, sequence, 70, 0);
  for (int64_t dim = 0; dim < 32; ++dim) {
    EXPECT_EQ(out.at(69, dim), std::abs(sequence.v.at(5, dim % 16)) < 1e-37F ? 0.0F : sequence.v.at(5, dim % 16));
  }
}

// With queries of zeros every probability is 1, and dividing by 64 is exact, so only the order of adding values is
// left. The AMX tier adds, for each 16 tokens, the even ones, the odd ones, and then both to the sum.
TEST_P(PagedAttention, AmxAddsTheEvenThenTheOddTokensOfEachStrip) {
  if (GetParam().attention.bfloat16_amx == nullptr) return;  // only tiers with AMX
  const CacheShape shape = {.num_heads = 1, .num_kv_heads = 1, .head_dim = 96};
  TestSequence sequence(shape, 64, 17);
  for (int64_t i = 0; i < 64; ++i) std::fill_n(sequence.q.view.row<float>(i), 96, 0.0F);
  const Matrix out = attend_in_chunks(*one_.ops, shape, sequence, 64, 0);
  const FlushDenormals flush;
  const auto value = [&](int64_t token, int64_t dim) { return to_float(to_bfloat16(sequence.v.at(token, dim))); };
  for (int64_t dim = 0; dim < 96; ++dim) {
    float sum = 0;
    for (int64_t strip = 0; strip < 64; strip += 16) {
      float even = 0;
      float odd = 0;
      for (int64_t token = strip; token < strip + 16; token += 2) {
        even += value(token, dim);
        odd += value(token + 1, dim);
      }
      sum += even + odd;
    }
    EXPECT_EQ(out.at(63, dim), sum / 64) << "dimension " << dim;
  }
}

TEST_P(PagedAttention, NoSequencesIsNoWork) {
  const CacheShape shape;
  const TestCache cache(shape, 0, 0, 1);
  Matrix none(DType::kFloat32, 0, 256);
  three_.ops->paged_attention(none.view, {}, cache.layer(), params_of(shape), none.view);
  three_.ops->write_kv(Matrix(DType::kFloat32, 0, 128).view, Matrix(DType::kFloat32, 0, 128).view, {}, cache.layer());
}

}  // namespace
}  // namespace braid::testing
