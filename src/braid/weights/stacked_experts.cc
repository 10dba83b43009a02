#include "braid/weights/stacked_experts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "braid/formats/mxfp4.h"
#include "braid/weights/checkpoint.h"

namespace braid {
namespace {

// What differs between the families that store their experts like this.
struct StackedLayout {
  std::string_view architecture;
  bool interleaves_gate_up;  // gate's rows and up's take turns; otherwise all of gate's come first
  bool has_biases;
  bool may_be_mxfp4;
  bool may_be_upright;       // as transformers 5 writes them: an expert's matrices are not transposed
  std::string_view ffn_key;  // the configuration's name for an expert's inner size
};

constexpr std::array kLayouts = {StackedLayout{.architecture = "GptOssForCausalLM",
                                               .interleaves_gate_up = true,
                                               .has_biases = true,
                                               .may_be_mxfp4 = true,
                                               .may_be_upright = false,
                                               .ffn_key = "intermediate_size"},
                                 StackedLayout{.architecture = "Qwen3VLMoeForConditionalGeneration",
                                               .interleaves_gate_up = false,
                                               .has_biases = false,
                                               .may_be_mxfp4 = false,
                                               .may_be_upright = true,
                                               .ffn_key = "moe_intermediate_size"}};

const StackedLayout* find_layout(std::string_view architecture) {
  const auto found = std::ranges::find(kLayouts, architecture, &StackedLayout::architecture);
  return found == kLayouts.end() ? nullptr : &*found;
}

// Which rows of a stored matrix form a matrix of their own, and that matrix's name.
struct RowsOf {
  std::string name;  // "gate_proj"
  int64_t first = 0;
  int64_t every = 1;
};

// One product of all experts. Its matrices together are [rows, cols]; a checkpoint stores these rows as columns, unless
// they are upright.
struct Product {
  std::string name;  // "gate_up_proj"
  int64_t rows;
  int64_t cols;
  std::string row_size;  // the configuration's name for it
  std::string col_size;
  std::vector<RowsOf> matrices;  // of equally many rows

  int64_t matrix_rows() const { return rows / std::ssize(matrices); }
};

class LayerUnstacker {
 public:
  LayerUnstacker(const ModelConfig& config, const StackedLayout& layout, const std::string& path,
                 StoredTensors& tensors, int32_t layer)
      : layout_(layout),
        num_experts_(config.moe.num_experts),
        path_(path),
        tensors_(tensors),
        prefix_(fmt::format("model.layers.{}.mlp.experts.", layer)) {}

  // True or false if a tensor's shape says so. A square says nothing.
  std::optional<bool> is_upright(const Product& product) const {
    if (!layout_.may_be_upright) return false;
    const auto found = tensors_.find(prefix_ + product.name);
    if (found == tensors_.end() || product.rows == product.cols) return std::nullopt;
    return found->second.shape == std::vector<int64_t>{num_experts_, product.rows, product.cols};
  }

  Status unstack(const Product& product, bool is_upright) {
    if (!layout_.may_be_mxfp4) return unstack_plain(product, is_upright);
    const bool has_plain = tensors_.contains(prefix_ + product.name);
    const bool has_blocks = tensors_.contains(prefix_ + product.name + "_blocks");
    const bool has_exponents = tensors_.contains(prefix_ + product.name + "_scales");
    if (has_plain && (has_blocks || has_exponents)) {
      return fail("{}: tensor \"{}{}\" is there twice, also as MXFP4 (\"{}\")", path_, prefix_, product.name,
                  product.name + (has_blocks ? "_blocks" : "_scales"));
    }
    if (!has_plain && !has_blocks && !has_exponents) {
      return fail("{}: tensor \"{}{}\" is missing, and so are its MXFP4 \"_blocks\" and \"_scales\"", path_, prefix_,
                  product.name);
    }
    TRY_STATUS(has_plain ? unstack_plain(product, is_upright) : unstack_mxfp4(product));
    return layout_.has_biases ? unstack_bias(product) : Status();
  }

 private:
  Result<StoredTensor> take(const std::string& name, const std::vector<int64_t>& shape, const std::string& sizes) {
    auto node = tensors_.extract(prefix_ + name);
    if (node.empty()) {
      return fail("{}: tensor \"{}{}\" is missing (shape [{}])", path_, prefix_, name, fmt::join(shape, ", "));
    }
    if (node.mapped().shape != shape) {
      return fail("{} has shape {}, config.json says [{}] ({})", describe(prefix_ + name, node.mapped()),
                  node.mapped().shape_text(), fmt::join(shape, ", "), sizes);
    }
    return std::move(node.mapped());
  }

  Status put(int64_t expert, const std::string& matrix, std::string_view kind, StoredTensor tensor) {
    const auto [place, is_new] =
        tensors_.emplace(fmt::format("{}{}.{}.{}", prefix_, expert, matrix, kind), std::move(tensor));
    if (!is_new) return fail("{} is there beside those of all experts together", describe(place->first, place->second));
    return {};
  }

