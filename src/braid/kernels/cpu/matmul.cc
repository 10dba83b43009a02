#include "braid/kernels/cpu/matmul.h"

#include "braid/kernels/cpu/matmul_shares.h"
#include "braid/kernels/cpu/matmul_tier.h"

namespace braid::cpu {
namespace {

FloatTiers float_tiers(CpuIsa isa, DType dtype) {
  const bool is_bf16 = dtype == DType::kBFloat16;
  switch (isa) {
#if defined(__x86_64__)
    case CpuIsa::kAmxBf16:
      return is_bf16 ? amx_bf16() : avx512_f32();
    case CpuIsa::kAvx512Bf16:
      return is_bf16 ? avx512_bf16() : avx512_f32();
    case CpuIsa::kAvx512:
      return is_bf16 ? avx512_widened_bf16() : avx512_f32();
    case CpuIsa::kAvx2:
      return is_bf16 ? avx2_bf16() : avx2_f32();
#endif
    default:
      return is_bf16 ? portable_bf16() : portable_f32();
  }
}

MatmulTier int8_tier(IntegerDots dots, const QuantizedPanels& panels, RowCodes codes) {
  switch (dots) {
#if defined(__x86_64__)
    case IntegerDots::kAmxInt8:
      return amx_int8(panels, codes);
    case IntegerDots::kAvx512Vnni:
      return avx512vnni_int8(panels, codes);
    case IntegerDots::kAvx512:
      return avx512_int8(panels, codes);
    case IntegerDots::kAvxVnni:
      return avxvnni_int8(panels, codes);
    case IntegerDots::kAvx2:
      return avx2_int8(panels, codes);
#endif
    default:
      return portable_int8(panels, codes);
  }
}

}  // namespace

MatmulTier tier_for(CpuIsa isa, DType dtype) {
  return float_tiers(isa, dtype).plain;
}

MatmulTier tier_for(CpuIsa isa, const PackedMatrix& w) {
  if (!w.is_quantized()) return tier_for(isa, w.dtype());
#if defined(__x86_64__)
  const bool is_e4m3_bf16 = w.panels().values == QuantizedPanels::Values::kE4m3 && w.dtype() == DType::kBFloat16;
  if (is_e4m3_bf16 && isa == CpuIsa::kAvx512Bf16 && has_byte_lookups()) return avx512vbmi_e4m3();
#endif
  if (w.activations() == ActivationBits::kExact) return float_tiers(isa, w.dtype()).widening;
  const RowCodes codes = w.activations() == ActivationBits::k16 ? RowCodes::kTwo : RowCodes::kOne;
  return int8_tier(integer_dots(isa), w.panels(), codes);
}

void matmul(CpuIsa isa, ThreadTeam& team, ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  matmul_with(tier_for(isa, w), team, x, w, y, epilogue);
}

void matmul_max(CpuIsa isa, ThreadTeam& team, ConstRows x, const PackedMatrix& w, int64_t cols,
                std::span<RowMax> maxima) {
  matmul_max_with(tier_for(isa, w), team, x, w, cols, maxima);
}

void grouped_matmul(CpuIsa isa, ThreadTeam& team, ConstRows x, const ExpertRows& expert_rows,
                    std::span<const PackedMatrix> w, Rows y, const Epilogue& epilogue) {
  if (w.empty()) return;
  grouped_matmul_with(tier_for(isa, w[0]), team, x, expert_rows, w, y, epilogue);
}

}  // namespace braid::cpu
