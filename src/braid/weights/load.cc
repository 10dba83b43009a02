#include "braid/weights/load.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "braid/base/check.h"
#include "braid/formats/ggml_type.h"
#include "braid/weights/pack_cache/describe.h"
#include "braid/weights/pack_cache/pack_cache.h"

namespace braid {
namespace {

constexpr int64_t kSlabBytes = int64_t{16} << 20;    // of source bytes, between two progress reports
constexpr int64_t kChunkBytes = int64_t{128} << 10;  // that a thread reads at a time, so that it packs from its cache
// For a matrix that is stored transposed. One of its rows is one element of each of the file's rows, so many of its
// rows are read together to make a read worthwhile.
constexpr int64_t kTurnedChunkBytes = int64_t{4} << 20;
constexpr int64_t kRowUnit = PackedMatrix::kPanelCols;

IndexRange resolve(IndexRange part, int64_t size) {
  if (part.end < part.begin) return {.begin = 0, .end = size};
  CHECK(part.begin >= 0 && part.end <= size, "[{}, {}) of {}", part.begin, part.end, size);
  return part;
}

bool is_same(IndexRange a, IndexRange b) {
  return a.begin == b.begin && a.end == b.end;
}

}  // namespace

bool MatrixCut::operator==(const MatrixCut& other) const {
  return std::ranges::equal(rows, other.rows, is_same) && is_same(cols, other.cols) &&
         padded_rows == other.padded_rows && domain == other.domain;
}

WeightLoader::WeightLoader(const Checkpoint& checkpoint, ThreadTeam& team, LoadProgress progress,
                           FirstTouch* first_touch, PackCache* cache)
    : checkpoint_(checkpoint),
      team_(team),
      progress_(std::move(progress)),
      first_touch_(first_touch),
      cache_(cache),
      total_bytes_(checkpoint.stored_bytes()) {}

void WeightLoader::touch(std::vector<PackedMatrix>& packed, std::span<const MatrixCut> cuts) const {
  if (first_touch_ == nullptr) return;
  std::vector<UntouchedMemory> memory;
  for (size_t i = 0; i < packed.size(); ++i) memory.push_back({.domain = cuts[i].domain, .bytes = packed[i].memory()});
  first_touch_->touch(memory);
}

bool WeightLoader::fetch(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const {
  if (cache_ == nullptr) return false;
  for (size_t i = 0; i < packed.size(); ++i) {
    if (cache_->fetch(whats[i], packed[i].memory())) continue;
    for (size_t had = 0; had < i; ++had) std::ranges::fill(packed[had].memory(), std::byte{0});
    return false;
  }
  return true;
}

void WeightLoader::keep(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const {
  if (cache_ == nullptr) return;
  for (size_t i = 0; i < packed.size(); ++i) cache_->keep(whats[i], packed[i].memory());
}

Result<const StoredTensor*> WeightLoader::find_usable(std::string_view name) const {
  const StoredTensor* const tensor = checkpoint_.find(name);
  if (tensor == nullptr) return fail("{}: tensor \"{}\" is missing", checkpoint_.model().path, name);
  if (!tensor->is_usable()) {
    return fail("{} has the type {}, which is not supported", describe(name, *tensor), tensor->type_name);
  }
  return tensor;
}

void WeightLoader::count(int64_t bytes) const {
  done_bytes_ += bytes;
  if (progress_) progress_(std::min(done_bytes_, total_bytes_), total_bytes_);
}

int64_t WeightLoader::huge_page_bytes() const {
  int64_t bytes = 0;
  for (const auto& [domain, arena] : arenas_) bytes += arena.huge_page_bytes();
  return bytes;
}

Status WeightLoader::for_each_part(const StoredTensor& tensor, IndexRange rows,
                                   FunctionRef<Status(int64_t begin, int64_t end)> work) const {
  if (rows.end <= rows.begin || tensor.cols() == 0) return {};
  const int64_t row_bytes = std::max<int64_t>(tensor.bytes / tensor.rows(), 1);
  const int64_t slab_rows = std::max<int64_t>(kSlabBytes / row_bytes / kRowUnit, team_.size()) * kRowUnit;
  for (int64_t first = rows.begin; first < rows.end; first += slab_rows) {
    const int64_t slab = std::min(slab_rows, rows.end - first);
    read_ahead_.at(*tensor.file, tensor.offset + first * row_bytes);
    std::vector<Status> results(static_cast<size_t>(team_.size()));
    team_.run([&](int thread) {
      const IndexRange part = split_evenly(slab, thread, team_.size(), kRowUnit);
      if (part.begin < part.end) results[static_cast<size_t>(thread)] = work(first + part.begin, first + part.end);
    });
    for (const Status& result : results) TRY_STATUS(result);
    count(slab * row_bytes);
  }
  return {};
}

Status WeightLoader::for_each_row(const StoredTensor& tensor, IndexRange rows,
                                  FunctionRef<void(ConstRows source, int64_t first)> take) const {
  const bool is_turned = tensor.is_turned();
  const bool is_as_stored = tensor.plain && !(is_turned && *tensor.plain == DType::kFloat16);
  const DType dtype = is_as_stored ? *tensor.plain : DType::kFloat32;
  const int64_t chunk_bytes = is_turned ? kTurnedChunkBytes : kChunkBytes;
  const int64_t units = chunk_bytes / std::max<int64_t>(tensor.cols() * dtype_bytes(dtype), 1) / kRowUnit;
  return for_each_part(tensor, rows, [&](int64_t begin, int64_t end) -> Status {
    const int64_t chunk_rows = std::min(std::max<int64_t>(units, 1) * kRowUnit, end - begin);
    const RowsBuffer buffer(dtype, chunk_rows, tensor.cols());
    for (int64_t row = begin; row < end; row += chunk_rows) {
      const Rows chunk = buffer.first(std::min(chunk_rows, end - row));
      TRY_STATUS(tensor.read_rows(row, chunk));
      take(chunk, row);
    }
    return {};
  });
}

Status WeightLoader::deal_rows(const StoredTensor& tensor, std::span<const IndexRange> parts,
                               FunctionRef<void(size_t part, ConstRows source, int64_t first)> take) const {
  IndexRange hull{.begin = tensor.rows(), .end = 0};
  for (const IndexRange& part : parts) {
    if (part.begin >= part.end) continue;
    hull = {.begin = std::min(hull.begin, part.begin), .end = std::max(hull.end, part.end)};
  }
  return for_each_row(tensor, hull, [&](ConstRows source, int64_t first) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const int64_t begin = std::max(parts[i].begin, first);
      const int64_t end = std::min(parts[i].end, first + source.rows);
      if (begin < end) take(i, source.slice_rows(begin - first, end - begin), begin - parts[i].begin);
    }
  });
}

Result<std::vector<PackedMatrix>> WeightLoader::matrices(std::span<const std::string> names,
                                                         std::span<const MatrixCut> cuts, DType dtype) const {
  std::vector<const StoredTensor*> tensors;
  for (const std::string& name : names) {
    TRY(const StoredTensor* const tensor, find_usable(name));
    if (!tensors.empty() && tensor->cols() != tensors.front()->cols()) {
      return fail("{} has {} columns, {} has {}", describe(name, *tensor), tensor->cols(), names.front(),
                  tensors.front()->cols());
    }
    tensors.push_back(tensor);
  }
  CHECK(!tensors.empty());

  std::vector<PackedMatrix> packed;
  std::vector<IndexRange> cols;
  std::vector<std::vector<IndexRange>> rows(tensors.size());  // by tensor and cut
  std::vector<int64_t> bases(cuts.size());                    // the first row of a tensor in each packed matrix
  for (const MatrixCut& cut : cuts) {
    CHECK(cut.rows.size() == tensors.size(), "rows of {} matrices, there are {}", cut.rows.size(), tensors.size());
    cols.push_back(resolve(cut.cols, tensors.front()->cols()));
    int64_t num_rows = 0;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const IndexRange part = rows[i].emplace_back(resolve(cut.rows[i], tensors[i]->rows()));
      num_rows += part.end - part.begin;
    }
    packed.emplace_back(dtype, std::max(num_rows, cut.padded_rows), cols.back().end - cols.back().begin,
                        arenas_[cut.domain]);
    packed_bytes_ += packed.back().bytes();
  }
  touch(packed, cuts);
  std::vector<std::string> whats;
  for (size_t cut = 0; cut < cuts.size() && cache_ != nullptr; ++cut) {
    std::vector<IndexRange> own;
    for (const auto& of_tensor : rows) own.push_back(of_tensor[cut]);
    whats.push_back(describe_packed("stacked", packed[cut], checkpoint_, tensors, own, cols[cut]));
  }
  if (fetch(whats, packed)) {
    for (const StoredTensor* const tensor : tensors) count(tensor->bytes);
    return packed;
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    TRY_STATUS(deal_rows(*tensors[i], rows[i], [&](size_t cut, ConstRows source, int64_t first) {
      const IndexRange part = cols[cut];
      packed[cut].pack_rows(source.slice_cols(part.begin, part.end - part.begin), bases[cut] + first);
    }));
    for (size_t cut = 0; cut < cuts.size(); ++cut) bases[cut] += rows[i][cut].end - rows[i][cut].begin;
  }
  keep(whats, packed);
  return packed;
}

