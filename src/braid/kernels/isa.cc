#include "braid/kernels/isa.h"

#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <array>
#include <string>

namespace braid {
namespace {

constexpr std::array kAllIsas = {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16,
                                 CpuIsa::kAmxBf16};

std::string names_of(const std::vector<CpuIsa>& isas) {
  std::string names;
  for (CpuIsa isa : isas) {
    if (!names.empty()) names += ", ";
    names += isa_name(isa);
  }
  return names;
}

#if defined(__x86_64__)

struct CpuFeatures {
  bool has_avx2 = false;    // with FMA and F16C, and saved by the operating system
  bool has_avx512 = false;  // F, BW, DQ, VL
  bool has_avx512_bf16 = false;
  bool has_amx_bf16 = false;
  bool has_avx_vnni = false;
  bool has_avx512_vnni = false;
  bool has_avx512_vbmi = false;
  bool has_amx_int8 = false;  // on a processor of the AMX tier
};

constexpr bool has_bits(uint64_t value, uint64_t bits) {
  return (value & bits) == bits;
}

// The register states that the operating system saves (XCR0).
uint64_t saved_states() {
  uint32_t low = 0;
  uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

// Linux lets a process use AMX's 8 KB of tile data only if it asks (Documentation/arch/x86/xstate.rst).
bool request_tile_data() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

CpuFeatures query_cpu() {
  constexpr uint64_t kAvxState = 0x6;         // SSE, AVX
  constexpr uint64_t kAvx512State = 0xe6;     // and opmask, ZMM
  constexpr uint64_t kAmxState = 0x6'0000;    // tile configuration and data
  constexpr uint32_t kFma = 1U << 12;         // leaf 1, ecx
  constexpr uint32_t kOsXsave = 1U << 27;     //
  constexpr uint32_t kAvx = 1U << 28;         //
  constexpr uint32_t kF16c = 1U << 29;        //
  constexpr uint32_t kAvx2 = 1U << 5;         // leaf 7, ebx
  constexpr uint32_t kAvx512 = 0xc003'0000U;  // leaf 7, ebx: F 16, DQ 17, BW 30, VL 31
  constexpr uint32_t kAmx = 0x0140'0000U;     // leaf 7, edx: AMX-BF16 22, AMX-TILE 24
  constexpr uint32_t kAmxInt8 = 1U << 25;     //
  constexpr uint32_t kAvx512Vbmi = 1U << 1;   // leaf 7, ecx
  constexpr uint32_t kAvx512Vnni = 1U << 11;  //
  constexpr uint32_t kAvxVnni = 1U << 4;      // leaf 7.1, eax
  constexpr uint32_t kAvx512Bf16 = 1U << 5;   // leaf 7.1, eax

  CpuFeatures features;
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || !has_bits(c, kFma | kOsXsave | kAvx | kF16c)) return features;
  const uint64_t saved = saved_states();
  if (!has_bits(saved, kAvxState) || __get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return features;
  const bool may_have_amx = has_bits(d, kAmx) && has_bits(saved, kAmxState);
  const bool may_have_amx_int8 = has_bits(d, kAmxInt8);
  features.has_avx2 = has_bits(b, kAvx2);
  features.has_avx512 = features.has_avx2 && has_bits(b, kAvx512) && has_bits(saved, kAvx512State);
  features.has_avx512_vnni = features.has_avx512 && has_bits(c, kAvx512Vnni);
  features.has_avx512_vbmi = features.has_avx512 && has_bits(c, kAvx512Vbmi);
  uint32_t extended = 0;
  if (__get_cpuid_count(7, 1, &extended, &b, &c, &d) == 0) return features;
  features.has_avx_vnni = features.has_avx2 && has_bits(extended, kAvxVnni);
  if (!features.has_avx512) return features;
  features.has_avx512_bf16 = has_bits(extended, kAvx512Bf16);
  features.has_amx_bf16 = features.has_avx512_bf16 && may_have_amx && request_tile_data();
  features.has_amx_int8 = features.has_amx_bf16 && features.has_avx512_vnni && may_have_amx_int8;
  return features;
}

#endif

}  // namespace

std::string_view isa_name(CpuIsa isa) {
  switch (isa) {
    case CpuIsa::kPortable:
      return "portable";
    case CpuIsa::kAvx2:
      return "avx2";
    case CpuIsa::kAvx512:
      return "avx512";
    case CpuIsa::kAvx512Bf16:
      return "avx512_bf16";
    case CpuIsa::kAmxBf16:
      return "amx_bf16";
  }
  return "unknown";
}

std::vector<CpuIsa> available_isas() {
  std::vector<CpuIsa> isas = {CpuIsa::kPortable};
#if defined(__x86_64__)
  const CpuFeatures features = query_cpu();
  if (features.has_avx2) isas.push_back(CpuIsa::kAvx2);
  if (features.has_avx512) isas.push_back(CpuIsa::kAvx512);
  if (features.has_avx512_bf16) isas.push_back(CpuIsa::kAvx512Bf16);
  if (features.has_amx_bf16) isas.push_back(CpuIsa::kAmxBf16);
#endif
  return isas;
}

std::vector<IntegerDots> available_integer_dots() {
  std::vector<IntegerDots> dots = {IntegerDots::kPortable};
#if defined(__x86_64__)
  const CpuFeatures features = query_cpu();
  if (features.has_avx2) dots.push_back(IntegerDots::kAvx2);
  if (features.has_avx_vnni) dots.push_back(IntegerDots::kAvxVnni);
  if (features.has_avx512) dots.push_back(IntegerDots::kAvx512);
  if (features.has_avx512_vnni) dots.push_back(IntegerDots::kAvx512Vnni);
  if (features.has_amx_int8) dots.push_back(IntegerDots::kAmxInt8);
#endif
  return dots;
}

IntegerDots integer_dots(CpuIsa isa) {
  static const std::vector<IntegerDots> available = available_integer_dots();
  const IntegerDots most = isa == CpuIsa::kAmxBf16  ? IntegerDots::kAmxInt8
                           : isa >= CpuIsa::kAvx512 ? IntegerDots::kAvx512Vnni
                           : isa == CpuIsa::kAvx2   ? IntegerDots::kAvxVnni
                                                    : IntegerDots::kPortable;
  IntegerDots best = IntegerDots::kPortable;
  for (const IntegerDots dots : available) {
    if (dots <= most) best = dots;
  }
  return best;
}

bool has_byte_lookups() {
#if defined(__x86_64__)
  static const bool has_them = query_cpu().has_avx512_vbmi;
  return has_them;
#else
  return false;
#endif
}

bool has_small_l1() {
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  static const bool is_small = [] {
    const long bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE);
    return bytes > 0 && bytes <= 32 << 10;
  }();
  return is_small;
#else
  return false;
#endif
}

Result<CpuIsa> choose_isa(std::optional<std::string_view> forced) {
  const std::vector<CpuIsa> available = available_isas();
  if (!forced) return available.back();
  for (CpuIsa isa : kAllIsas) {
    if (isa_name(isa) != *forced) continue;
    if (std::find(available.begin(), available.end(), isa) != available.end()) return isa;
    return fail("this machine has no {}: BRAID_CPU_ISA may be {}", *forced, names_of(available));
  }
  return fail("BRAID_CPU_ISA \"{}\" is unknown: this machine has {}", *forced, names_of(available));
}

}  // namespace braid
