// The floating-point mode in which all of braid's kernels compute. Tested by thread_team_test.cc.
#pragma once

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace braid {

// While it lives, this thread flushes denormal results to zero and reads denormal operands as zero (FTZ and DAZ in
// MXCSR). AMX products always do; without it, a tier's bits would depend on the batch size.
class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : saved_(_mm_getcsr()) {
    _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero);
  }
  ~FlushDenormals() {
    _mm_setcsr(saved_);
  }
#else
  FlushDenormals() = default;
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE2__)
  static constexpr unsigned kFlushToZero = 0x8000;
  static constexpr unsigned kDenormalsAreZero = 0x0040;
  unsigned saved_;
#endif
};

}  // namespace braid
