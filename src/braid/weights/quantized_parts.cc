#include "braid/weights/quantized_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "braid/base/check.h"
#include "braid/formats/load.h"
#include "braid/formats/mxfp4.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/float8.h"

namespace braid {
namespace {

constexpr int64_t kMostReadBytes = int64_t{256} << 10;
constexpr int64_t kWordBytes = 4;
// AWQ: nibble i of a word is this one of its 8 rows.
constexpr std::array<int64_t, 8> kAwqRows = {0, 2, 4, 6, 1, 3, 5, 7};
constexpr std::array<int64_t, 8> kAwqNibbles = {0, 4, 1, 5, 2, 6, 3, 7};  // its inverse

// Marlin: 16 inputs of 64 rows are a tile of 128 words, as the GPU's matrix instruction distributes them. Word w of it
// has 8 of these 1024 codes, in AWQ's order of nibbles.
constexpr int64_t kTileRows = 64;
constexpr int64_t kTileCols = 16;
constexpr int64_t kTileWords = 128;
constexpr int64_t marlin_row(int64_t word, int64_t nibble) {
  return word % 4 * 16 + word / 16 + kAwqRows[static_cast<size_t>(nibble)] / 4 * 8;
}
constexpr int64_t marlin_col(int64_t word, int64_t nibble) {
  const int64_t pair = kAwqRows[static_cast<size_t>(nibble)] % 4;
  return word / 4 % 4 * 2 + pair % 2 + pair / 2 * 8;
}
// The place of a row's scale in its group: turned squares of 8 x 8; those of a matrix with one group are pairs of 2
// rows, 4 to 8.
constexpr int64_t marlin_scale_place(int64_t row, bool has_one_group) {
  if (!has_one_group) return row / 64 * 64 + row % 8 * 8 + row % 64 / 8;
  return row / 32 * 32 + row % 8 / 2 * 8 + row % 32 / 8 * 2 + row % 2;
}

// Reads bytes [begin, begin + bytes) of each of the part's lines, which are `line_bytes` long: take(line, bytes). Lines
// that lie close together are read together.
template <typename Take>
Status for_each_line(const StoredPart& part, int64_t first_line, int64_t num_lines, int64_t line_bytes, int64_t begin,
                     int64_t bytes, Take take) {
  const bool is_close = line_bytes <= 2 * bytes;
  const int64_t lines = is_close ? std::max<int64_t>(kMostReadBytes / std::max<int64_t>(line_bytes, 1), 1) : 1;
  const int64_t most_lines = std::min(lines, num_lines);
  if (most_lines <= 0 || bytes <= 0) return {};
  const auto size = static_cast<size_t>((most_lines - 1) * line_bytes + bytes);
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
  for (int64_t line = first_line; line < first_line + num_lines; line += most_lines) {
    const int64_t count = std::min(most_lines, first_line + num_lines - line);
    TRY_STATUS(part.file->read(part.offset + line * line_bytes + begin,
                               {buffer.get(), static_cast<size_t>((count - 1) * line_bytes + bytes)}));
    for (int64_t i = 0; i < count; ++i) take(line + i, buffer.get() + i * line_bytes);
  }
  return {};
}

int64_t scale_bytes(const std::string& type) {
  return type == "F32" ? 4 : type == "F16" || type == "BF16" ? 2 : 1;
}

float scale_at(const std::string& type, const std::byte* at) {
  if (type == "F32") return load<float>(at);
  if (type == "F16") return to_float(load<Float16>(at));
  if (type == "BF16") return to_float(load<BFloat16>(at));
  return e8m0_to_float(static_cast<uint8_t>(*at));
}

constexpr bool is_e4m3_nan(uint8_t code) {
  return (code & 0x7fU) == 0x7fU;
}

// Eight bytes at a time: a NaN's lower 7 bits and 1 make the highest bit.
bool has_e4m3_nan(std::span<const uint8_t> codes) {
  constexpr uint64_t kOnes = 0x0101010101010101U;
  size_t at = 0;
  uint64_t found = 0;
  for (; at + sizeof found <= codes.size(); at += sizeof found) {
    found |= (load<uint64_t>(reinterpret_cast<const std::byte*>(codes.data() + at)) & 0x7fU * kOnes) + kOnes;
  }
  return (found & 0x80U * kOnes) != 0 || std::ranges::any_of(codes.subspan(at), is_e4m3_nan);
}

// A code of a word that lies at `words`.
uint8_t code_at(const std::byte* words, int64_t index, int32_t bits) {
  const int64_t of_word = 32 / bits;
  const uint32_t word = load<uint32_t>(words + index / of_word * kWordBytes);
  return static_cast<uint8_t>(word >> (index % of_word * bits) & ((1U << bits) - 1));
}

// Codes of whole words, one after another.
void unpack_words(const std::byte* words, int64_t count, int32_t bits, uint8_t* out) {
  const uint32_t mask = (1U << bits) - 1;
  const int64_t of_word = 32 / bits;
  for (int64_t i = 0; i < count; i += of_word, words += kWordBytes) {
    auto word = load<uint32_t>(words);
    const int64_t end = std::min(i + of_word, count);
    for (int64_t j = i; j < end; ++j, word >>= bits) out[j] = static_cast<uint8_t>(word & mask);
  }
}

size_t index_of(int64_t index) {
  return static_cast<size_t>(index);
}

// Moves each row's codes into the order of inputs.
void order_codes(const std::vector<int32_t>& order, QuantizedRows& out) {
  std::vector<uint8_t> row(index_of(out.cols));
  for (int64_t i = 0; i < out.rows; ++i) {
    uint8_t* const codes = out.codes.data() + i * out.cols;
    for (size_t col = 0; col < row.size(); ++col) row[col] = codes[order[col]];
    std::ranges::copy(row, codes);
  }
}

}  // namespace

std::string describe(const StoredPart& part) {
  return fmt::format("{}: tensor \"{}\"", part.file->name(), part.name);
}

Status QuantizedParts::check_e4m3(int64_t first, std::span<const uint8_t> bytes) const {
  if (!has_e4m3_nan(bytes)) return {};
  const int64_t at = std::ranges::find_if(bytes, is_e4m3_nan) - bytes.begin();
  return fail("{} has a value that is not finite (NaN at row {}, column {})", describe(codes), first + at / cols,
              at % cols);
}

Status QuantizedParts::read_codes(int64_t first, QuantizedRows& out) const {
  const int64_t count = out.rows;
  uint8_t* const all = out.codes.data();
  switch (packing) {
    case Packing::kBytes: {
      TRY_STATUS(codes.file->read(codes.offset + first * cols,
                                  {reinterpret_cast<std::byte*>(all), static_cast<size_t>(count * cols)}));
      if (format.values == QuantizedFormat::Values::kInteger) {
        for (uint8_t& code : out.codes) code ^= 0x80U;
        return {};
      }
      return check_e4m3(first, out.codes);
    }
    case Packing::kWords: {
      const int64_t line_bytes = (cols + codes_of_word() - 1) / codes_of_word() * kWordBytes;
      return for_each_line(codes, first, count, line_bytes, 0, line_bytes, [&](int64_t row, const std::byte* words) {
        unpack_words(words, cols, format.bits, all + (row - first) * cols);
      });
    }
    case Packing::kColumns: {
      const int64_t of_word = codes_of_word();
      return for_each_line(codes, 0, cols / of_word, rows * kWordBytes, first * kWordBytes, count * kWordBytes,
                           [&](int64_t line, const std::byte* words) {
                             for (int64_t row = 0; row < count; ++row, words += kWordBytes) {
                               unpack_words(words, of_word, format.bits, all + row * cols + line * of_word);
                             }
                           });
    }
    case Packing::kAwq: {
      const int64_t begin = first / 8;
      const int64_t end = (first + count + 7) / 8;
      return for_each_line(codes, 0, cols, rows / 8 * kWordBytes, begin * kWordBytes, (end - begin) * kWordBytes,
                           [&](int64_t col, const std::byte* words) {
                             for (int64_t word = begin; word < end; ++word, words += kWordBytes) {
                               const auto bits = load<uint32_t>(words);
                               for (size_t nibble = 0; nibble < 8; ++nibble) {
                                 const int64_t row = word * 8 + kAwqRows[nibble] - first;
                                 if (row < 0 || row >= count) continue;
                                 all[row * cols + col] = static_cast<uint8_t>(bits >> (4 * nibble) & 15U);
                               }
                             }
                           });
    }
    case Packing::kMarlin: {
      const int64_t begin = first / kTileRows;
      const int64_t end = (first + count + kTileRows - 1) / kTileRows;
      constexpr int64_t kTileBytes = kTileWords * kWordBytes;
      return for_each_line(codes, 0, cols / kTileCols, rows / kTileRows * kTileBytes, begin * kTileBytes,
                           (end - begin) * kTileBytes, [&](int64_t line, const std::byte* words) {
                             for (int64_t word = 0; word < (end - begin) * kTileWords; ++word, words += kWordBytes) {
                               const auto bits = load<uint32_t>(words);
                               const int64_t base = (begin + word / kTileWords) * kTileRows - first;
                               for (int64_t nibble = 0; nibble < 8; ++nibble) {
                                 const int64_t row = base + marlin_row(word % kTileWords, nibble);
                                 const int64_t col = line * kTileCols + marlin_col(word % kTileWords, nibble);
                                 if (row < 0 || row >= count) continue;
                                 all[row * cols + col] = static_cast<uint8_t>(bits >> (4 * nibble) & 15U);
                               }
                             }
                           });
    }
    case Packing::kNibbles: {
      const int64_t blocks = cols / kMxfp4BlockElements;
      const int64_t line_bytes = blocks * kMxfp4NibbleBytes;
      return for_each_line(codes, first, count, line_bytes, 0, line_bytes, [&](int64_t row, const std::byte* pairs) {
        mxfp4_nibbles_to_codes(pairs, blocks, all + (row - first) * cols);
      });
    }
  }
  return {};
}

Status QuantizedParts::read_scales(int64_t first, QuantizedRows& out) const {
  const int64_t groups = out.groups();
  const int64_t size = scale_bytes(scales.type_name);
  const auto put = [&](int64_t row, int64_t group, const std::byte* at) {
    out.scales[index_of(row * groups + group)] = scale_at(scales.type_name, at);
  };
  if (packing == Packing::kMarlin) {
    const int64_t begin = first / kTileRows * kTileRows;
    const int64_t end = (first + out.rows + kTileRows - 1) / kTileRows * kTileRows;
    TRY_STATUS(for_each_line(scales, 0, groups, rows * size, begin * size, (end - begin) * size,
                             [&](int64_t group, const std::byte* at) {
                               for (int64_t row = 0; row < out.rows; ++row) {
                                 put(row, group, at + (marlin_scale_place(first + row, groups == 1) - begin) * size);
                               }
                             }));
  } else if (is_turned()) {
    TRY_STATUS(for_each_line(scales, 0, groups, rows * size, first * size, out.rows * size,
                             [&](int64_t group, const std::byte* at) {
                               for (int64_t row = 0; row < out.rows; ++row) put(row, group, at + row * size);
                             }));
  } else if (out.rows > 0) {
    const int64_t begin = first / rows_of_scale;
    const int64_t end = (first + out.rows - 1) / rows_of_scale + 1;
    TRY_STATUS(for_each_line(scales, begin, end - begin, groups * size, 0, groups * size,
                             [&](int64_t line, const std::byte* at) {
                               const int64_t from = std::max(line * rows_of_scale, first);
                               const int64_t to = std::min((line + 1) * rows_of_scale, first + out.rows);
                               for (int64_t row = from; row < to; ++row) {
                                 for (int64_t group = 0; group < groups; ++group) {
                                   put(row - first, group, at + group * size);
                                 }
                               }
                             }));
  }
  for (size_t i = 0; i < out.scales.size(); ++i) {
    if (std::isfinite(out.scales[i])) continue;
    return fail("{} has a scale that is not finite ({} for output {}, group {})", describe(scales), out.scales[i],
                first + static_cast<int64_t>(i) / groups, static_cast<int64_t>(i) % groups);
  }
  return {};
}

template <typename Take>
Status QuantizedParts::for_each_zero(int64_t first, int64_t count, Take take) const {
  const int64_t groups = std::max<int64_t>((cols + format.group - 1) / format.group, 1);
  const int64_t of_word = codes_of_word();
  const uint32_t mask = (1U << format.bits) - 1;
  const uint32_t bias_of_word = static_cast<uint32_t>(zero_bias) * (UINT32_MAX / mask);
  if (count == 0) return {};
  switch (packing) {
    case Packing::kBytes: {
      const int64_t begin = first / rows_of_scale;
      const int64_t end = (first + count - 1) / rows_of_scale + 1;
      return for_each_line(*zeros, begin, end - begin, groups, 0, groups, [&](int64_t line, const std::byte* at) {
        const int64_t from = std::max(line * rows_of_scale, first);
        const int64_t to = std::min((line + 1) * rows_of_scale, first + count);
        for (int64_t row = from; row < to; ++row) {
          for (int64_t group = 0; group < groups; ++group) {
            take(row - first, group, static_cast<uint8_t>(at[group] ^ std::byte{0x80}));
          }
        }
      });
    }
    case Packing::kWords: {
      const int64_t begin = first / of_word;
      const int64_t end = (first + count - 1) / of_word + 1;
      return for_each_line(*zeros, begin, end - begin, groups * kWordBytes, 0, groups * kWordBytes,
                           [&](int64_t line, const std::byte* words) {
                             const int64_t from = std::max(line * of_word, first);
                             const int64_t to = std::min((line + 1) * of_word, first + count);
                             for (int64_t row = from; row < to; ++row) {
                               for (int64_t group = 0; group < groups; ++group) {
                                 take(row - first, group,
                                      code_at(words + group * kWordBytes, row % of_word, format.bits));
                               }
                             }
                           });
    }
    case Packing::kColumns:
    case Packing::kAwq: {
      const int64_t begin = first / of_word;
      const int64_t end = (first + count - 1) / of_word + 1;
      const int64_t line_words = (rows + of_word - 1) / of_word;
      return for_each_line(
          *zeros, 0, groups, line_words * kWordBytes, begin * kWordBytes, (end - begin) * kWordBytes,
          [&](int64_t group, const std::byte* words) {
            for (int64_t row = first; row < first + count; ++row) {
              const int64_t in_word = row % of_word;
              const int64_t place = packing == Packing::kAwq ? kAwqNibbles[index_of(in_word)] : in_word;
              const auto word = load<uint32_t>(words + (row / of_word - begin) * kWordBytes);
              take(row - first, group, static_cast<uint8_t>((word + bias_of_word) >> (place * format.bits) & mask));
            }
          });
    }
    case Packing::kMarlin:
    case Packing::kNibbles:
      return {};
  }
  return {};
}

Status QuantizedParts::read_zeros(int64_t first, QuantizedRows& out) const {
  if (!zeros) return {};
  if (format.offsets == QuantizedFormat::Offsets::kGroupZeros) {
    return for_each_zero(first, out.rows, [&](int64_t row, int64_t group, uint8_t zero) {
      out.zeros[index_of(row * out.groups() + group)] = zero;
    });
  }
  std::optional<Error> other;
  TRY_STATUS(for_each_zero(first, out.rows, [&](int64_t row, int64_t group, uint8_t zero) {
    if (zero == format.fixed_zero || other) return;
    other = fail("{} has the zero point {} (output {}, group {}), symmetric weights have {}", describe(*zeros), zero,
                 first + row, group, format.fixed_zero);
  }));
  if (other) return *other;
  return {};
}

Result<QuantizedRows> QuantizedParts::read(int64_t first, int64_t count) const {
  CHECK(first >= 0 && count >= 0 && first + count <= rows, "rows {}+{} of {}", first, count, rows);
  QuantizedRows out(format, count, cols);
  TRY_STATUS(read_codes(first, out));
  TRY_STATUS(read_scales(first, out));
  TRY_STATUS(read_zeros(first, out));
  if (!input_order.empty()) {
    order_codes(input_order, out);
    out.input_order = input_order;
  }
  return out;
}

// Codes of other types have no errors.
Status QuantizedParts::check_codes() const {
  if (format.values != QuantizedFormat::Values::kE4m3) return {};
  const int64_t rows_at_once = std::max<int64_t>(kMostReadBytes / std::max<int64_t>(cols, 1), 1);
  std::vector<uint8_t> bytes(index_of(std::min(rows_at_once, rows) * cols));
  for (int64_t first = 0; first < rows; first += rows_at_once) {
    const std::span<uint8_t> piece(bytes.data(), index_of(std::min(rows_at_once, rows - first) * cols));
    TRY_STATUS(codes.file->read(codes.offset + first * cols, std::as_writable_bytes(piece)));
    TRY_STATUS(check_e4m3(first, piece));
  }
  return {};
}

Status QuantizedParts::check() const {
  TRY_STATUS(check_codes());
  constexpr int64_t kRowsAtOnce = 4096;
  for (int64_t first = 0; first < rows; first += kRowsAtOnce) {
    QuantizedRows out(format, 0, cols);
    out.rows = std::min(kRowsAtOnce, rows - first);
    out.scales.resize(index_of(out.rows * out.groups()));
    if (format.offsets == QuantizedFormat::Offsets::kGroupZeros) out.zeros.resize(out.scales.size());
    TRY_STATUS(read_scales(first, out));
    TRY_STATUS(read_zeros(first, out));
  }
  return {};
}

}  // namespace braid
