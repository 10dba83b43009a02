#include "braid/model/vision/vision_linear.h"

#include <algorithm>
#include <utility>

#include "braid/model/layers/gate_up.h"

namespace braid {
namespace {

std::string joined(std::span<const std::string> names, std::string_view suffix) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
    text += suffix;
  }
  return text;
}

// Of one matrix of the product: a range in each of those that it is stacked of.
std::vector<IndexRange> own_outputs(const VisionLinearTensors& tensors, const VisionShard& shard) {
  if (shard.is_whole()) return {{.begin = 0, .end = tensors.outputs.value}};
  const int64_t size = tensors.outputs.value / tensors.stacked;
  const IndexRange own = shard.own_range(size);
  std::vector<IndexRange> rows;
  for (int64_t first = 0; first < tensors.outputs.value; first += size) {
    rows.push_back({.begin = first + own.begin, .end = first + own.end});
  }
  return rows;
}

}  // namespace

void VisionLinearTensors::append_to(WeightTable& table) const {
  for (const std::string& name : names) {
    table.push_back({.name = name + std::string(suffix),
                     .shape = {outputs.value, inputs.value},
                     .sizes = outputs.name + ", " + inputs.name});
    if (has_bias) table.push_back({.name = name + ".bias", .shape = {outputs.value}, .sizes = outputs.name});
  }
}

void VisionNormTensors::append_to(WeightTable& table) const {
  table.push_back({.name = name + ".weight", .shape = {size.value}, .sizes = size.name});
  if (has_bias) table.push_back({.name = name + ".bias", .shape = {size.value}, .sizes = size.name});
}

Result<VisionLinear> VisionLinear::load(const WeightLoader& weights, const VisionLinearTensors& tensors, DType dtype,
                                        const VisionShard& shard) {
  VisionLinear made;
  std::vector<std::string> names;
  MatrixCut cut;
  for (const std::string& name : tensors.names) {
    const std::vector<IndexRange> rows = own_outputs(tensors, shard);
    names.insert(names.end(), rows.size(), name + std::string(tensors.suffix));
    cut.rows.insert(cut.rows.end(), rows.begin(), rows.end());
  }
  auto packed = tensors.is_gated ? weights.gate_ups(names.front(), names.back(), {&cut, 1}, dtype)
                                 : weights.matrices(names, {&cut, 1}, dtype);
  if (!packed.ok()) return packed.error();
  made.matrix_ = std::move(packed->front());
  made.weight_names_ = joined(tensors.names, tensors.suffix);
  if (!tensors.has_bias) return made;
  std::vector<std::vector<float>> biases;
  for (const std::string& name : tensors.names) {
    TRY(const std::vector<float> whole, weights.vector(name + ".bias"));
    std::vector<float>& own = biases.emplace_back();
    for (const IndexRange& rows : own_outputs(tensors, shard)) {
      own.insert(own.end(), whole.begin() + rows.begin, whole.begin() + rows.end);
    }
  }
  if (tensors.is_gated) {
    made.bias_ = interleave_gate_up(biases.front(), biases.back());
  } else {
    for (const std::vector<float>& bias : biases) made.bias_.insert(made.bias_.end(), bias.begin(), bias.end());
  }
  made.bias_names_ = joined(tensors.names, ".bias");
  return made;
}

void VisionLinear::list_weights(WeightList& list) const {
  list.add(weight_names_, matrix_);
  list.add(bias_names_, bias_);
}

Result<VisionSum> VisionSum::load(const WeightLoader& weights, const VisionLinearTensors& tensors, DType dtype,
                                  const VisionShard& shard) {
  CHECK(tensors.names.size() == 1 && !tensors.is_gated);
  const std::string name = tensors.names.front() + std::string(tensors.suffix);
  std::vector<MatrixCut> cuts;
  for (int64_t part = shard.own.begin; part < shard.own.end; ++part) {
    cuts.push_back({.rows = {kWhole}, .cols = shard.range_of(tensors.inputs.value, part)});
  }
  TRY(std::vector<PackedMatrix> packed, weights.matrices({&name, 1}, cuts, dtype));
  VisionSum made;
  for (PackedMatrix& matrix : packed) {
    VisionLinear& part = made.parts_.emplace_back();
    part.matrix_ = std::move(matrix);
    part.weight_names_ = name;
  }
  if (!tensors.has_bias || shard.own.begin > 0) return made;
  VisionLinear& first = made.parts_.front();
  first.bias_names_ = tensors.names.front() + ".bias";
  TRY(first.bias_, weights.vector(first.bias_names_));
  return made;
}

void VisionSum::multiply(const VisionStep& step, ConstRows x, int64_t first, Rows y, Epilogue::Kind kind) const {
  const int64_t inputs = parts_.front().inputs();
  const auto part_of = [&](ConstRows rows, size_t part) {
    return rows.slice_cols(static_cast<int64_t>(part) * inputs, inputs);
  };
  if (step.exchange != nullptr) {
    for (size_t part = 0; part < parts_.size(); ++part) {
      parts_[part](step.ops, part_of(x, part), step.scratch.part_sums(part, y).slice_rows(first, x.rows));
    }
    return;
  }
  if (parts_.size() == 1) {
    parts_.front()(step.ops, x, y.slice_rows(first, x.rows), kind);
    return;
  }
  for (int64_t done = 0; done < x.rows; done += VisionScratch::kStretch) {
    const int64_t count = std::min(VisionScratch::kStretch, x.rows - done);
    const Rows out = y.slice_rows(first + done, count);
    const Rows sums = kind == Epilogue::Kind::kStore ? out : step.scratch.stretch_parts.first(count);
    for (size_t part = 0; part < parts_.size(); ++part) {
      parts_[part](step.ops, part_of(x.slice_rows(done, count), part), sums,
                   part == 0 ? Epilogue::Kind::kStore : Epilogue::Kind::kAdd);
    }
    if (kind == Epilogue::Kind::kAdd) step.ops.add(sums, out);
  }
}

void VisionSum::finish(const VisionStep& step, Rows y, int64_t unit, Epilogue::Kind kind) const {
  if (step.exchange == nullptr) return;
  std::vector<Rows> parts;
  for (size_t part = 0; part < parts_.size(); ++part) parts.push_back(step.scratch.part_sums(part, y));
  const Rows own = step.own(y, unit);
  const Rows sums = kind == Epilogue::Kind::kStore ? own : step.own(parts.front(), unit);
  step.exchange->scatter(parts, sums, unit);
  if (kind == Epilogue::Kind::kAdd) step.ops.add(sums, own);
}

void VisionSum::list_weights(WeightList& list) const {
  for (const VisionLinear& part : parts_) part.list_weights(list);
}

Result<VisionNorm> VisionNorm::load(const WeightLoader& weights, const VisionNormTensors& tensors, float eps,
                                    float offset) {
  VisionNorm made;
  TRY(made.weight_, weights.vector(tensors.name + ".weight"));
  for (float& value : made.weight_) value += offset;
  if (tensors.has_bias) {
    TRY(made.bias_, weights.vector(tensors.name + ".bias"));
  }
  made.eps_ = eps;
  made.name_ = tensors.name;
  return made;
}

void VisionNorm::operator()(Ops& ops, ConstRows x, Rows y) const {
  if (bias_.empty()) {
    ops.rms_norm(x, weight_, eps_, y);
  } else {
    ops.layer_norm(x, weight_, bias_, eps_, y);
  }
}

void VisionNorm::list_weights(WeightList& list) const {
  list.add(name_ + ".weight", weight_);
  list.add(name_ + ".bias", bias_);
}

}  // namespace braid
