#include "braid/model/local_shape.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {
namespace {

// Part `index` of `count` equal parts.
IndexRange equal_part(int64_t size, int64_t index, int64_t count) {
  CHECK(size % count == 0, "{} is not divisible by {}", size, count);
  return {.begin = size / count * index, .end = size / count * (index + 1)};
}

bool has_dense_layer(const ModelConfig& config) {
  return std::ranges::find(config.is_moe_layer, false) != config.is_moe_layer.end();
}

}  // namespace

LayoutModel layout_model(const ModelConfig& config) {
  return {.num_heads = config.num_heads,
          .num_kv_heads = config.num_kv_heads,
          .ffn = has_dense_layer(config) ? static_cast<int32_t>(config.ffn) : 0,
          .num_experts = config.moe.num_experts,
          .expert_ffn = static_cast<int32_t>(config.moe.expert_ffn),
          .shared_ffn = config.moe.shared_ffn};
}

LocalShape local_shape(const ModelConfig& config, const RankPlace& place) {
  CHECK(place.tp_rank >= 0 && place.tp_rank < place.tp_size && place.attn_tp_rank < place.attn_tp_size,
        "rank {} of {}, {} of {} in its group", place.tp_rank, place.tp_size, place.attn_tp_rank, place.attn_tp_size);
  LocalShape shape;
  shape.tp_size = place.tp_size;
  shape.head_part = place.head_part();
  shape.num_head_parts = place.num_head_parts();
  shape.heads = equal_part(config.num_heads, place.attn_tp_rank, place.attn_tp_size);
  const int64_t queries_a_kv_head = config.num_heads / config.num_kv_heads;
  shape.kv_heads = {.begin = shape.heads.begin / queries_a_kv_head,
                    .end = (shape.heads.end - 1) / queries_a_kv_head + 1};
  const int64_t num_kv_heads = shape.num_kv_heads();
  CHECK(shape.num_heads() % num_kv_heads == 0 && (num_kv_heads == 1 || shape.heads.begin % queries_a_kv_head == 0),
        "{} KV heads over {} ranks", config.num_kv_heads, place.attn_tp_size);

  if (has_dense_layer(config)) shape.ffn = equal_part(config.ffn, place.tp_rank, place.tp_size);
  if (config.moe.num_experts > 0) {
    const bool has_whole_experts = place.moe_parallel == MoeParallel::kEp;
    shape.experts = has_whole_experts ? equal_part(config.moe.num_experts, place.tp_rank, place.tp_size)
                                      : IndexRange{.begin = 0, .end = config.moe.num_experts};
    shape.expert_ffn = has_whole_experts ? IndexRange{.begin = 0, .end = config.moe.expert_ffn}
                                         : equal_part(config.moe.expert_ffn, place.tp_rank, place.tp_size);
    shape.shared_ffn = equal_part(config.moe.shared_ffn, place.tp_rank, place.tp_size);
    shape.adds_expert_bias = has_whole_experts || place.tp_rank == 0;
  }
  shape.vocab_rows = (config.vocab_size + shape.num_head_parts - 1) / shape.num_head_parts;
  shape.vocab = {.begin = std::min(shape.vocab_rows * shape.head_part, config.vocab_size),
                 .end = std::min(shape.vocab_rows * (shape.head_part + 1), config.vocab_size)};
  shape.adds_attention_bias = place.attn_tp_rank == 0;
  shape.adds_ffn_bias = place.tp_rank == 0;
  shape.counts_kv_heads = shape.heads.begin % queries_a_kv_head == 0;
  return shape;
}

KvShape local_kv_shape(const ModelConfig& config, const LocalShape& shape, KvDType dtype, int32_t page_size) {
  return {.num_layers = config.num_layers,
          .num_kv_heads = shape.num_kv_heads(),
          .head_dim = config.head_dim,
          .dtype = dtype.dtype,
          .codes = dtype.codes,
          .page_size = page_size,
          .windows = config.layer_windows};
}

IndexRange part_of(Shard shard, const ModelConfig& config, const LocalShape& shape) {
  const auto head_rows = [&](IndexRange heads) {
    return IndexRange{.begin = heads.begin * config.head_dim, .end = heads.end * config.head_dim};
  };
  switch (shard) {
    case Shard::kReplicated:
    case Shard::kExpertWhole:
      return kWhole;
    case Shard::kHeads:
      return shape.heads;
    case Shard::kHeadRows:
    case Shard::kHeadCols:
      return head_rows(shape.heads);
    case Shard::kKvHeadRows:
      return head_rows(shape.kv_heads);
    case Shard::kFfnRows:
    case Shard::kFfnCols:
      return shape.ffn;
    case Shard::kExpertRows:
    case Shard::kExpertCols:
      return shape.expert_ffn;
    case Shard::kSharedRows:
    case Shard::kSharedCols:
      return shape.shared_ffn;
    case Shard::kVocab:
      return shape.vocab;
    case Shard::kQkvRows:
    case Shard::kGateUpRows:
      break;
  }
  CHECK(false, "a fused tensor has several parts");
  return kWhole;
}

std::vector<IndexRange> row_parts_of(Shard shard, const ModelConfig& config, const LocalShape& shape) {
  const auto part = [&](Shard of_one, int64_t first_row) {
    const IndexRange rows = part_of(of_one, config, shape);
    return IndexRange{.begin = first_row + rows.begin, .end = first_row + rows.end};
  };
  switch (shard) {
    case Shard::kQkvRows: {
      const int64_t k_row = int64_t{config.num_heads} * config.head_dim;
      const int64_t v_row = k_row + int64_t{config.num_kv_heads} * config.head_dim;
      return {part(Shard::kHeadRows, 0), part(Shard::kKvHeadRows, k_row), part(Shard::kKvHeadRows, v_row)};
    }
    case Shard::kGateUpRows:
      return {part(Shard::kFfnRows, 0), part(Shard::kFfnRows, config.ffn)};
    case Shard::kHeadCols:
    case Shard::kFfnCols:
    case Shard::kExpertCols:
    case Shard::kSharedCols:
      return {kWhole};
    default:
      return {part_of(shard, config, shape)};
  }
}

}  // namespace braid
