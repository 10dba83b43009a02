// For each query row, keys are taken in KV tiles of 64 positions. A KV tile yields the largest score m, l = the sum of
// exp(score - m) and o = the sum of exp(score - m) · v, each in order of position. KV tiles are joined one after
// another (Milakov & Gimelshein, arXiv 1805.02867). Nothing here depends on how a sequence was divided into chunks or
// pages.
#include "braid/attention/native.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "braid/kernels/kv_layout.h"

namespace braid {
namespace {

constexpr int64_t kKvTileTokens = Ops::kKvTileTokens;
constexpr int64_t kQueryTileTokens = 16;  // new tokens that share an unpacked KV tile

// One KV tile of a KV head as floats: keys [head_dim][64], values [64][head_dim].
struct KvTile {
  explicit KvTile(int64_t head_dim)
      : keys(static_cast<size_t>(kKvTileTokens * head_dim)), values(static_cast<size_t>(kKvTileTokens * head_dim)) {}

  std::vector<float> keys;
  std::vector<float> values;
};

// Unpacks positions [begin, end) of one KV tile. The rest keeps its old content and is not read.
void unpack(const KvLayer& layer, std::span<const PageId> pages, int64_t kv_head, int64_t begin, int64_t end,
            KvTile& kv_tile) {
  for (int64_t position = begin; position < end; ++position) {
    const KvSlot slot = kv_slot(layer, pages, position);
    const int64_t strip = kv_strip_offset(layer, slot, kv_head);
    const int64_t token = slot.slot % KvLayer::kKeyVectorTokens;
    const int64_t i = position % kKvTileTokens;
    for (int64_t dim = 0; dim < layer.head_dim; ++dim) {
      kv_tile.keys[static_cast<size_t>(dim * kKvTileTokens + i)] =
          kv_load(layer, layer.keys + strip, token, key_in_strip(layer, token, dim));
      kv_tile.values[static_cast<size_t>(i * layer.head_dim + dim)] =
          kv_load(layer, layer.values + strip, token, value_in_strip(layer, token, dim));
    }
  }
}

// One query head of one token, and the joined result of the KV tiles so far.
struct Query {
  Query(const KvLayer& layer, const float* q)
      : values(q, q + layer.head_dim), output(static_cast<size_t>(layer.head_dim)) {
    if (layer.dtype == DType::kFloat32) return;
    for (float& value : values) value = to_float(to_bfloat16(value));
  }

  std::vector<float> values;
  float max = -std::numeric_limits<float>::infinity();
  float sum = 0;
  std::vector<float> output;
};

// Adds keys [begin, end) of the KV tile to the query's result.
void attend(const KvTile& kv_tile, int64_t begin, int64_t end, const AttentionParams& params, Query& query) {
  const auto head_dim = static_cast<int64_t>(query.values.size());
  float scores[kKvTileTokens] = {};
  for (int64_t dim = 0; dim < head_dim; ++dim) {
    const float q = query.values[static_cast<size_t>(dim)];
    const float* keys = kv_tile.keys.data() + dim * kKvTileTokens;
    for (int64_t i = begin; i < end; ++i) scores[i] += q * keys[i];
  }
  float max = -std::numeric_limits<float>::infinity();
  for (int64_t i = begin; i < end; ++i) {
    scores[i] *= params.scale;
    if (params.soft_cap > 0) scores[i] = params.soft_cap * std::tanh(scores[i] / params.soft_cap);
    max = std::max(max, scores[i]);
  }

  float sum = 0;
  std::vector<float> output(static_cast<size_t>(head_dim));
  for (int64_t i = begin; i < end; ++i) {
    const float power = std::exp(scores[i] - max);
    const float* values = kv_tile.values.data() + i * head_dim;
    sum += power;
    for (int64_t dim = 0; dim < head_dim; ++dim) output[static_cast<size_t>(dim)] += power * values[dim];
  }

  const float joined = std::max(query.max, max);
  const float old_factor = std::exp(query.max - joined);  // 0 for the first KV tile
  const float new_factor = std::exp(max - joined);
  query.max = joined;
  query.sum = query.sum * old_factor + sum * new_factor;
  for (size_t dim = 0; dim < output.size(); ++dim) {
    query.output[dim] = query.output[dim] * old_factor + output[dim] * new_factor;
  }
}

// A sink is a key with a fixed score whose value is zero.
void add_sink(float sink, Query& query) {
  const float joined = std::max(query.max, sink);
  const float factor = std::exp(query.max - joined);
  query.max = joined;
  query.sum = query.sum * factor + std::exp(sink - joined);
  for (float& value : query.output) value *= factor;
}

void write_out(const Query& query, Rows out, int64_t row, int64_t first_col) {
  for (size_t dim = 0; dim < query.output.size(); ++dim) {
    const float value = query.output[dim] / query.sum;
    const int64_t col = first_col + static_cast<int64_t>(dim);
    if (out.dtype == DType::kFloat32) {
      out.row<float>(row)[col] = value;
    } else {
      out.row<BFloat16>(row)[col] = to_bfloat16(value);
    }
  }
}

// Some consecutive new tokens of a sequence under one KV head: the unit of work for a thread.
struct QueryTile {
  const AttentionSequence* sequence;
  int64_t kv_head;
  int32_t first;  // among the new tokens
  int32_t count;

