#include "braid/weights/pack_cache/describe.h"

#include <fmt/format.h>

#include <algorithm>

#include "braid/tensor/dtype.h"

namespace braid {
namespace {

int64_t file_number(const Checkpoint& checkpoint, const InputFile* file) {
  const auto files = checkpoint.files();
  const auto found = std::ranges::find_if(files, [&](const auto& own) { return own.get() == file; });
  CHECK(found != files.end(), "a tensor of no file of {}", checkpoint.model().path);
  return found - files.begin();
}

// All that decides how codes are packed.
std::string describe_format(const QuantizedFormat& format) {
  return fmt::format("codes {} {} {} bits {} zero {} groups {} {} sub-scales {} table {} times {}",
                     static_cast<int>(format.values), static_cast<int>(format.scales), static_cast<int>(format.offsets),
                     format.bits, format.fixed_zero, format.group, format.super_group, format.sub_scale_bits,
                     fmt::join(format.table, " "), format.table_unit);
}

std::string describe_stored(const Checkpoint& checkpoint, const StoredTensor& tensor) {
  std::string text = fmt::format("file {} at {} bytes {} type {} shape {} heads {} steps {} {}",
                                 file_number(checkpoint, tensor.file), tensor.offset, tensor.bytes, tensor.type_name,
                                 tensor.shape_text(), tensor.interleaved_heads, tensor.row_step, tensor.element_step);
  if (tensor.exponents) {
    text += fmt::format(" exponents file {} at {} step {}", file_number(checkpoint, tensor.exponents->file),
                        tensor.exponents->offset, tensor.exponents->row_step);
  }
  if (tensor.parts != nullptr) {
    const QuantizedParts& parts = *tensor.parts;
    text += fmt::format(" {} packing {} bias {}", describe_format(parts.format), static_cast<int>(parts.packing),
                        parts.zero_bias);
    for (const StoredPart* const part : {&parts.scales, parts.zeros ? &*parts.zeros : nullptr}) {
      if (part == nullptr) continue;
      text += fmt::format(" and file {} at {} bytes {} type {}", file_number(checkpoint, part->file), part->offset,
                          part->bytes, part->type_name);
    }
    text += fmt::format(" order {}", fmt::join(parts.input_order, " "));
  }
  return text;
}

}  // namespace

std::string describe_packed(std::string_view kind, const PackedMatrix& matrix, const Checkpoint& checkpoint,
                            std::span<const StoredTensor* const> tensors, std::span<const IndexRange> rows,
                            IndexRange cols) {
  std::string text =
      fmt::format("{} {} [{}, {}] cols {} {}\n", kind,
                  matrix.is_quantized() ? describe_format(matrix.format()) : std::string(dtype_name(matrix.dtype())),
                  matrix.n(), matrix.k(), cols.begin, cols.end);
  for (size_t i = 0; i < tensors.size(); ++i) {
    text += fmt::format("{} rows {} {}\n", describe_stored(checkpoint, *tensors[i]), rows[i].begin, rows[i].end);
  }
  return text;
}

std::string describe_rows(DType dtype, const Checkpoint& checkpoint, const StoredTensor& tensor) {
  return fmt::format("rows {}\n{}\n", dtype_name(dtype), describe_stored(checkpoint, tensor));
}

}  // namespace braid
