#include "braid/bench/kernels/attention_bench.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "braid/bench/timing.h"
#include "braid/tensor/buffer.h"

namespace braid {
namespace {

// KV caches for as many layers as fit cache_bytes. Pages are in random order, as a pool in use hands them out.
class Caches {
 public:
  Caches(const AttentionBench& bench, const AttentionCase& shape, Ops& ops) {
    const int64_t pages_each = (shape.context + bench.page_size - 1) / bench.page_size;
    const int64_t num_pages = pages_each * shape.num_sequences;
    layer_ = {.dtype = bench.dtype,
              .codes = bench.codes,
              .num_kv_heads = bench.num_kv_heads,
              .head_dim = bench.head_dim,
              .page_size = bench.page_size};
    layer_bytes_ = num_pages * layer_.page_bytes();
    num_layers_ = std::max<int64_t>(1, bench.cache_bytes / (2 * layer_bytes_));
    keys_ = Buffer(num_layers_ * layer_bytes_);
    values_ = Buffer(num_layers_ * layer_bytes_);

    pages_.resize(static_cast<size_t>(num_pages));
    std::iota(pages_.begin(), pages_.end(), 0);
    std::shuffle(pages_.begin(), pages_.end(), std::mt19937(1));
    for (int64_t i = 0; i < shape.num_sequences; ++i) {
      sequences_.push_back(
          {.first_row = i * shape.num_new,
           .num_new = static_cast<int32_t>(shape.num_new),
           .first_position = static_cast<int32_t>(shape.context - shape.num_new),
           .pages = std::span(pages_).subspan(static_cast<size_t>(i * pages_each), static_cast<size_t>(pages_each))});
    }
    fill(bench, shape, ops);
  }

  KvLayer next() {
    KvLayer layer = layer_;
    layer.keys = keys_.data() + next_ * layer_bytes_;
    layer.values = values_.data() + next_ * layer_bytes_;
    next_ = (next_ + 1) % num_layers_;
    return layer;
  }
  int64_t num_layers() const { return num_layers_; }
  std::span<const AttentionSequence> sequences() const { return sequences_; }

 private:
  // Random keys and values in every slot, the same for each sequence.
  void fill(const AttentionBench& bench, const AttentionCase& shape, Ops& ops) {
    const RowsBuffer rows(DType::kFloat32, shape.context, int64_t{bench.num_kv_heads} * bench.head_dim);
    const Rows values = rows.first(shape.context);
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < values.rows * values.cols; ++i) values.row<float>(0)[i] = normal(random);
    for (int64_t layer = 0; layer < num_layers_; ++layer) {
      const KvLayer target = next();
      for (AttentionSequence sequence : sequences_) {
        sequence.first_row = 0;
        sequence.first_position = 0;
        sequence.num_new = static_cast<int32_t>(shape.context);
        ops.write_kv(values, values, {&sequence, 1}, target);
      }
    }
  }

  KvLayer layer_;
  int64_t layer_bytes_ = 0;
  int64_t num_layers_ = 0;
  int64_t next_ = 0;
  Buffer keys_;
  Buffer values_;
  std::vector<PageId> pages_;
  std::vector<AttentionSequence> sequences_;
};

AttentionFigure measure_case(AttentionBackend& backend, Ops& ops, const AttentionBench& bench,
                             const AttentionCase& shape, ReadMeter& meter) {
  Caches caches(bench, shape, ops);
  const int64_t rows = shape.num_sequences * shape.num_new;
  const int64_t width = int64_t{bench.num_heads} * bench.head_dim;
  const RowsBuffer q(DType::kFloat32, rows, width);
  const RowsBuffer out(bench.dtype, rows, width);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < rows * width; ++i) q.first(rows).row<float>(0)[i] = normal(random);
  const AttentionParams params = {.num_heads = bench.num_heads,
                                  .scale = 1.0F / std::sqrt(static_cast<float>(bench.head_dim))};

  constexpr double kSecondsBetweenReadings = 0.01;
  std::vector<double> times;
  std::vector<double> readings;
  double next_reading = 0;
  for (double spent = 0; times.size() < 3 || spent < bench.seconds_per_case; spent += times.back()) {
    if (spent >= next_reading) {
      readings.push_back(meter.turn());
      next_reading = spent + kSecondsBetweenReadings;
    }
    const KvLayer layer = caches.next();
    times.push_back(
        seconds_of([&] { backend.forward(q.first(rows), caches.sequences(), layer, params, out.first(rows)); }));
  }
  const double seconds = median(times);

  const auto first = static_cast<double>(shape.context - shape.num_new + 1);  // keys that the first new token sees
  const double seen = (first + static_cast<double>(shape.context)) / 2 * static_cast<double>(rows);
  const int64_t head_bytes = kv_head_bytes(bench.dtype, bench.codes, bench.head_dim);
  const double bytes = 2.0 * static_cast<double>(shape.num_sequences * shape.context * bench.num_kv_heads * head_bytes);
  return {.shape = shape,
          .seconds = seconds,
          .bytes_per_s = bytes / seconds,
          .flops_per_s = 4.0 * seen * static_cast<double>(width) / seconds,
          .read_bytes_per_s = std::max(median(readings), bytes / seconds)};
}

}  // namespace

std::vector<AttentionCase> default_attention_cases() {
  std::vector<AttentionCase> cases;
  for (const int64_t num_sequences : {1, 8, 32}) {
    for (const int64_t context : {160, 2048, 8192}) cases.push_back({num_sequences, context, 1});
  }
  cases.push_back({1, 512, 512});
  cases.push_back({1, 8192, 8192});
  return cases;
}

std::vector<AttentionFigure> measure_attention(AttentionBackend& backend, Ops& ops, const AttentionBench& bench,
                                               ReadMeter& meter) {
  std::vector<AttentionFigure> figures;
  for (const AttentionCase& shape : bench.cases) figures.push_back(measure_case(backend, ops, bench, shape, meter));
  return figures;
}

}  // namespace braid
