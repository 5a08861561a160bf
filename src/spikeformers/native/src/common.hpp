// What every kernel here shares: the plain C interface, element types, vectors of float, and threads.
//
// Each source is compiled once per instruction set into a library of its own (see native/build.py); vectors are GCC's,
// so that one text serves all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(SF_THREADS)
#include <thread>
#include <vector>
#elif defined(_OPENMP)
#include <omp.h>
#endif

#define SF_API extern "C" __attribute__((visibility("default")))

namespace sf {

// Element types by the codes that native/types.py passes.
enum Type : int32_t { kFloat32 = 0, kBfloat16 = 1, kFloat16 = 2, kUint8 = 3 };

inline size_t size_of(int32_t type) { return type == kFloat32 ? 4 : type == kUint8 ? 1 : 2; }

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef int32_t IVec __attribute__((vector_size(kLanes * 4)));
typedef uint32_t UVec __attribute__((vector_size(kLanes * 4)));
typedef uint16_t HVec __attribute__((vector_size(kLanes * 2)));
typedef uint8_t BVec __attribute__((vector_size(kLanes)));

// a b + c rounded once, where there is an instruction for it: for what need not round as PyTorch does.
inline Vec multiply_add(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

// 1 / x for positive normal x, to about one unit in the last place.
inline Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  Vec guess = (Vec)_mm512_maskz_rcp14_ps(0xffff, (__m512)x);  // as _mm512_rcp14_ps, of which GCC 12 warns
  return multiply_add(guess, multiply_add(-x, guess, Vec{} + 1.0f), guess);
#else
  return 1.0f / x;
#endif
}

inline Vec splat(float x) { return x - Vec{}; }  // not +, which would turn -0 into 0
inline IVec bits_of(Vec x) { return (IVec)x; }
inline Vec where(IVec mask, Vec a, Vec b) { return mask ? a : b; }

template <class V>
inline V load_as(const void* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
template <class V>
inline void store_as(void* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

// Bytes to integers and back. GCC 12 takes vectors of bytes and of _Float16 apart, lane by lane, where it converts them,
// and warns of the intrinsics without a mask.
#if defined(__AVX512F__)
inline IVec widen(BVec x) { return (IVec)_mm512_maskz_cvtepu8_epi32(0xffff, (__m128i)x); }
inline BVec narrow(IVec x) { return (BVec)_mm512_maskz_cvtepi32_epi8(0xffff, (__m512i)x); }
#elif defined(__AVX2__)
inline IVec widen(BVec x) { return (IVec)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(load_as<int64_t>(&x))); }
inline BVec narrow(IVec x) {
  const __m256i low = _mm256_and_si256((__m256i)x, _mm256_set1_epi32(255));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  const int64_t bytes = _mm_cvtsi128_si64(_mm_packus_epi16(words, words));
  return load_as<BVec>(&bytes);
}
#else
inline IVec widen(BVec x) { return __builtin_convertvector(x, IVec); }
inline BVec narrow(IVec x) { return __builtin_convertvector(x, BVec); }
#endif

inline Vec from_bfloat16(HVec x) { return (Vec)(__builtin_convertvector(x, UVec) << 16); }

// Round to nearest even, as PyTorch does; a NaN stays one.
inline HVec to_bfloat16(Vec x) {
#if defined(__AVX512BF16__)
  // Also what is smaller than the least normal number becomes 0 here.
  return (HVec)_mm512_cvtneps_pbh((__m512)x);
#else
  UVec u = (UVec)x;
  UVec rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  UVec nan = (UVec)(x != x);
  return __builtin_convertvector((nan & 0x7fc0) | (~nan & rounded), HVec);
#endif
}

#if defined(__AVX512F__)
inline Vec from_float16(HVec x) { return (Vec)_mm512_maskz_cvtph_ps(0xffff, (__m256i)x); }
inline HVec to_float16(Vec x) { return (HVec)_mm512_maskz_cvtps_ph(0xffff, (__m512)x, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(__F16C__)
inline Vec from_float16(HVec x) { return (Vec)_mm256_cvtph_ps((__m128i)x); }
inline HVec to_float16(Vec x) { return (HVec)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT); }
#else
// Without instructions for it: rebias the exponent by a multiplication, which also makes subnormals right.
inline Vec from_float16(HVec x) {
  UVec u = __builtin_convertvector(x, UVec);
  Vec magnitude = (Vec)((u & 0x7fff) << 13) * 0x1p112f;
  UVec special = (UVec)((u & 0x7c00) == 0x7c00) & 0x7f800000u;
  return (Vec)((UVec)magnitude | special | ((u & 0x8000) << 16));
}
inline uint16_t to_float16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  uint32_t sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
  if (a > 0x7f800000) return uint16_t(sign | 0x7e00);
  if (a >= 0x477ff000) return uint16_t(sign | 0x7c00);
  if (a < 0x38800000) {  // subnormal: the addition rounds at the right place
    float f;
    std::memcpy(&f, &a, 4);
    f += 0.5f;
    uint32_t r;
    std::memcpy(&r, &f, 4);
    return uint16_t(sign | (r - 0x3f000000));
  }
  return uint16_t(sign | ((a + 0xc8000fff + ((a >> 13) & 1)) >> 13));
}
inline HVec to_float16(Vec x) {
  HVec out;
  for (int i = 0; i < kLanes; ++i) out[i] = to_float16(x[i]);
  return out;
}
#endif

// `count` (at most kLanes) elements of a type, as floats; the lanes behind them are 0 and are not read from memory.
inline Vec load(const void* base, int32_t type, size_t index, int count = kLanes) {
  const char* from = static_cast<const char*>(base) + index * size_of(type);
  alignas(64) char buffer[sizeof(Vec)];
  if (count < kLanes) {
    std::memset(buffer, 0, sizeof buffer);
    std::memcpy(buffer, from, count * size_of(type));
    from = buffer;
  }
  switch (type) {
    case kFloat32: return load_as<Vec>(from);
    case kBfloat16: return from_bfloat16(load_as<HVec>(from));
    case kFloat16: return from_float16(load_as<HVec>(from));
    default: return __builtin_convertvector(widen(load_as<BVec>(from)), Vec);
  }
}

// As it would come back from memory of a type: what is carried from step to step is the same whether it went there.
inline Vec rounded_as(int32_t type, Vec x) {
  if (type == kBfloat16) return from_bfloat16(to_bfloat16(x));
  return type == kFloat16 ? from_float16(to_float16(x)) : x;
}

// Ask for what will be read a few blocks later: with so many streams, one or two for each time step, the processor does
// not foresee it. Behind the end of a tensor this asks in vain, which is allowed.
inline void foresee(const void* base, int32_t type, size_t index) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(base) + (index + 1024) * size_of(type)));
}

