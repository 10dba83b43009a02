// What one instruction-set tier provides to matmul.cc: its kernel over one piece of the work.
//
// A tier's file is compiled with that tier's flags, so it may include nothing that leaves inline functions behind: the
// linker could keep that copy for everybody, and an older processor would crash in it. So there are plain structs here,
// and templates in unnamed namespaces in matmul_driver.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "braid/kernels/quantized_panels.h"

namespace braid::cpu {

constexpr int64_t kPanelCols = 32;  // PackedMatrix::kPanelCols

// Epilogue::Kind and the output's dtype.
enum class OutputKind : uint8_t {
  kStoreF32,
  kStoreBf16,
  kAddF32,
  kMaxF32,      // nothing is stored but ColumnMaxima
  kSiluMulF32,  // gated from here on
  kSiluMulBf16,
  kGeluMulF32,
  kGeluMulBf16,
  kClampedSwigluMulF32,
  kClampedSwigluMulBf16,
};

// What kMaxF32 keeps for one row: for each column of a panel, the largest sum over the work's panels.
struct ColumnMaxima {
  static constexpr int32_t kNoPanel = INT32_MAX;
  static constexpr int32_t kNanPanel = INT32_MIN;

  float value[kPanelCols];    // -infinity before the first
  int32_t panel[kPanelCols];  // the lowest with that value; kNoPanel: none; kNanPanel: the column has a NaN somewhere
};

// What a thread is likely to read behind a work: the first panels of its runs.
struct NextPanels {
  const std::byte* first = nullptr;
  int64_t run_bytes = 0;  // from one run's first panel to the next one's
  int64_t num_runs = 0;   // 0: nothing is known
};

// Some rows times some panels of one matrix: `num_runs` runs of consecutive panels, which are read side by side.
struct PanelWork {
  const std::byte* x = nullptr;  // row i is x + (sources ? sources[i] : i) * x_stride_bytes
  const int32_t* sources = nullptr;
  int64_t x_stride_bytes = 0;
  bool x_is_f32 = false;  // else bfloat16
  int64_t rows = 0;
  int64_t k = 0;
  const std::byte* w = nullptr;  // the matrix' panel 0
  int64_t panel_bytes = 0;
  const QuantizedPanels* quantized = nullptr;  // null: plain weights
  int64_t first_panel = 0;                     // of the first run
  int64_t num_panels = 0;                      // of each run
  int64_t num_runs = 1;                        // at most runs_at_once(rows, k)
  int64_t run_stride = 0;                      // panels from the start of one run to the start of the next
  std::byte* y = nullptr;  // row 0, at panel 0's first output column; kMaxF32: ColumnMaxima of each row
  int64_t y_stride_bytes = 0;
  int64_t y_cols = 0;           // columns that may be written
  const float* bias = nullptr;  // at panel 0; null: none
  int64_t bias_cols = 0;
  OutputKind output = OutputKind::kStoreF32;
  std::byte* scratch = nullptr;  // scratch_bytes(rows, k), aligned to 64
  bool is_packed = false;        // it still holds these rows, packed by the last work
  NextPanels next;
};

struct MatmulTier {
  int64_t (*scratch_bytes)(int64_t rows, int64_t k);
  int64_t (*rows_at_once)(int64_t rows, int64_t k);  // of `rows` rows, how many one work should have
  int64_t (*runs_at_once)(int64_t rows, int64_t k);  // how many runs of panels a work of `rows` rows should have
  void (*run)(const PanelWork& work);
  int64_t block_rows;  // rows that are multiplied in one pass over a panel
};

// What a tier has for one type of rows: kernels for plain weights, and for quantized weights that are widened to that
// type (ActivationBits::kExact).
struct FloatTiers {
  MatmulTier plain;
  MatmulTier widening;
};

FloatTiers portable_bf16();
FloatTiers portable_f32();
#if defined(__x86_64__)
FloatTiers avx2_bf16();
FloatTiers avx2_f32();
FloatTiers avx512_widened_bf16();
FloatTiers avx512_f32();
FloatTiers avx512_bf16();
MatmulTier avx512vbmi_e4m3();  // replaces avx512_bf16's widening for E4M3: the same bits
FloatTiers amx_bf16();
#endif
FloatTiers emulated_amx_bf16();  // the AMX tier's kernels over registers in memory: the same bits, on any processor

// Codes of 8 bits for each input of a rounded row: ActivationBits::k8 and k16.
enum class RowCodes : uint8_t { kOne, kTwo };

// Quantized weights of one format times rounded rows: the same bits in every tier.
MatmulTier portable_int8(const QuantizedPanels& panels, RowCodes codes);
#if defined(__x86_64__)
MatmulTier avx2_int8(const QuantizedPanels& panels, RowCodes codes);
MatmulTier avxvnni_int8(const QuantizedPanels& panels, RowCodes codes);
MatmulTier avx512_int8(const QuantizedPanels& panels, RowCodes codes);
MatmulTier avx512vnni_int8(const QuantizedPanels& panels, RowCodes codes);
MatmulTier amx_int8(const QuantizedPanels& panels, RowCodes codes);
#endif
MatmulTier emulated_vnni_int8(const QuantizedPanels& panels, RowCodes codes);  // vpdpbusd written out, on any processor
MatmulTier emulated_amx_int8(const QuantizedPanels& panels, RowCodes codes);   // registers in memory, on any processor

}  // namespace braid::cpu
