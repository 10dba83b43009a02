#include "braid/weights/load.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include "braid/base/check.h"
#include "braid/formats/ggml_type.h"
#include "braid/weights/kept_weights.h"
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

// All rows between the first and the last of the parts.
IndexRange hull_of(std::span<const IndexRange> parts, int64_t rows) {
  IndexRange hull{.begin = rows, .end = 0};
  for (const IndexRange& part : parts) {
    if (part.begin >= part.end) continue;
    hull = {.begin = std::min(hull.begin, part.begin), .end = std::max(hull.end, part.end)};
  }
  return hull;
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
                           FirstTouch* first_touch, PackCache* cache, const QuantizedWeights& quantized,
                           KeptWeights* kept)
    : checkpoint_(checkpoint),
      team_(team),
      progress_(std::move(progress)),
      first_touch_(first_touch),
      cache_(cache),
      quantized_(quantized),
      kept_(kept),
      total_bytes_(checkpoint.stored_bytes()) {}

BufferArena& WeightLoader::arena(int32_t domain) const {
  const auto found = arenas_.find(domain);
  if (found != arenas_.end()) return found->second;
  if (kept_ == nullptr) return arenas_[domain];
  return arenas_.emplace(domain, BufferArena([kept = kept_](int64_t bytes) { return kept->take(bytes); }))
      .first->second;
}

bool WeightLoader::are_there() const {
  return kept_ != nullptr && kept_->are_there();
}

void WeightLoader::prepare(std::span<const UntouchedMemory> memory) const {
  if (first_touch_ != nullptr && !are_there()) first_touch_->touch(memory);
  if (kept_ == nullptr) return;
  for (const UntouchedMemory& one : memory) kept_->prepare(one.bytes);
}

void WeightLoader::prepare(std::vector<PackedMatrix>& packed, std::span<const MatrixCut> cuts) const {
  std::vector<UntouchedMemory> memory;
  for (size_t i = 0; i < packed.size(); ++i) memory.push_back({.domain = cuts[i].domain, .bytes = packed[i].memory()});
  prepare(memory);
}

bool WeightLoader::fetch(std::span<const std::string> whats, std::vector<PackedMatrix>& packed) const {
  if (are_there()) return true;
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
  return for_each_row(tensor, hull_of(parts, tensor.rows()), [&](ConstRows source, int64_t first) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const int64_t begin = std::max(parts[i].begin, first);
      const int64_t end = std::min(parts[i].end, first + source.rows);
      if (begin < end) take(i, source.slice_rows(begin - first, end - begin), begin - parts[i].begin);
    }
  });
}

Status WeightLoader::deal_codes(const StoredTensor& tensor, const QuantizedFormat& format,
                                std::span<const IndexRange> parts,
                                FunctionRef<void(size_t part, const QuantizedRows& source, int64_t first)> take) const {
  const int64_t chunk_bytes = tensor.is_turned() ? kTurnedChunkBytes : kChunkBytes;
  const int64_t most_rows =
      std::max<int64_t>(chunk_bytes / std::max<int64_t>(tensor.cols(), 1) / kRowUnit, 1) * kRowUnit;
  return for_each_part(tensor, hull_of(parts, tensor.rows()), [&](int64_t begin, int64_t end) -> Status {
    for (int64_t first = begin; first < end; first += most_rows) {
      TRY(const QuantizedRows rows, read_weight_codes(tensor, format, first, std::min(most_rows, end - first)));
      for (size_t i = 0; i < parts.size(); ++i) {
        const int64_t from = std::max(parts[i].begin, first);
        const int64_t to = std::min(parts[i].end, first + rows.rows);
        if (from >= to) continue;
        const bool is_all = to - from == rows.rows;
        take(i, is_all ? rows : slice_rows(rows, from - first, to - from), from - parts[i].begin);
      }
    }
    return {};
  });
}

