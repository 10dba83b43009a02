#include "braid/model/workspace.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <vector>

namespace braid {
namespace {

int64_t gate_up_rows(const ModelConfig& config, const StepLimits& limits) {
  const int64_t rows = limits.all_tokens * std::max(config.moe.experts_per_token, 1);
  return 2 * std::min(rows, Workspace::kGateUpRows);
}

int64_t widest_ffn(const LocalShape& shape) {
  int64_t widest = 0;
  for (const IndexRange& ffn : {shape.ffn, shape.expert_ffn, shape.shared_ffn}) {
    widest = std::max<int64_t>(widest, ffn.end - ffn.begin);
  }
  return widest;
}

// A buffer to be made.
struct Wanted {
  RowsBuffer* buffer = nullptr;
  DType dtype = DType::kFloat32;
  int64_t rows = 0;
  int64_t cols = 0;

  int64_t bytes() const { return rows * cols * dtype_bytes(dtype); }
};

// Makes the buffers of blocks that never need them at the same time: each block's lie one behind another, from the same
// address on. Returns the bytes of all.
int64_t make_in_one_memory(std::initializer_list<std::vector<Wanted>> blocks) {
  constexpr int64_t kAlignment = 4096;
  const auto behind = [](int64_t at, const Wanted& wanted) {
    return at + (wanted.bytes() + kAlignment - 1) / kAlignment * kAlignment;
  };
  int64_t bytes = 0;
  for (const std::vector<Wanted>& block : blocks) {
    int64_t at = 0;
    for (const Wanted& wanted : block) at = behind(at, wanted);
    bytes = std::max(bytes, at);
  }
  if (bytes == 0) return 0;
  const auto memory = std::make_shared<const Mapping>(bytes);
  for (const std::vector<Wanted>& block : blocks) {
    int64_t at = 0;
    for (const Wanted& wanted : block) {
      *wanted.buffer = RowsBuffer(Buffer(memory, at, wanted.bytes()), wanted.dtype, wanted.rows, wanted.cols);
      at = behind(at, wanted);
    }
  }
  return bytes;
}

}  // namespace

Workspace::Workspace(const ModelConfig& config, const LocalShape& shape, const RowTypes& types,
                     const StepLimits& limits)
    : residual(DType::kFloat32, limits.group_tokens, config.hidden),
      qk_squares(DType::kFloat32, limits.group_tokens, 2),
      normed_delta(DType::kFloat32, limits.group_tokens, config.hidden),
      logit_input(DType::kFloat32, limits.group_logit_rows, config.hidden),
      logit_normed(shape.tp_size == 1 ? types.rows : types.exchanged, limits.group_logit_rows, config.hidden),
      is_alone_(shape.tp_size == 1) {
  const std::vector<Wanted> block_sums = {{&delta, DType::kFloat32, limits.all_tokens, config.hidden}};
  std::vector<Wanted> block_input;
  std::vector<Wanted> head;
  if (is_alone_) {
    block_input = {{&normed, types.rows, limits.group_tokens, config.hidden}};
    head = {{&logits, DType::kFloat32, limits.group_logit_rows, config.vocab_size}};
  } else {
    attention_partial = RowsBuffer(DType::kFloat32, limits.group_tokens, config.hidden);
  }
  std::vector<Wanted> feed_forward = {
      {&ffn_hidden, types.rows, limits.all_tokens, shape.ffn.end - shape.ffn.begin},
      {&gate_up_sums, DType::kFloat32, gate_up_rows(config, limits), widest_ffn(shape)}};
  if (config.moe.num_experts > 0) {
    const int64_t routed_rows = limits.all_tokens * config.moe.experts_per_token;
    const int64_t shared_rows = config.moe.shared_ffn > 0 ? limits.all_tokens : 0;
    router_input = RowsBuffer(DType::kFloat32, limits.all_tokens, config.hidden);
    router_logits = RowsBuffer(DType::kFloat32, limits.all_tokens, config.moe.num_experts);
    shared_gates = RowsBuffer(DType::kFloat32, shared_rows, 1);
    feed_forward.insert(feed_forward.end(),
                        {{&expert_hidden, types.rows, routed_rows, shape.expert_ffn.end - shape.expert_ffn.begin},
                         {&shared_hidden, types.rows, shared_rows, shape.shared_ffn.end - shape.shared_ffn.begin},
                         {&expert_outputs, DType::kFloat32, routed_rows + shared_rows, config.hidden}});
  }
  std::vector<Wanted> attention = {{&qkv, DType::kFloat32, limits.group_tokens,
                                    int64_t{shape.num_heads() + 2 * shape.num_kv_heads()} * config.head_dim}};
  if (types.rows != DType::kFloat32) {
    attention.push_back({&attended, types.rows, limits.group_tokens, int64_t{shape.num_heads()} * config.head_dim});
  }
  shared_bytes_ = make_in_one_memory({block_input, block_sums}) + make_in_one_memory({attention, feed_forward, head});
}

int64_t Workspace::bytes() const {
  int64_t total = shared_bytes_;
  for (const RowsBuffer* buffer : {&residual, &qk_squares, &attention_partial, &normed_delta, &router_input,
                                   &router_logits, &shared_gates, &logit_input, &logit_normed}) {
    total += buffer->bytes();
  }
  return total;
}

}  // namespace braid
