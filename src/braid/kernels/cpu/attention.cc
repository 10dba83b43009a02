#include "braid/kernels/cpu/attention.h"

#include <algorithm>
#include <utility>

#include "braid/base/float_mode.h"
#include "braid/kernels/kv_layout.h"

namespace braid::cpu {
namespace {

// Below this many KV tiles x rows the calling thread works alone (some 5 us).
constexpr int64_t kKvTileRowsWorthATeam = 32;
// A query tile is split between threads only into parts of at least this many KV tiles.
constexpr int64_t kMinPartKvTiles = 4;
// With this many query tiles per thread, no thread ends up with much more than its share.
constexpr int64_t kTilesOfAThread = 8;

// KV heads in a query tile of one token: as many as fit, in equal parts, and in at least `min_parts` parts if there are
// enough heads.
int32_t kv_heads_of_token(int32_t num_kv_heads, int32_t heads_per_kv, int32_t min_parts) {
  const int32_t fitting = std::max(1, QueryTile::kMaxRows / heads_per_kv);
  const int32_t parts =
      std::clamp((num_kv_heads + fitting - 1) / fitting, std::min(min_parts, num_kv_heads), num_kv_heads);
  return (num_kv_heads + parts - 1) / parts;
}

int64_t num_kv_tiles(const QueryTile& tile) {
  return tile.end_kv_tile() - tile.first_kv_tile();
}

const AttentionKernels& kernels_for(const AttentionTier& tier, const KvLayer& layer) {
  if (layer.codes == KvCodes::kInt8) return tier.int8;
  if (layer.codes == KvCodes::kE4m3) return tier.e4m3;
  if (layer.dtype == DType::kFloat32) return tier.float32;
  return tier.bfloat16_amx != nullptr && layer.head_dim % 32 == 0 ? *tier.bfloat16_amx : tier.bfloat16;
}

#if defined(__x86_64__)
AttentionTier avx512bf16_tier() {
  AttentionTier tier = attention_avx512bf16(has_small_l1());
  if (has_byte_lookups()) {
    const AttentionCodeKernels& codes = attention_avx512vbmi(has_small_l1());
    tier.int8 = codes.int8;
    tier.e4m3 = codes.e4m3;
  }
  return tier;
}
#endif

}  // namespace

AttentionTier attention_tier(CpuIsa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case CpuIsa::kAmxBf16: {
      AttentionTier tier = avx512bf16_tier();
      tier.bfloat16_amx = &attention_amx();
      return tier;
    }
    case CpuIsa::kAvx512Bf16:
      return avx512bf16_tier();
    case CpuIsa::kAvx512:
      return attention_avx512();
    case CpuIsa::kAvx2:
      return attention_avx2();
#endif
    default:
      return attention_portable();
  }
}

void PagedAttention::forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                             const AttentionParams& params, Rows out) {
  const int64_t width = int64_t{params.num_heads} * layer.head_dim;
  CHECK(q.dtype == DType::kFloat32 && q.cols == width && out.cols == width && out.dtype != DType::kFloat16);
  CHECK(layer.head_dim % 8 == 0 && layer.page_size % KvLayer::kKeyVectorTokens == 0);
  CHECK(params.sinks.empty() || std::cmp_equal(params.sinks.size(), params.num_heads), "{} sinks of {} heads",
        params.sinks.size(), params.num_heads);
  CHECK(params.num_heads % layer.num_kv_heads == 0, "{} heads over {} KV heads", params.num_heads, layer.num_kv_heads);
  const AttentionKernels& kernels = kernels_for(tier_, layer);
  plan(q, sequences, layer, params, out);

  int64_t kv_tile_rows = 0;
  int64_t kv_tiles = 0;
  int64_t most_kv_tiles = 0;
  for (const QueryTile& tile : tiles_) {
    kv_tiles += num_kv_tiles(tile);
    kv_tile_rows += num_kv_tiles(tile) * tile.num_rows;
    most_kv_tiles = std::max(most_kv_tiles, num_kv_tiles(tile));
  }
  const int64_t threads = team_.size();
  if (threads == 1 || kv_tile_rows < kKvTileRowsWorthATeam) {
    const FlushDenormals flush;
    std::byte* scratch = team_.scratch(0, kernels.scratch_bytes(layer.head_dim));
    for (size_t i = 0; i < tiles_.size(); ++i) kernels.run(tiles_[i], first_of_tile(i + 1), scratch);
    return;
  }

  // A few long query tiles, as in the decode of few sequences, would leave threads idle. Split them between KV tiles.
  const bool is_even = std::cmp_equal(most_kv_tiles * tiles_.size(), kv_tiles) && tiles_.size() % threads == 0;
  const bool is_few = most_kv_tiles * threads * kTilesOfAThread > kv_tiles;
  const int64_t part_kv_tiles = std::max(kMinPartKvTiles, kv_tiles / (threads * kTilesOfAThread));
  if (is_few && !is_even && kv_tiles >= 2 * kMinPartKvTiles) {
    parts_.clear();
    for (size_t i = 0; i < tiles_.size(); ++i) {
      for (int64_t first = tiles_[i].first_kv_tile(); first < tiles_[i].end_kv_tile(); first += part_kv_tiles) {
        const int64_t end = std::min(first + part_kv_tiles, tiles_[i].end_kv_tile());
        parts_.push_back({.tile = i, .first_kv_tile = first, .end_kv_tile = end});
      }
    }
    run_in_parts(kernels);
  } else {
    run_whole(kernels);
  }
}