std::optional<QuantizedFormat> WeightLoader::common_format(std::span<const StoredTensor* const> tensors,
                                                           std::span<const MatrixCut> cuts, MatrixUse use) const {
  std::optional<QuantizedFormat> common;
  for (const StoredTensor* const tensor : tensors) {
    const auto own = kept_format(*tensor, quantized_, use);
    if (!own || (common && *common != *own)) return std::nullopt;
    if (!std::ranges::equal(tensor->input_order(), tensors.front()->input_order())) return std::nullopt;
    common = own;
  }
  const int64_t num_cols = tensors.front()->cols();
  for (const MatrixCut& cut : cuts) {
    const IndexRange cols = resolve(cut.cols, num_cols);
    if (!tensors.front()->input_order().empty() && cols.end - cols.begin < num_cols) return std::nullopt;
    if (!format_of_cols(*common, num_cols, cols)) return std::nullopt;
  }
  return common;
}

bool WeightLoader::are_kept(std::span<const std::string> names, std::span<const MatrixCut> cuts, MatrixUse use) const {
  std::vector<const StoredTensor*> tensors;
  for (const std::string& name : names) {
    tensors.push_back(checkpoint_.find(name));
    if (tensors.back() == nullptr || tensors.back()->cols() != tensors.front()->cols()) return false;
  }
  return !tensors.empty() && common_format(tensors, cuts, use).has_value();
}

PackedMatrix WeightLoader::make_packed(const StoredTensor& tensor, const std::optional<QuantizedFormat>& format,
                                       DType dtype, int64_t rows, IndexRange cols, int32_t domain) const {
  const int64_t num_cols = cols.end - cols.begin;
  if (!format) return {dtype, rows, num_cols, arena(domain)};
  const ActivationBits bits = allows_rounded_rows(*format) ? *quantized_.activations : ActivationBits::kExact;
  PackedMatrix packed(*format_of_cols(*format, tensor.cols(), cols), bits, dtype, rows, num_cols, arena(domain));
  const std::span<const int32_t> order = tensor.input_order();
  packed.set_input_order({order.begin(), order.end()});
  return packed;
}

Result<std::vector<std::vector<PackedMatrix>>> WeightLoader::stacks(std::span<const std::string> names,
                                                                    std::span<const MatrixCut> cuts, DType dtype,
                                                                    MatrixUse use) const {
  std::vector<std::vector<PackedMatrix>> stacks(cuts.size());
  for (size_t begin = 0; begin < names.size();) {
    // Either all kept in one format, or none kept.
    size_t end = begin + 1;
    const bool is_kept = are_kept(names.subspan(begin, 1), cuts, use);
    while (end < names.size() && (is_kept ? are_kept(names.subspan(begin, end + 1 - begin), cuts, use)
                                          : !are_kept(names.subspan(end, 1), cuts, use))) {
      ++end;
    }
    std::vector<MatrixCut> own(cuts.begin(), cuts.end());
    for (MatrixCut& cut : own) {
      cut.rows = {cut.rows.begin() + static_cast<ptrdiff_t>(begin), cut.rows.begin() + static_cast<ptrdiff_t>(end)};
    }
    TRY(auto packed, matrices(names.subspan(begin, end - begin), own, dtype, use));
    for (size_t cut = 0; cut < cuts.size(); ++cut) stacks[cut].push_back(std::move(packed[cut]));
    begin = end;
  }
  return stacks;
}

Result<std::vector<PackedMatrix>> WeightLoader::matrices(std::span<const std::string> names,
                                                         std::span<const MatrixCut> cuts, DType dtype,
                                                         MatrixUse use) const {
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
  const std::optional<QuantizedFormat> format = common_format(tensors, cuts, use);
  for (const StoredTensor* const tensor : std::set(tensors.begin(), tensors.end())) uses_.add(*tensor, dtype, format);

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
    packed.push_back(
        make_packed(*tensors.front(), format, dtype, std::max(num_rows, cut.padded_rows), cols.back(), cut.domain));
    packed_bytes_ += packed.back().bytes();
  }
  prepare(packed, cuts);
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
    if (format) {
      TRY_STATUS(deal_codes(*tensors[i], *format, rows[i], [&](size_t cut, const QuantizedRows& source, int64_t first) {
        const bool is_all = cols[cut].end - cols[cut].begin == source.cols;
        packed[cut].pack_rows(is_all ? source : slice_cols(source, cols[cut]), bases[cut] + first);
      }));
    } else {
      TRY_STATUS(deal_rows(*tensors[i], rows[i], [&](size_t cut, ConstRows source, int64_t first) {
        const IndexRange part = cols[cut];
        packed[cut].pack_rows(source.slice_cols(part.begin, part.end - part.begin), bases[cut] + first);
      }));
    }
    for (size_t cut = 0; cut < cuts.size(); ++cut) bases[cut] += rows[i][cut].end - rows[i][cut].begin;
  }
  keep(whats, packed);
  return packed;
}