  int64_t position(int64_t token) const { return sequence->first_position + first + token; }
};

void attend_tile(ConstRows q, const QueryTile& tile, const KvLayer& layer, const AttentionParams& params, Rows out) {
  const int64_t head_dim = layer.head_dim;
  const int64_t heads_per_kv = params.num_heads / layer.num_kv_heads;
  const int64_t first_row = tile.sequence->first_row + tile.first;
  const auto column = [&](int64_t head) { return (tile.kv_head * heads_per_kv + head) * head_dim; };

  std::vector<Query> queries;  // [token][head]
  for (int64_t token = 0; token < tile.count; ++token) {
    for (int64_t head = 0; head < heads_per_kv; ++head) {
      queries.emplace_back(layer, q.row<float>(first_row + token) + column(head));
    }
  }

  KvTile kv_tile(head_dim);
  const int64_t first_key = first_visible(params, tile.position(0));
  const int64_t end_key = end_visible(*tile.sequence, tile.position(tile.count - 1));
  for (int64_t origin = first_key / kKvTileTokens * kKvTileTokens; origin < end_key; origin += kKvTileTokens) {
    unpack(layer, tile.sequence->pages, tile.kv_head, std::max(origin, first_key),
           std::min(origin + kKvTileTokens, end_key), kv_tile);
    for (size_t i = 0; i < queries.size(); ++i) {
      const int64_t position = tile.position(static_cast<int64_t>(i) / heads_per_kv);
      const int64_t begin = std::max<int64_t>(first_visible(params, position) - origin, 0);
      const int64_t end = std::min(end_visible(*tile.sequence, position) - origin, kKvTileTokens);
      if (begin < end) attend(kv_tile, begin, end, params, queries[i]);
    }
  }
  for (size_t i = 0; i < queries.size(); ++i) {
    const auto index = static_cast<int64_t>(i);
    if (!params.sinks.empty()) {
      add_sink(params.sinks[static_cast<size_t>(tile.kv_head * heads_per_kv + index % heads_per_kv)], queries[i]);
    }
    write_out(queries[i], out, first_row + index / heads_per_kv, column(index % heads_per_kv));
  }
}

class NativeAttention final : public AttentionBackend {
 public:
  explicit NativeAttention(Ops& ops) : ops_(ops) {}

  std::string_view name() const override { return "native"; }

  void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
               const AttentionParams& params, Rows out) override {
    std::vector<QueryTile> tiles;
    for (const AttentionSequence& sequence : sequences) {
      for (int64_t kv_head = 0; kv_head < layer.num_kv_heads; ++kv_head) {
        for (int32_t first = 0; first < sequence.num_new; first += kQueryTileTokens) {
          const int32_t count = std::min<int32_t>(kQueryTileTokens, sequence.num_new - first);
          tiles.push_back({.sequence = &sequence, .kv_head = kv_head, .first = first, .count = count});
        }
      }
    }
    ops_.parallel_for(static_cast<int64_t>(tiles.size()), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) attend_tile(q, tiles[static_cast<size_t>(i)], layer, params, out);
    });
  }

 private:
  Ops& ops_;
};

}  // namespace

std::unique_ptr<AttentionBackend> make_native_attention(Ops& ops) {
  return std::make_unique<NativeAttention>(ops);
}

}  // namespace braid