void PagedAttention::plan(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                          const AttentionParams& params, Rows out) {
  tiles_.clear();
  const int32_t heads_per_kv = params.num_heads / layer.num_kv_heads;
  const int32_t threads = team_.size();
  const bool is_few = sequences.size() % threads != 0 && std::cmp_less(sequences.size(), kTilesOfAThread * threads);
  for (const AttentionSequence& sequence : sequences) {
    // A sequence too short for that is divided by heads where few sequences would leave threads idle.
    const int64_t num_seen = sequence.first_position - first_visible(params, sequence.first_position);
    const bool is_short = num_seen < 2 * kMinPartKvTiles * Ops::kKvTileTokens;
    const int32_t kv_heads_each =
        sequence.num_new == 1 ? kv_heads_of_token(layer.num_kv_heads, heads_per_kv, is_few && is_short ? threads : 1)
                              : 1;
    for (int32_t kv_head = 0; kv_head < layer.num_kv_heads; kv_head += kv_heads_each) {
      const int32_t num_kv_heads = std::min(kv_heads_each, layer.num_kv_heads - kv_head);
      const int64_t num_indices = int64_t{sequence.num_new} * num_kv_heads * heads_per_kv;
      const int64_t head_bytes = int64_t{layer.page_size} * layer.head_bytes();
      const int64_t first_head = int64_t{kv_head} * heads_per_kv;
      const int64_t first_col = first_head * layer.head_dim;
      // The last query tiles see the most keys. They come first, so that no thread is left with a long one at the end.
      const int64_t num_tiles = (num_indices + QueryTile::kMaxRows - 1) / QueryTile::kMaxRows;
      for (int64_t i = num_tiles - 1; i >= 0; --i) {
        const int64_t first = i * QueryTile::kMaxRows;
        tiles_.push_back({
            .keys = layer.keys + kv_head * head_bytes + scales_of_strip(layer),
            .values = layer.values + kv_head * head_bytes + scales_of_strip(layer),
            .pages = sequence.pages.data(),
            .page_bytes = layer.page_bytes(),
            .head_bytes = head_bytes,
            .strip_bytes = layer.strip_bytes(),
            .page_size = layer.page_size,
            .head_dim = layer.head_dim,
            .first_index = first,
            .num_kv_heads = num_kv_heads,
            .num_rows = static_cast<int32_t>(std::min<int64_t>(QueryTile::kMaxRows, num_indices - first)),
            .heads_per_kv = heads_per_kv,
            .first_position = sequence.first_position,
            .end_of_keys = sequence.is_bidirectional ? end_visible(sequence, sequence.first_position) : 0,
            .window = params.window,
            .scale = params.scale,
            .soft_cap = params.soft_cap,
            .sinks = params.sinks.empty() ? nullptr : params.sinks.data() + first_head,
            .q = q.row<float>(sequence.first_row) + first_col,
            .q_stride = q.stride,
            .out = out.row_bytes(sequence.first_row) + first_col * dtype_bytes(out.dtype),
            .out_stride = out.stride,
            .out_dtype = out.dtype,
        });
      }
    }
  }
}

KvTilePlace PagedAttention::first_of_tile(size_t index) const {
  if (index >= tiles_.size()) return {};
  return {.tile = &tiles_[index], .kv_tile = tiles_[index].first_kv_tile()};
}

void PagedAttention::run_whole(const AttentionKernels& kernels) {
  team_.run_pieces(static_cast<int64_t>(tiles_.size()), [&](const WorkPiece& piece) {
    const QueryTile& tile = tiles_[static_cast<size_t>(piece.index)];
    std::byte* scratch = team_.scratch(piece.thread, kernels.scratch_bytes(tile.head_dim));
    // While computing its last KV tile it fetches the first one of what this thread takes next.
    kernels.run(tile, piece.likely_next < 0 ? KvTilePlace{} : first_of_tile(static_cast<size_t>(piece.likely_next)),
                scratch);
  });
}

void PagedAttention::run_in_parts(const AttentionKernels& kernels) {
  partial_offsets_.clear();
  int64_t floats = 0;
  for (const QueryTile& tile : tiles_) {
    partial_offsets_.push_back(floats);
    floats += num_kv_tiles(tile) * kernels.partial_floats(tile);
  }
  if (partials_.bytes() < floats * dtype_bytes(DType::kFloat32)) {
    partials_ = Buffer(floats * dtype_bytes(DType::kFloat32));
  }
  float* partials = partials_.as<float>();
  const auto scratch = [&](int thread) { return team_.scratch(thread, kernels.scratch_bytes(tiles_[0].head_dim)); };
  team_.run_pieces(static_cast<int64_t>(parts_.size()), [&](const WorkPiece& piece) {
    const Part& part = parts_[static_cast<size_t>(piece.index)];
    KvTilePlace after;
    if (piece.likely_next >= 0) {
      const Part& next = parts_[static_cast<size_t>(piece.likely_next)];
      after = {.tile = &tiles_[next.tile], .kv_tile = next.first_kv_tile};
    }
    const QueryTile& tile = tiles_[part.tile];
    float* first = partials + partial_offsets_[part.tile] +
                   (part.first_kv_tile - tile.first_kv_tile()) * kernels.partial_floats(tile);
    kernels.kv_tiles(tile, part.first_kv_tile, part.end_kv_tile, after, first, scratch(piece.thread));
  });
  team_.run_pieces(static_cast<int64_t>(tiles_.size()), [&](const WorkPiece& piece) {
    const auto index = static_cast<size_t>(piece.index);
    kernels.join(tiles_[index], partials + partial_offsets_[index], scratch(piece.thread));
  });
}

}  // namespace braid::cpu
