// The tiers that multiply quantized weights by rounded rows, and matrices and rows for them.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "braid/kernels/cpu/matmul_tier.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/packed_matrix.h"
#include "tests/support/kernels/every_tier.h"
#include "tests/support/kernels/quantized_formats.h"

namespace braid::testing {

inline Matrix random_rows_of(DType dtype, int64_t rows, int64_t cols, uint32_t seed) {
  Matrix x(dtype, rows, cols);
  const Matrix source = odd_matrix(rows, cols, seed);
  make_ref_ops()->convert(source.view, x.view);
  return x;
}

inline PackedMatrix pack_quantized_rows(const QuantizedRows& rows, ActivationBits activations, DType dtype) {
  PackedMatrix packed(rows.format, activations, dtype, rows.rows, rows.cols);
  packed.pack_rows(rows, 0);
  return packed;
}

struct IntegerTier {
  std::string name;
  cpu::MatmulTier (*tier)(const QuantizedPanels& panels, cpu::RowCodes codes);

  cpu::MatmulTier of(const PackedMatrix& w) const {
    return tier(w.panels(), w.activations() == ActivationBits::k16 ? cpu::RowCodes::kTwo : cpu::RowCodes::kOne);
  }
};

inline IntegerTier portable_tier() {
  return {"portable", cpu::portable_int8};
}

inline std::vector<IntegerTier> integer_tiers() {
  std::vector<IntegerTier> tiers = {
      portable_tier(), {"emulated_vnni", cpu::emulated_vnni_int8}, {"emulated_amx", cpu::emulated_amx_int8}};
#if defined(__x86_64__)
  for (const IntegerDots dots : available_integer_dots()) {
    if (dots == IntegerDots::kAvx2) tiers.push_back({"avx2", cpu::avx2_int8});
    if (dots == IntegerDots::kAvxVnni) tiers.push_back({"avx_vnni", cpu::avxvnni_int8});
    if (dots == IntegerDots::kAvx512) tiers.push_back({"avx512", cpu::avx512_int8});
    if (dots == IntegerDots::kAvx512Vnni) tiers.push_back({"avx512_vnni", cpu::avx512vnni_int8});
    if (dots == IntegerDots::kAmxInt8) tiers.push_back({"amx", cpu::amx_int8});
  }
#endif
  if (kUnderThreadSanitizer) tiers.erase(tiers.begin(), tiers.end() - 1);
  return tiers;
}

// Calls expect(format, activations) for all that multiply rounded rows.
template <typename Expect>
void for_each_rounded_format(const Expect& expect) {
  for (const NamedFormat& named : quantized_formats()) {
    if (is_e4m3(named.format)) continue;
    for (const ActivationBits activations : {ActivationBits::k8, ActivationBits::k16}) {
      SCOPED_TRACE(fmt::format("{} {} bits", named.name, activations == ActivationBits::k8 ? 8 : 16));
      expect(named, activations);
    }
  }
}

}  // namespace braid::testing