Result<std::vector<PackedMatrix>> WeightLoader::gate_ups(const std::string& gate, const std::string& up,
                                                         std::span<const MatrixCut> cuts, DType dtype) const {
  TRY(const StoredTensor* const gate_tensor, find_usable(gate));
  TRY(const StoredTensor* const up_tensor, find_usable(up));
  if (gate_tensor->shape != up_tensor->shape) {
    return fail("{} has shape {}, {} has {}", describe(up, *up_tensor), up_tensor->shape_text(), gate,
                gate_tensor->shape_text());
  }
  std::vector<PackedMatrix> packed;
  std::vector<IndexRange> gate_rows;
  std::vector<IndexRange> up_rows;
  for (const MatrixCut& cut : cuts) {
    CHECK(cut.rows.size() == 2, "{} ranges of rows", cut.rows.size());
    const IndexRange own = gate_rows.emplace_back(resolve(cut.rows[0], gate_tensor->rows()));
    const IndexRange of_up = up_rows.emplace_back(resolve(cut.rows[1], up_tensor->rows()));
    CHECK(of_up.end - of_up.begin == own.end - own.begin);
    packed.emplace_back(dtype, 2 * (own.end - own.begin), gate_tensor->cols(), arenas_[cut.domain]);
    packed_bytes_ += packed.back().bytes();
  }
  touch(packed, cuts);
  const std::array<const StoredTensor*, 2> tensors = {gate_tensor, up_tensor};
  std::vector<std::string> whats;
  for (size_t i = 0; i < cuts.size() && cache_ != nullptr; ++i) {
    const std::array<IndexRange, 2> own = {gate_rows[i], up_rows[i]};
    whats.push_back(
        describe_packed("gate and up", packed[i], checkpoint_, tensors, own, {.begin = 0, .end = gate_tensor->cols()}));
  }
  if (fetch(whats, packed)) {
    for (const StoredTensor* const tensor : tensors) count(tensor->bytes);
    return packed;
  }
  for (const bool is_up : {false, true}) {
    TRY_STATUS(deal_rows(
        is_up ? *up_tensor : *gate_tensor, is_up ? up_rows : gate_rows,
        [&](size_t part, ConstRows source, int64_t first) { packed[part].pack_gate_up_rows(source, first, is_up); }));
  }
  keep(whats, packed);
  return packed;
}

