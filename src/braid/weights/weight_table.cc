#include "braid/weights/weight_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "braid/formats/ggml_type.h"
#include "braid/tensor/buffer.h"

namespace braid {
namespace {

constexpr std::string_view kExpertPlace = "{expert}";

// Calls visit(name, spec) for every tensor of the table until it returns false.
template <typename Visit>
void for_each_tensor(const WeightTable& table, int64_t num_experts, Visit visit) {
  for (const WeightSpec& spec : table) {
    if (spec.name.find(kExpertPlace) == std::string::npos) {
      if (!visit(spec.name, spec)) return;
      continue;
    }
    for (int64_t expert = 0; expert < num_experts; ++expert) {
      if (!visit(expert_name(spec.name, expert), spec)) return;
    }
  }
}

Status check_tensor(const std::string& name, const WeightSpec& spec, const Checkpoint& checkpoint) {
  const StoredTensor* const tensor = checkpoint.find(name);
  if (tensor == nullptr) {
    return fail("{}: tensor \"{}\" is missing (shape [{}])", checkpoint.model().path, name,
                fmt::join(spec.shape, ", "));
  }
  if (tensor->shape != spec.shape) {
    return fail("{} has shape {}, {} says [{}]{}", describe(name, *tensor), tensor->shape_text(),
                checkpoint.config_name(), fmt::join(spec.shape, ", "),
                spec.sizes.empty() ? "" : fmt::format(" ({})", spec.sizes));
  }
  if (!tensor->is_usable()) {
    return fail("{} has the type {}, which is not supported: {} are", describe(name, *tensor), tensor->type_name,
                tensor->file->name().ends_with(".safetensors") ? "BF16, F16 and F32" : supported_ggml_types());
  }
  return {};
}

bool is_ignored(std::string_view name, std::span<const std::string> ignored) {
  for (const std::string& pattern : ignored) {
    if (matches_pattern(pattern, name)) return true;
  }
  return false;
}

std::set<std::string, std::less<>> names_of(const WeightTable& table, const Checkpoint& checkpoint) {
  std::set<std::string, std::less<>> names;
  for_each_tensor(table, checkpoint.config().moe.num_experts, [&](const std::string& name, const WeightSpec&) {
    names.insert(name);
    return true;
  });
  return names;
}

// Some tools store a bias beside every quantized matrix: zeros where the model has none.
bool is_empty_bias(std::string_view name, const StoredTensor& tensor, const Checkpoint& checkpoint) {
  constexpr std::string_view kBias = ".bias";
  constexpr int64_t kMostElements = int64_t{1} << 24;
  if (!name.ends_with(kBias) || !tensor.plain || tensor.num_elements() > kMostElements) return false;
  const StoredTensor* const weight =
      checkpoint.find(std::string(name.substr(0, name.size() - kBias.size())) + ".weight");
  if (weight == nullptr || weight->parts == nullptr) return false;
  const RowsBuffer values(DType::kFloat32, tensor.rows(), tensor.cols());
  const Rows rows = values.first(tensor.rows());
  if (!tensor.read_rows(0, rows).ok()) return false;
  for (int64_t row = 0; row < rows.rows; ++row) {
    const float* const of_row = rows.row<float>(row);
    if (std::any_of(of_row, of_row + rows.cols, [](float value) { return value != 0; })) return false;
  }
  return true;
}

// The checkpoint's tensors of a row of the table, all experts' among them, as far as they are there.
std::vector<const StoredTensor*> usable_tensors(const WeightSpec& spec, const Checkpoint& checkpoint) {
  std::vector<const StoredTensor*> tensors;
  for_each_tensor({spec}, checkpoint.config().moe.num_experts, [&](const std::string& name, const WeightSpec&) {
    const StoredTensor* const tensor = checkpoint.find(name);
    if (tensor != nullptr && tensor->is_usable()) tensors.push_back(tensor);
    return true;
  });
  return tensors;
}

}  // namespace

std::string expert_name(std::string_view name, int64_t expert) {
  std::string result(name);
  for (auto place = result.find(kExpertPlace); place != std::string::npos; place = result.find(kExpertPlace, place)) {
    result.replace(place, kExpertPlace.size(), std::to_string(expert));
  }
  return result;
}

// Linear in the name: after a '*', a mismatch moves the end of that star's match by one. Earlier stars are never tried
// again.
bool matches_pattern(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t star = std::string_view::npos;
  size_t star_end = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string> find_weight_problems(const WeightTable& table, std::span<const std::string> ignored,
                                              const Checkpoint& checkpoint, size_t max_problems) {
  std::vector<std::string> problems;
  for_each_tensor(table, checkpoint.config().moe.num_experts, [&](const std::string& name, const WeightSpec& spec) {
    if (const Status status = check_tensor(name, spec, checkpoint); !status.ok()) {
      problems.push_back(status.error().message);
    }
    return problems.size() < max_problems;
  });
  if (problems.size() >= max_problems) return problems;
  const auto names = names_of(table, checkpoint);
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (names.contains(name) || is_ignored(name, ignored) || is_empty_bias(name, tensor, checkpoint)) continue;
    problems.push_back(fmt::format("{} of shape {} has no place in {}", describe(name, tensor), tensor.shape_text(),
                                   checkpoint.config().architecture));
    if (problems.size() >= max_problems) break;
  }
  return problems;
}

Status check_weights(const WeightTable& table, std::span<const std::string> ignored, const Checkpoint& checkpoint) {
  const auto problems = find_weight_problems(table, ignored, checkpoint, 1);
  if (problems.empty()) return {};
  return Error{problems.front()};
}

std::optional<QuantizedFormat> kept_format(const WeightSpec& spec, const Checkpoint& checkpoint,
                                           const QuantizedWeights& quantized) {
  // A layer's experts are multiplied together: they are kept in one format, or not at all.
  std::optional<QuantizedFormat> format;
  bool is_first = true;
  for (const StoredTensor* const tensor : usable_tensors(spec, checkpoint)) {
    const auto own = kept_format(*tensor, quantized, matrix_use(spec.shard));
    if (!own || (!is_first && format != own)) return std::nullopt;
    format = own;
    is_first = false;
  }
  return format;
}

WeightUses expected_uses(const WeightTable& table, const Checkpoint& checkpoint, DType dtype,
                         const QuantizedWeights& quantized) {
  WeightUses uses;
  for (const WeightSpec& spec : table) {
    const bool is_exact = spec.shape.size() < 2 || matrix_use(spec.shard) == MatrixUse::kExact;
    const auto format = kept_format(spec, checkpoint, quantized);
    for (const StoredTensor* const tensor : usable_tensors(spec, checkpoint)) {
      uses.add(*tensor, is_exact ? DType::kFloat32 : dtype, format);
    }
  }
  return uses;
}

std::vector<std::string> list_ignored(const WeightTable& table, std::span<const std::string> ignored,
                                      const Checkpoint& checkpoint) {
  std::vector<std::string> result;
  const auto names = names_of(table, checkpoint);
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (!names.contains(name) && is_ignored(name, ignored)) result.push_back(name);
  }
  return result;
}

}  // namespace braid
