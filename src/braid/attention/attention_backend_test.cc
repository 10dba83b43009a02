// Both backends. They must agree with the definition, and have the same bits however the same work is divided.
#include "braid/attention/attention_backend.h"

#include "tests/support/kernels/attention_cases.h"

namespace braid::testing {
namespace {

// All queries of a sequence, with its tokens fed in chunks.
Matrix attend_in_chunks(AttentionBackend& backend, Ops& ops, const CacheShape& shape, const TestSequence& sequence,
                        int64_t chunk, const AttentionParams& params) {
  const int64_t len = sequence.q.view.rows;
  const TestCache cache(shape, 1, len, 3);
  Matrix out(shape.dtype, len, sequence.q.view.cols);
  for (int64_t first = 0; first < len; first += chunk) {
    const int64_t count = std::min(chunk, len - first);
    const AttentionSequence part = cache.sequence(0, 0, first, count);
    ops.write_kv(sequence.k.view.slice_rows(first, count), sequence.v.view.slice_rows(first, count), {&part, 1},
                 cache.layer());
    backend.forward(sequence.q.view.slice_rows(first, count), {&part, 1}, cache.layer(), params,
                    out.view.slice_rows(first, count));
  }
  return out;
}

Matrix attend_in_chunks(AttentionBackend& backend, Ops& ops, const CacheShape& shape, const TestSequence& sequence,
                        int64_t chunk, int32_t window) {
  return attend_in_chunks(backend, ops, shape, sequence, chunk, params_of(shape, window));
}

class AttentionBackends : public ::testing::Test {
 protected:
  const std::unique_ptr<Ops> ref_ = make_ref_ops();
  Device device_{available_isas().back(), 3};
  Device alone_{available_isas().back(), 1};
};

TEST_F(AttentionBackends, AgreeWithTheDefinition) {
  uint32_t seed = 1;
  const auto definition = *make_attention_backend("fa", *ref_);
  for (const std::string_view name : attention_backend_names()) {
    const auto backend = *make_attention_backend(name, *device_.ops);
    EXPECT_EQ(backend->name(), name);
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      // A bfloat16 output of about 1 is rounded by 2^-9; bfloat16 probabilities are rounded by as much again.
      const double tolerance = dtype == DType::kFloat32 ? 4e-6 : 2e-2;
      for (const int32_t head_dim : {8, 64, 72, 128, 256}) {
        for (const auto& [heads, kv_heads] : {std::pair{1, 1}, {3, 3}, {8, 2}, {9, 3}}) {
          const CacheShape shape = {.num_heads = heads, .num_kv_heads = kv_heads, .head_dim = head_dim, .dtype = dtype};
          const int64_t len = std::vector<int64_t>{1, 33, 64, 97, 140}[seed % 5];
          const int32_t window = seed % 4 == 0 ? 19 : 0;
          const TestSequence sequence(shape, len, seed++);
          const Matrix expected = attend_in_chunks(*definition, *ref_, shape, sequence, len, window);
          const Matrix actual = attend_in_chunks(*backend, *device_.ops, shape, sequence, 50, window);
          EXPECT_LE(max_difference(expected, actual), tolerance)
              << name << " head_dim " << head_dim << " heads " << heads << "/" << kv_heads << " len " << len;
        }
      }
    }
  }
}

TEST_F(AttentionBackends, AgreeOnBidirectionalTokens) {
  const auto definition = *make_attention_backend("fa", *ref_);
  for (const std::string_view name : attention_backend_names()) {
    const auto backend = *make_attention_backend(name, *device_.ops);
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      for (const int32_t window : {0, 40}) {
        const CacheShape shape = {.num_heads = 4, .num_kv_heads = 2, .head_dim = 40, .dtype = dtype};
        const TestSequence sequence(shape, 120, 77);
        const TestCache cache(shape, 1, 120, 3);
        const AttentionSequence all = cache.sequence(0, 0, 0, 120);
        device_.ops->write_kv(sequence.k.view, sequence.v.view, {&all, 1}, cache.layer());
        AttentionSequence image = cache.sequence(0, 50, 50, 70);
        image.is_bidirectional = true;
        Matrix expected(dtype, 120, sequence.q.view.cols);
        Matrix actual(dtype, 120, sequence.q.view.cols);
        definition->forward(sequence.q.view, {&image, 1}, cache.layer(), params_of(shape, window), expected.view);
        backend->forward(sequence.q.view, {&image, 1}, cache.layer(), params_of(shape, window), actual.view);
        EXPECT_LE(max_difference(expected, actual), dtype == DType::kFloat32 ? 4e-6 : 2e-2)
            << name << " " << dtype_name(dtype) << ", window " << window;
      }
    }
  }
}

