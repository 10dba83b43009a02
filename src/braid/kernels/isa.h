// The instruction-set tiers of the CPU kernels, and which of them this machine has.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// Each tier includes those before it.
enum class CpuIsa : unsigned char { kPortable, kAvx2, kAvx512, kAvx512Bf16, kAmxBf16 };

// The instructions for integer products, of which some are no part of a tier. All give the same bits. kAmxInt8 includes
// kAvx512Vnni, for few rows.
enum class IntegerDots : unsigned char { kPortable, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAmxInt8 };

std::string_view isa_name(CpuIsa isa);  // "portable", "avx2", "avx512", "avx512_bf16", "amx_bf16"

// From the lowest to the best. The first call asks the operating system for AMX's tile state (arch_prctl), before any
// thread uses it.
std::vector<CpuIsa> available_isas();

// The best of this machine for a tier that it has.
IntegerDots integer_dots(CpuIsa isa);
// All that this machine has.
std::vector<IntegerDots> available_integer_dots();

// Whether this machine has AVX-512's lookups of bytes in tables of 128 (VBMI), which are no part of a tier.
bool has_byte_lookups();

// Whether a core's first-level data cache has 32 KB or less, as far as the system tells.
bool has_small_l1();

// The best tier, or the one named by `forced` (the environment's BRAID_CPU_ISA, read in cli/). An unknown tier, or one
// that this machine lacks, is an error that lists those it has.
Result<CpuIsa> choose_isa(std::optional<std::string_view> forced);

}  // namespace braid
