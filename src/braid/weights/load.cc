#include "braid/weights/load.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "braid/base/check.h"
#include "braid/formats/ggml_type.h"

namespace braid {
namespace {

constexpr int64_t kSlabBytes = int64_t{16} << 20;  // of source, before its pages are given back
constexpr int64_t kRowUnit = PackedMatrix::kPanelCols;

}  // namespace

WeightLoader::WeightLoader(const Checkpoint& checkpoint, ThreadTeam& team, LoadProgress progress)
    : checkpoint_(checkpoint), team_(team), progress_(std::move(progress)), total_bytes_(checkpoint.stored_bytes()) {}

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

void WeightLoader::for_each_part(const StoredTensor& tensor, FunctionRef<void(int64_t begin, int64_t end)> work) const {
  const int64_t num_rows = tensor.rows();
  if (num_rows == 0 || tensor.cols() == 0) return;
  const int64_t row_bytes = std::max<int64_t>(tensor.bytes / num_rows, 1);
  const int64_t slab_rows = std::max<int64_t>(kSlabBytes / row_bytes / kRowUnit, team_.size()) * kRowUnit;
  for (int64_t first = 0; first < num_rows; first += slab_rows) {
    const int64_t slab = std::min(slab_rows, num_rows - first);
    team_.run([&](int thread) {
      const Span1d part = split_evenly(slab, thread, team_.size(), kRowUnit);
      if (part.begin < part.end) work(first + part.begin, first + part.end);
    });
    tensor.release_rows(first, slab);
    count(slab * row_bytes);
  }
  tensor.release_rows(0, num_rows);  // the pages on slabs' borders too
}

void WeightLoader::for_each_row(const StoredTensor& tensor,
                                FunctionRef<void(ConstRows source, int64_t first)> take) const {
  const auto view = tensor.view();
  for_each_part(tensor, [&](int64_t begin, int64_t end) {
    if (view) return take(view->slice_rows(begin, end - begin), begin);
    const RowsBuffer floats(DType::kFloat32, kRowUnit, tensor.cols());
    for (int64_t row = begin; row < end; row += kRowUnit) {
      const Rows chunk = floats.first(std::min(kRowUnit, end - row));
      tensor.read_rows(row, chunk);
      take(chunk, row);
    }
  });
}

Result<PackedMatrix> WeightLoader::matrix(std::span<const std::string> names, DType dtype) const {
  std::vector<const StoredTensor*> tensors;
  int64_t num_rows = 0;
  for (const std::string& name : names) {
    TRY(const StoredTensor* const tensor, find_usable(name));
    if (!tensors.empty() && tensor->cols() != tensors.front()->cols()) {
      return fail("{} has {} columns, {} has {}", describe(name, *tensor), tensor->cols(), names.front(),
                  tensors.front()->cols());
    }
    num_rows += tensor->rows();
    tensors.push_back(tensor);
  }
  CHECK(!tensors.empty());
  PackedMatrix packed(dtype, num_rows, tensors.front()->cols());
  int64_t base = 0;
  for (const StoredTensor* const tensor : tensors) {
    for_each_row(*tensor, [&](ConstRows source, int64_t first) { packed.pack_rows(source, base + first); });
    base += tensor->rows();
  }
  return packed;
}

Result<PackedMatrix> WeightLoader::gate_up(const std::string& gate, const std::string& up, DType dtype) const {
  TRY(const StoredTensor* const gate_tensor, find_usable(gate));
  TRY(const StoredTensor* const up_tensor, find_usable(up));
  if (gate_tensor->shape != up_tensor->shape) {
    return fail("{} has shape {}, {} has {}", describe(up, *up_tensor), up_tensor->shape_text(), gate,
                gate_tensor->shape_text());
  }
  PackedMatrix packed(dtype, 2 * gate_tensor->rows(), gate_tensor->cols());
  for_each_row(*gate_tensor, [&](ConstRows source, int64_t first) { packed.pack_gate_up_rows(source, first, false); });
  for_each_row(*up_tensor, [&](ConstRows source, int64_t first) { packed.pack_gate_up_rows(source, first, true); });
  return packed;
}

Result<std::vector<float>> WeightLoader::vector(std::string_view name) const {
  TRY(const StoredTensor* const tensor, find_usable(name));
  std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
  tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols()));
  tensor->release_rows(0, tensor->rows());
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return fail("{} has a value that is not finite ({} at {})", describe(name, *tensor), values[i], i);
    }
  }
  count(tensor->bytes);
  return values;
}

Result<RowsBuffer> WeightLoader::rows(std::string_view name, DType dtype) const {
  TRY(const StoredTensor* const tensor, find_usable(name));
  RowsBuffer table(dtype, tensor->rows(), tensor->cols());
  const Rows all = table.first(tensor->rows());
  for_each_part(*tensor,
                [&](int64_t begin, int64_t end) { tensor->read_rows(begin, all.slice_rows(begin, end - begin)); });
  return table;
}

}  // namespace braid