  Status unstack_plain(const Product& product, bool is_upright) {
    const std::array sizes = {product.cols, product.rows};
    const std::array<std::string_view, 2> names = {product.col_size, product.row_size};
    const size_t outer = is_upright ? 1 : 0;
    const size_t inner = 1 - outer;
    TRY(const StoredTensor whole, take(product.name, {num_experts_, sizes[outer], sizes[inner]},
                                       fmt::format("experts, {}, {}", names[outer], names[inner])));
    const int64_t element = whole.block_bytes;
    const int64_t row_step = (is_upright ? product.cols : 1) * element;
    for (int64_t expert = 0; expert < num_experts_; ++expert) {
      for (const RowsOf& rows : product.matrices) {
        StoredTensor one = part_of(whole, product, {product.matrix_rows(), product.cols});
        one.offset = whole.offset + expert * product.rows * product.cols * element + rows.first * row_step;
        one.row_step = rows.every * row_step;
        one.element_step = is_upright ? 0 : product.rows * element;
        TRY_STATUS(put(expert, rows.name, "weight", std::move(one)));
      }
    }
    return {};
  }

  Status unstack_mxfp4(const Product& product) {
    if (product.cols % kMxfp4BlockElements != 0) {
      return fail("{}: tensor \"{}{}_blocks\": MXFP4 has blocks of {}, of which {} {} is not a multiple", path_,
                  prefix_, product.name, kMxfp4BlockElements, product.col_size, product.cols);
    }
    const int64_t num_blocks = product.cols / kMxfp4BlockElements;
    const std::string sizes = fmt::format("experts, {}, {} / 32", product.row_size, product.col_size);
    TRY(const StoredTensor blocks,
        take(product.name + "_blocks", {num_experts_, product.rows, num_blocks, kMxfp4NibbleBytes}, sizes + ", 16"));
    TRY(const StoredTensor exponents, take(product.name + "_scales", {num_experts_, product.rows, num_blocks}, sizes));
    for (const StoredTensor* const tensor : {&blocks, &exponents}) {
      if (tensor->type_name != "U8") {
        return fail("{} has the type {}, MXFP4 is stored as U8", describe(tensor->stored_name, *tensor),
                    tensor->type_name);
      }
    }
    for (int64_t expert = 0; expert < num_experts_; ++expert) {
      for (const RowsOf& rows : product.matrices) {
        StoredTensor one = part_of(blocks, product, {product.matrix_rows(), product.cols});
        const int64_t first_row = expert * product.rows + rows.first;
        one.type_name = "MXFP4";
        one.block_elements = kMxfp4BlockElements;
        one.block_bytes = kMxfp4NibbleBytes;
        one.row_step = rows.every * num_blocks * kMxfp4NibbleBytes;
        one.offset = blocks.offset + first_row * num_blocks * kMxfp4NibbleBytes;
        one.exponents = {.file = exponents.file,
                         .offset = exponents.offset + first_row * num_blocks,
                         .row_step = rows.every * num_blocks,
                         .stored_name = exponents.stored_name};
        one.bytes += exponents.bytes / num_experts_ / std::ssize(product.matrices);
        TRY_STATUS(put(expert, rows.name, "weight", std::move(one)));
      }
    }
    return {};
  }

  Status unstack_bias(const Product& product) {
    TRY(const StoredTensor whole,
        take(product.name + "_bias", {num_experts_, product.rows}, fmt::format("experts, {}", product.row_size)));
    for (int64_t expert = 0; expert < num_experts_; ++expert) {
      for (const RowsOf& rows : product.matrices) {
        StoredTensor one = part_of(whole, product, {product.matrix_rows()});
        one.offset = whole.offset + (expert * product.rows + rows.first) * whole.block_bytes;
        one.element_step = rows.every * whole.block_bytes;
        TRY_STATUS(put(expert, rows.name, "bias", std::move(one)));
      }
    }
    return {};
  }

  // A copy of the description, without the location.
  StoredTensor part_of(const StoredTensor& whole, const Product& product, std::vector<int64_t> shape) const {
    StoredTensor one = whole;
    one.shape = std::move(shape);
    one.bytes = whole.bytes / num_experts_ / std::ssize(product.matrices);
    return one;
  }

  const StackedLayout& layout_;
  const int64_t num_experts_;
  const std::string& path_;
  StoredTensors& tensors_;
  const std::string prefix_;
};

}  // namespace

Status unstack_experts(const ModelConfig& config, const std::string& path, StoredTensors& tensors) {
  const StackedLayout* const layout = find_layout(config.architecture);
  if (layout == nullptr) return {};
  const bool interleaves = layout->interleaves_gate_up;
  const int64_t every = interleaves ? 2 : 1;
  const Product gate_up{
      .name = "gate_up_proj",
      .rows = int64_t{2} * config.moe.expert_ffn,
      .cols = config.hidden,
      .row_size = fmt::format("2 * {}", layout->ffn_key),
      .col_size = "hidden_size",
      .matrices = {{.name = "gate_proj", .first = 0, .every = every},
                   {.name = "up_proj", .first = interleaves ? 1 : int64_t{config.moe.expert_ffn}, .every = every}}};
  const Product down{.name = "down_proj",
                     .rows = config.hidden,
                     .cols = config.moe.expert_ffn,
                     .row_size = "hidden_size",
                     .col_size = std::string(layout->ffn_key),
                     .matrices = {{.name = "down_proj"}}};
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    if (!config.is_moe_layer[static_cast<size_t>(layer)]) continue;
    LayerUnstacker unstacker(config, *layout, path, tensors, layer);
    const std::optional<bool> first = unstacker.is_upright(gate_up);
    const std::optional<bool> second = unstacker.is_upright(down);
    TRY_STATUS(unstacker.unstack(gate_up, first.value_or(second.value_or(false))));
    TRY_STATUS(unstacker.unstack(down, second.value_or(first.value_or(false))));
  }
  return {};
}

}  // namespace braid
