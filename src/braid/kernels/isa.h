// The instruction-set tiers of the CPU kernels, and which of them this machine has.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// Each includes those before it.
enum class CpuIsa : unsigned char { kPortable, kAvx2, kAvx512, kAvx512Bf16, kAmxBf16 };

std::string_view isa_name(CpuIsa isa);  // "portable", "avx2", "avx512", "avx512_bf16", "amx_bf16"

// From the lowest to the best. Asks the kernel for AMX's state the first time (arch_prctl), before any thread uses it.
std::vector<CpuIsa> available_isas();

// The best tier, or the one that `forced` (the environment's BRAID_CPU_ISA, read in cli/) names; an unknown or absent
// one is an error that lists those this machine has.
Result<CpuIsa> choose_isa(std::optional<std::string_view> forced);

}  // namespace braid