// Store the first `count` lanes as elements of a type; nothing behind them is written.
inline void store(void* base, int32_t type, size_t index, Vec value, int count = kLanes) {
  char* to = static_cast<char*>(base) + index * size_of(type);
  alignas(64) char buffer[sizeof(Vec)];
  char* target = count < kLanes ? buffer : to;
  switch (type) {
    case kFloat32: store_as(target, value); break;
    case kBfloat16: store_as(target, to_bfloat16(value)); break;
    case kFloat16: store_as(target, to_float16(value)); break;
    default: store_as(target, narrow(__builtin_convertvector(value, IVec)));
  }
  if (count < kLanes) std::memcpy(to, buffer, count * size_of(type));
}

// From how many bytes on an output is written past the caches. On one core of an EPYC with 32 MiB of third level cache,
// the gradient of a neuron took half the time where it had 49 MiB, an eighth less where it had 12 MiB.
#ifndef SF_LARGE
#define SF_LARGE (8 << 20)
#endif

// The same past the caches, for large outputs: memory is then not read before it is written. Whole vectors where they
// are aligned go there, all others as usual. Whoever wrote calls `written_past_caches` before others read.
inline void store_past_caches(void* base, int32_t type, size_t index, Vec value, int count = kLanes) {
#if defined(__AVX512F__)
  char* to = static_cast<char*>(base) + index * size_of(type);
  if (count == kLanes && reinterpret_cast<uintptr_t>(to) % (kLanes * size_of(type)) == 0) {
    if (type == kFloat32) return _mm512_stream_ps(reinterpret_cast<float*>(to), (__m512)value);
    if (type == kBfloat16) return _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)to_bfloat16(value));
  }
#endif
  store(base, type, index, value, count);
}

inline void written_past_caches() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

// body(begin, end) over [0, total) in one contiguous part per thread; small work stays on one.
//
// With SF_THREADS the threads are those of the standard library and small work is shared out, too: a thread sanitizer
// does not see the locks of an OpenMP runtime that was compiled without it, and would report races that are none.
template <class Body>
inline void parallel(size_t total, size_t least_per_thread, int32_t threads, const Body& body) {
#if defined(SF_THREADS)
  const size_t parts = total < size_t(threads) ? total : size_t(threads);
  if (parts > 1) {
    std::vector<std::thread> team;
    for (size_t i = 0; i < parts; ++i)
      team.emplace_back([&, i] { body(total * i / parts, total * (i + 1) / parts); });
    for (std::thread& member : team) member.join();
    return;
  }
  (void)least_per_thread;
#elif defined(_OPENMP)
  size_t parts = least_per_thread ? total / least_per_thread : total;
  if (parts > size_t(threads)) parts = threads;
  if (parts > 1) {
#pragma omp parallel num_threads(int(parts))
    {
      size_t team = omp_get_num_threads(), mine = omp_get_thread_num();
      body(total * mine / team, total * (mine + 1) / team);
    }
    return;
  }
#endif
  body(size_t(0), total);
}

}  // namespace sf
