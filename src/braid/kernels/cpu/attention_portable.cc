// Attention for any processor. Probabilities stay float32. Tested by kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/attention_portable_inl.h"

namespace braid::cpu {
namespace {

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Portable, WidenedPairs<Portable>>::table(),
                                 .float32 = AttentionKernel<Portable, Floats<Portable>>::table(),
                                 .int8 = AttentionKernel<Portable, WidenedCodes<Portable, KvCodes::kInt8>>::table(),
                                 .e4m3 = AttentionKernel<Portable, WidenedCodes<Portable, KvCodes::kE4m3>>::table()};

}  // namespace

const AttentionTier& attention_portable() {
  return kTier;
}

}  // namespace braid::cpu