TEST_F(AttentionBackends, AgreeOnSoftCapsAndSinks) {
  const auto definition = *make_attention_backend("fa", *ref_);
  const std::vector<float> sinks = {-3.0F, 1.5F, 60.0F, 0.0F};
  for (const std::string_view name : attention_backend_names()) {
    const auto backend = *make_attention_backend(name, *device_.ops);
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      const CacheShape shape = {.num_heads = 4, .num_kv_heads = 2, .head_dim = 24, .dtype = dtype};
      const TestSequence sequence(shape, 140, 8);
      AttentionParams params = params_of(shape, 70);
      const Matrix plain = attend_in_chunks(*backend, *device_.ops, shape, sequence, 140, params);
      params.soft_cap = 1.5F;
      params.sinks = sinks;
      const Matrix expected = attend_in_chunks(*definition, *ref_, shape, sequence, 140, params);
      const Matrix actual = attend_in_chunks(*backend, *device_.ops, shape, sequence, 50, params);
      EXPECT_LE(max_difference(expected, actual), dtype == DType::kFloat32 ? 1e-5 : 2e-2) << name;
      EXPECT_GT(max_difference(expected, plain), 0.1) << name;
      const Matrix cut = attend_in_chunks(*backend, *device_.ops, shape, sequence, 7, params);
      EXPECT_TRUE(same_bits(actual.view, cut.view)) << name;
    }
  }
}

TEST_F(AttentionBackends, HaveTheSameBitsHoweverASequenceIsCut) {
  for (const std::string_view name : attention_backend_names()) {
    const auto backend = *make_attention_backend(name, *device_.ops);
    const auto alone = *make_attention_backend(name, *alone_.ops);
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      CacheShape shape = {.num_heads = 3, .num_kv_heads = 1, .head_dim = 24, .dtype = dtype};
      const TestSequence sequence(shape, 150, 5);
      for (const int32_t window : {0, 70}) {
        const Matrix whole = attend_in_chunks(*alone, *alone_.ops, shape, sequence, 150, window);
        for (const int64_t chunk : {1, 7, 64, 100}) {
          shape.page_size = chunk == 7 ? 64 : 16;
          const Matrix cut = attend_in_chunks(*backend, *device_.ops, shape, sequence, chunk, window);
          EXPECT_TRUE(same_bits(whole.view, cut.view)) << name << " in chunks of " << chunk << ", window " << window;
        }
      }
    }
  }
}

TEST_F(AttentionBackends, AMaskedKeyCannotReachAQuery) {
  for (const std::string_view name : attention_backend_names()) {
    const auto backend = *make_attention_backend(name, *device_.ops);
    const CacheShape shape = {.num_heads = 2, .num_kv_heads = 1, .head_dim = 16};
    TestSequence sequence(shape, 40, 6);
    const Matrix expected = attend_in_chunks(*backend, *device_.ops, shape, sequence, 40, 0);
    sequence.k.view.row<float>(21)[3] = std::numeric_limits<float>::quiet_NaN();
    sequence.v.view.row<float>(21)[3] = std::numeric_limits<float>::infinity();
    const Matrix actual = attend_in_chunks(*backend, *device_.ops, shape, sequence, 40, 0);
    EXPECT_TRUE(same_bits(expected.view.slice_rows(0, 21), actual.view.slice_rows(0, 21))) << name;
  }
}

TEST_F(AttentionBackends, NoSequencesIsNoWork) {
  for (const std::string_view name : attention_backend_names()) {
    const CacheShape shape;
    const TestCache cache(shape, 0, 0, 1);
    const Matrix none(DType::kFloat32, 0, int64_t{shape.num_heads} * shape.head_dim);
    (*make_attention_backend(name, *device_.ops))->forward(none.view, {}, cache.layer(), params_of(shape), none.view);
  }
}

TEST_F(AttentionBackends, AnUnknownNameIsAnErrorThatListsTheKnownOnes) {
  const auto backend = make_attention_backend("flash", *ref_);
  ASSERT_FALSE(backend.ok());
  EXPECT_EQ(backend.error().message, "--attention-backend flash is unknown: use fa or native");
}

}  // namespace
}  // namespace braid::testing