Result<std::vector<float>> WeightLoader::vector(std::string_view name) const {
  TRY(const StoredTensor* const tensor, find_usable(name));
  std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
  TRY_STATUS(tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols())));
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return fail("{} has a value that is not finite ({} at {})", describe(name, *tensor), values[i], i);
    }
  }
  count(tensor->bytes);
  packed_bytes_ += static_cast<int64_t>(values.size() * sizeof(float));
  return values;
}

Result<RowsBuffer> WeightLoader::rows(std::string_view name, DType dtype, int32_t domain) const {
  TRY(const StoredTensor* const tensor, find_usable(name));
  RowsBuffer table(arenas_[domain].take(tensor->num_elements() * dtype_bytes(dtype)), dtype, tensor->rows(),
                   tensor->cols());
  packed_bytes_ += table.bytes();
  const Rows all = table.first(tensor->rows());
  const std::span<std::byte> memory(all.data, static_cast<size_t>(table.bytes()));
  if (first_touch_ != nullptr) {
    const UntouchedMemory untouched{.domain = domain, .bytes = memory};
    first_touch_->touch({&untouched, 1});
  }
  // A table stored in the needed dtype would only take disk space twice.
  PackCache* const cache = tensor->plain == dtype ? nullptr : cache_;
  const std::string what = cache != nullptr ? describe_rows(dtype, checkpoint_, *tensor) : "";
  if (cache != nullptr && cache->fetch(what, memory)) {
    count(tensor->bytes);
    return table;
  }
  TRY_STATUS(for_each_part(*tensor, {.begin = 0, .end = tensor->rows()}, [&](int64_t begin, int64_t end) {
    return tensor->read_rows(begin, all.slice_rows(begin, end - begin));
  }));
  if (cache != nullptr) cache->keep(what, memory);
  return table;
}

}  // namespace braid
