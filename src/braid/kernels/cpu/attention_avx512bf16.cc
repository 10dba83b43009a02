// Attention with AVX-512 and vdpbf16ps. Tested by kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/attention_avx512bf16_inl.h"

namespace braid::cpu {
namespace {

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Avx512Bf16, DotPairs>::table(),
                                 .float32 = AttentionKernel<Avx512Bf16, Floats<Avx512Bf16>>::table(),
                                 .int8 = AttentionKernel<Avx512Bf16, CodePairs<KvCodes::kInt8>>::table(),
                                 .e4m3 = AttentionKernel<Avx512Bf16, CodePairs<KvCodes::kE4m3>>::table()};

}  // namespace

const AttentionTier& attention_avx512bf16() {
  return kTier;
}

}  // namespace braid::cpu
