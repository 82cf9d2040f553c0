// What all kernels share. For AVX-512 translation units only: everything is in an unnamed namespace.
#pragma once

#include <immintrin.h>

#if defined(__clang__)
#define SLUICE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SLUICE_UNROLL _Pragma("GCC unroll 16")
#endif
#define SLUICE_INLINE inline __attribute__((always_inline))

namespace sluice::srtp::avx512 {
namespace {

SLUICE_INLINE __m512i xor3(__m512i a, __m512i b, __m512i c) {
    return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

}  // namespace
}  // namespace sluice::srtp::avx512