Result<std::vector<PackedMatrix>> WeightLoader::gate_ups(const std::string& gate, const std::string& up,
                                                         std::span<const MatrixCut> cuts, DType dtype,
                                                         MatrixUse use) const {
  TRY(const StoredTensor* const gate_tensor, find_usable(gate));
  TRY(const StoredTensor* const up_tensor, find_usable(up));
  if (gate_tensor->shape != up_tensor->shape) {
    return fail("{} has shape {}, {} has {}", describe(up, *up_tensor), up_tensor->shape_text(), gate,
                gate_tensor->shape_text());
  }
  const std::array<const StoredTensor*, 2> tensors = {gate_tensor, up_tensor};
  const std::optional<QuantizedFormat> format = common_format(tensors, cuts, use);
  uses_.add(*gate_tensor, dtype, format);
  if (up_tensor != gate_tensor) uses_.add(*up_tensor, dtype, format);
  const IndexRange all_cols{.begin = 0, .end = gate_tensor->cols()};
  std::vector<PackedMatrix> packed;
  std::vector<IndexRange> gate_rows;
  std::vector<IndexRange> up_rows;
  for (const MatrixCut& cut : cuts) {
    CHECK(cut.rows.size() == 2, "{} ranges of rows", cut.rows.size());
    const IndexRange own = gate_rows.emplace_back(resolve(cut.rows[0], gate_tensor->rows()));
    const IndexRange of_up = up_rows.emplace_back(resolve(cut.rows[1], up_tensor->rows()));
    CHECK(of_up.end - of_up.begin == own.end - own.begin);
    packed.push_back(make_packed(*gate_tensor, format, dtype, 2 * (own.end - own.begin), all_cols, cut.domain));
    packed_bytes_ += packed.back().bytes();
  }
  prepare(packed, cuts);
  std::vector<std::string> whats;
  for (size_t i = 0; i < cuts.size() && cache_ != nullptr; ++i) {
    const std::array<IndexRange, 2> own = {gate_rows[i], up_rows[i]};
    whats.push_back(describe_packed("gate and up", packed[i], checkpoint_, tensors, own, all_cols));
  }
  if (fetch(whats, packed)) {
    for (const StoredTensor* const tensor : tensors) count(tensor->bytes);
    return packed;
  }
  for (const bool is_up : {false, true}) {
    const StoredTensor& tensor = is_up ? *up_tensor : *gate_tensor;
    const std::vector<IndexRange>& rows = is_up ? up_rows : gate_rows;
    const auto pack = [&](size_t part, const auto& source, int64_t first) {
      packed[part].pack_gate_up_rows(source, first, is_up);
    };
    TRY_STATUS(format ? deal_codes(tensor, *format, rows, pack) : deal_rows(tensor, rows, pack));
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
  uses_.add(*tensor, DType::kFloat32, std::nullopt);
  packed_bytes_ += static_cast<int64_t>(values.size() * sizeof(float));
  return values;
}

Result<RowsBuffer> WeightLoader::rows(std::string_view name, DType dtype, int32_t domain) const {
  TRY(const StoredTensor* const tensor, find_usable(name));
  RowsBuffer table(arena(domain).take(tensor->num_elements() * dtype_bytes(dtype)), dtype, tensor->rows(),
                   tensor->cols());
  packed_bytes_ += table.bytes();
  uses_.add(*tensor, dtype, std::nullopt);
  const Rows all = table.first(tensor->rows());
  const std::span<std::byte> memory(all.data, static_cast<size_t>(table.bytes()));
  const UntouchedMemory untouched{.domain = domain, .bytes = memory};
  prepare({&untouched, 1});
  // A table stored in the needed dtype would only take disk space twice.
  PackCache* const cache = tensor->plain == dtype ? nullptr : cache_;
  const std::string what = cache != nullptr ? describe_rows(dtype, checkpoint_, *tensor) : "";
  if (are_there() || (cache != nullptr && cache->fetch(what, memory))) {
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
