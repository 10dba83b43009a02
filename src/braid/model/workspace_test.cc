#include "braid/model/workspace.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace braid {
namespace {

Workspace mixture_workspace(const RowTypes& types = DType::kBFloat16) {
  ModelConfig config;
  config.hidden = 96;
  config.head_dim = 32;
  config.vocab_size = 128;
  config.moe.num_experts = 4;
  config.moe.experts_per_token = 2;
  config.moe.shared_ffn = 40;
  const LocalShape shape = {.heads = {0, 6},
                            .kv_heads = {0, 2},
                            .ffn = {0, 200},
                            .experts = {0, 4},
                            .expert_ffn = {0, 72},
                            .shared_ffn = {0, 40}};
  return {config, shape, types, {.group_tokens = 33, .all_tokens = 33, .group_logit_rows = 5}};
}

void expect_apart(const std::vector<const RowsBuffer*>& buffers) {
  const std::byte* end = nullptr;
  for (const RowsBuffer* buffer : buffers) {
    const std::byte* const begin = buffer->first(buffer->max_rows()).data;
    EXPECT_GT(buffer->bytes(), 0);
    EXPECT_GE(begin, end);
    end = begin + buffer->bytes();
  }
}

TEST(Workspace, BuffersOfOneBlockAreApart) {
  const Workspace workspace = mixture_workspace();
  expect_apart({&workspace.qkv, &workspace.attended});
  expect_apart({&workspace.ffn_hidden, &workspace.gate_up_sums, &workspace.expert_hidden, &workspace.shared_hidden,
                &workspace.expert_outputs});
}

int64_t whole_pages(const std::vector<const RowsBuffer*>& buffers) {
  int64_t bytes = 0;
  for (const RowsBuffer* buffer : buffers) bytes += (buffer->bytes() + 4095) / 4096 * 4096;
  return bytes;
}

TEST(Workspace, BlocksAndTheHeadUseTheSameMemory) {
  const Workspace workspace = mixture_workspace();
  EXPECT_EQ(workspace.qkv.first(1).data, workspace.ffn_hidden.first(1).data);
  EXPECT_EQ(workspace.qkv.first(1).data, workspace.logits.first(1).data);
  EXPECT_EQ(workspace.normed.first(1).data, workspace.delta.first(1).data);
  const int64_t feed_forward = whole_pages({&workspace.ffn_hidden, &workspace.gate_up_sums, &workspace.expert_hidden,
                                            &workspace.shared_hidden, &workspace.expert_outputs});
  int64_t others = 0;
  for (const RowsBuffer* buffer :
       {&workspace.residual, &workspace.qk_squares, &workspace.normed_delta, &workspace.router_input,
        &workspace.router_logits, &workspace.shared_gates, &workspace.logit_input, &workspace.logit_normed}) {
    others += buffer->bytes();
  }
  EXPECT_EQ(workspace.bytes(), others + feed_forward + whole_pages({&workspace.delta}))
      << "attention's, the logits' and the normed rows' take less here, and nothing of their own";
}

TEST(Workspace, Float32OutputsOfAttentionTakeTheQueriesPlace) {
  const Workspace workspace = mixture_workspace(DType::kFloat32);
  const Rows queries = workspace.qkv.first(7).slice_cols(0, 6 * 32);
  const Rows attended = workspace.attended_of(queries);
  EXPECT_EQ(attended.data, queries.data);
  EXPECT_EQ(attended.stride, queries.stride);
  EXPECT_EQ(attended.rows, 7);

  const Workspace rounded = mixture_workspace();
  const Rows of_rounded = rounded.attended_of(rounded.qkv.first(7).slice_cols(0, 6 * 32));
  EXPECT_EQ(of_rounded.data, rounded.attended.first(1).data);
  EXPECT_EQ(of_rounded.dtype, DType::kBFloat16);
  EXPECT_EQ(of_rounded.rows, 7);
}

}  // namespace
}  // namespace braid
