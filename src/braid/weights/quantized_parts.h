// A matrix whose codes, scales and zero points are tensors of their own, as GPTQ, AWQ, compressed-tensors and FP8
// checkpoints store it: read as codes and scales. Nothing is copied before it is read. Tested by
// quantized_parts_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/input_file.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

// A tensor of a file.
struct StoredPart {
  std::string name;
  std::string type_name;  // "I32", "F16", …
  std::vector<int64_t> shape;
  const InputFile* file = nullptr;
  int64_t offset = 0;
  int64_t bytes = 0;
};

struct QuantizedParts {
  // How codes lie in `codes`, scales in `scales` and zero points in `zeros`; rows and cols are the matrix's, c is the
  // number of codes in a word of 32 bits, the first code in the lowest bits.
  enum class Packing : uint8_t {
    kBytes,    // [rows, cols] bytes: I8 or E4M3; scales and zeros (I8) [rows / rows_of_scale, groups]
    kWords,    // [rows, cols / c] words; scales [rows / rows_of_scale, groups]; zeros [rows / c, groups] words
    kColumns,  // [cols / c, rows] words; scales [groups, rows]; zeros [groups, rows / c] words (GPTQ)
    kAwq,      // [cols, rows / 8] words, whose nibbles are rows 0 2 4 6 1 3 5 7; scales [groups, rows]; zeros alike
    kMarlin,  // [cols / 16, 2 rows] words, scales [groups, rows] (AutoAWQ's "marlin"): quantized_parts.cc says in which
              // order; rows are a multiple of 64, cols of 16
    kNibbles,  // [rows, cols / 2] pairs, the first low; scales [rows, groups] bytes (MXFP4)
  };
  QuantizedFormat format;
  Packing packing = Packing::kBytes;
  int64_t rows = 0;
  int64_t cols = 0;
  StoredPart codes;
  StoredPart scales;
  std::optional<StoredPart> zeros;
  // Added to every stored zero point, in one sum of a word: those above the last code carry into the next one.
  int32_t zero_bias = 0;
  int64_t rows_of_scale = 1;         // consecutive rows that share scales
  std::vector<int32_t> input_order;  // QuantizedRows::input_order

  // Rows [first, first + count), on any thread. It is an error, which names the tensor, if a scale or an element is not
  // finite, if zero points of a format with a fixed zero differ from it, or if a file cannot be read any more.
  Result<QuantizedRows> read(int64_t first, int64_t count) const;
  // The errors that reading all rows would find.
  Status check() const;

  // A row is spread over the file, so that many rows should be read together.
  bool is_turned() const {
    return packing == Packing::kColumns || packing == Packing::kAwq || packing == Packing::kMarlin;
  }

 private:
  int64_t codes_of_word() const { return 32 / format.bits; }
  // Codes of E4M3, from row `first` on: an error if one is NaN.
  Status check_e4m3(int64_t first, std::span<const uint8_t> bytes) const;
  Status check_codes() const;
  Status read_codes(int64_t first, QuantizedRows& out) const;
  Status read_scales(int64_t first, QuantizedRows& out) const;
  Status read_zeros(int64_t first, QuantizedRows& out) const;
  // Calls take(row, group, zero) for every zero point of these rows.
  template <typename Take>
  Status for_each_zero(int64_t first, int64_t count, Take take) const;
};

// model.safetensors: tensor "model.layers.0.mlp.up_proj.scales"
std::string describe(const StoredPart& part);

}  // namespace braid
