#include "braid/kernels/cpu/matmul.h"

#include "braid/kernels/cpu/matmul_shares.h"
#include "braid/kernels/cpu/matmul_tier.h"

namespace braid::cpu {
MatmulTier tier_for(CpuIsa isa, DType dtype) {
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

void matmul(CpuIsa isa, ThreadTeam& team, ConstRows x, const PackedMatrix& w, Rows y, const Epilogue& epilogue) {
  matmul_with(tier_for(isa, w.dtype()), team, x, w, y, epilogue);
}

void matmul_max(CpuIsa isa, ThreadTeam& team, ConstRows x, const PackedMatrix& w, int64_t cols,
                std::span<RowMax> maxima) {
  matmul_max_with(tier_for(isa, w.dtype()), team, x, w, cols, maxima);
}

void grouped_matmul(CpuIsa isa, ThreadTeam& team, ConstRows x, const ExpertRows& expert_rows,
                    std::span<const PackedMatrix> w, Rows y, const Epilogue& epilogue) {
  if (w.empty()) return;
  grouped_matmul_with(tier_for(isa, w[0].dtype()), team, x, expert_rows, w, y, epilogue);
}

}  // namespace braid::cpu
