// Attention with emulated tile registers: the same indexing and bits, on any processor. Tested by
// kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/amx_tiles_emulated.h"
#include "braid/kernels/cpu/attention_amx_inl.h"
#include "braid/kernels/cpu/attention_portable_inl.h"

namespace braid::cpu {
namespace {

// Queries and probabilities in the form that tile registers take.
struct RoundedPairs {
  using Weight = uint16_t;
  static constexpr int kStep = 2;
  static constexpr int kElementBytes = 2;

  static Portable::Vector put(Portable::Vector weights, Weight* to) {
    const Portable::Words bits = Portable::rounded_bits(weights) & 0xffff0000U;
    for (int i = 0; i < Portable::kLanes; ++i) to[i] = static_cast<Weight>(bits[i] >> 16);
    return __builtin_bit_cast(Portable::Vector, bits);
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; i += Portable::kLanes) put(Portable::load(q + i), to + i);
  }
};

constexpr AttentionKernels kKernels =
    AttentionKernel<Portable, RoundedPairs, AmxAttention<EmulatedTiles, Portable, RoundedPairs>>::table();

}  // namespace

const AttentionKernels& attention_amx_emulated() {
  return kKernels;
}

}  // namespace braid::cpu
