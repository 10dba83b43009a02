// Attention with the hardware's tile registers; everything but the products in AVX-512. Tested by
// kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/amx_tiles.h"
#include "braid/kernels/cpu/attention_amx_inl.h"
#include "braid/kernels/cpu/attention_avx512bf16_inl.h"

namespace braid::cpu {
namespace {

constexpr AttentionKernels kKernels =
    AttentionKernel<Avx512Bf16, DotPairs, AmxAttention<HardwareTiles, Avx512Bf16, DotPairs>>::table();

}  // namespace

const AttentionKernels& attention_amx() {
  return kKernels;
}

}  // namespace braid::cpu
