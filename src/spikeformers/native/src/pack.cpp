// Packing what floating point is too wide for: spikes become one bit each, small integers one byte.
//
// Nothing is lost, down to the sign of a zero: a value that is not exactly +0 or 1, or no integer from 0 to 255, stops
// the packing, soon where it comes early and on whatever thread.
#include <algorithm>
#include <atomic>

#include "common.hpp"

namespace sf {
namespace {

constexpr size_t kChunk = 4096;  // elements between two looks at whether another thread has given up

template <class Bits>
constexpr Bits one_of(int32_t type) {
  return type == kFloat32 ? Bits(0x3f800000) : type == kBfloat16 ? Bits(0x3f80) : Bits(0x3c00);
}

// Which of 64 elements are 1; false where one is neither that nor 0.
template <class Bits>
inline bool ones_of_64(const Bits* x, Bits one, uint64_t& ones) {
  uint64_t wrong = 0;
  ones = 0;
#if defined(__AVX512BW__)
  constexpr int kStep = 64 / sizeof(Bits);
  for (int i = 0; i < 64; i += kStep) {
    const __m512i v = _mm512_loadu_si512(x + i);
    uint64_t is_one, is_set;
    if constexpr (sizeof(Bits) == 4) {
      is_one = _mm512_cmpeq_epi32_mask(v, _mm512_set1_epi32(int(one)));
      is_set = _mm512_test_epi32_mask(v, v);
    } else {
      is_one = _mm512_cmpeq_epi16_mask(v, _mm512_set1_epi16(short(one)));
      is_set = _mm512_test_epi16_mask(v, v);
    }
    wrong |= is_one ^ is_set;
    ones |= is_one << i;
  }
#elif defined(__AVX2__)
  __m256i bad = _mm256_setzero_si256();
  const auto look = [&](int i) {  // 32 bytes: all bits of the elements that are 1
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)), zero = _mm256_setzero_si256();
    __m256i is_one, is_zero;
    if constexpr (sizeof(Bits) == 4) {
      is_one = _mm256_cmpeq_epi32(v, _mm256_set1_epi32(int(one))), is_zero = _mm256_cmpeq_epi32(v, zero);
    } else {
      is_one = _mm256_cmpeq_epi16(v, _mm256_set1_epi16(short(one))), is_zero = _mm256_cmpeq_epi16(v, zero);
    }
    bad = _mm256_or_si256(bad, _mm256_cmpeq_epi8(_mm256_or_si256(is_one, is_zero), zero));
    return is_one;
  };
  if constexpr (sizeof(Bits) == 4) {
    for (int i = 0; i < 64; i += 8) ones |= uint64_t(_mm256_movemask_ps(_mm256_castsi256_ps(look(i)))) << i;
  } else {
    for (int i = 0; i < 64; i += 32) {  // packing works within halves of a register: put its quarters in order
      const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi16(look(i), look(i + 16)), 0xd8);
      ones |= uint64_t(uint32_t(_mm256_movemask_epi8(both))) << i;
    }
  }
  wrong = !_mm256_testz_si256(bad, bad);
#else
  for (int i = 0; i < 64; ++i) {
    const bool is_one = x[i] == one;
    wrong |= uint64_t(is_one != (x[i] != 0));
    ones |= uint64_t(is_one) << i;
  }
#endif
  return wrong == 0;
}

template <class Bits>
inline void from_64(uint64_t ones, Bits one, Bits* out) {
#if defined(__AVX512BW__)
  constexpr int kStep = 64 / sizeof(Bits);
  for (int i = 0; i < 64; i += kStep) {
    if constexpr (sizeof(Bits) == 4) {
      _mm512_storeu_si512(out + i, _mm512_maskz_set1_epi32(__mmask16(ones >> i), int(one)));
    } else {
      _mm512_storeu_si512(out + i, _mm512_maskz_set1_epi16(__mmask32(ones >> i), short(one)));
    }
  }
#else
  for (int half = 0; half < 64; half += 32) {
    const uint32_t word = uint32_t(ones >> half);
    for (int i = 0; i < 32; ++i) out[half + i] = Bits(-int32_t(word >> i & 1)) & one;
  }
#endif
}

template <class Bits>
bool pack_bits(const Bits* x, Bits one, size_t begin, size_t end, uint8_t* bits) {
  size_t i = begin;
  uint64_t ones;
  for (; i + 64 <= end; i += 64) {
    if (!ones_of_64(x + i, one, ones)) return false;
    std::memcpy(bits + i / 8, &ones, 8);
  }
  if (i == end) return true;
  Bits rest[64] = {};
  std::memcpy(rest, x + i, (end - i) * sizeof(Bits));
  if (!ones_of_64(rest, one, ones)) return false;
  std::memcpy(bits + i / 8, &ones, (end - i + 7) / 8);
  return true;
}

template <class Bits>
void unpack_bits(const uint8_t* bits, Bits one, size_t begin, size_t end, Bits* out) {
  size_t i = begin;
  uint64_t ones = 0;
  for (; i + 64 <= end; i += 64) {
    std::memcpy(&ones, bits + i / 8, 8);
    from_64(ones, one, out + i);
  }
  if (i == end) return;
  Bits rest[64];
  std::memcpy(&ones, bits + i / 8, (end - i + 7) / 8);
  from_64(ones, one, rest);
  std::memcpy(out + i, rest, (end - i) * sizeof(Bits));
}

template <int32_t type>
bool pack_bytes(const void* x, size_t begin, size_t end, void* bytes) {
  IVec wrong = {};
  for (size_t i = begin; i < end; i += kLanes) {
    const int count = int(std::min<size_t>(kLanes, end - i));
    const Vec value = load(x, type, i, count);
    // What is out of range becomes 0 before it is converted, and is found by not coming back.
    const IVec integer = __builtin_convertvector(where((value >= 0.0f) & (value <= 255.0f), value, Vec{}), IVec);
    wrong |= bits_of(__builtin_convertvector(integer, Vec)) ^ bits_of(value);
    store(bytes, kUint8, i, __builtin_convertvector(integer, Vec), count);
  }
  int32_t any = 0;
  for (int lane = 0; lane < kLanes; ++lane) any |= wrong[lane];
  return any == 0;
}

template <int32_t type>
void unpack_bytes(const void* bytes, size_t begin, size_t end, void* out) {
  for (size_t i = begin; i < end; i += kLanes) {
    const int count = int(std::min<size_t>(kLanes, end - i));
    store(out, type, i, load(bytes, kUint8, i, count), count);
  }
}

// work(begin, end) over all chunks until it says no; whether it never did.
template <class Work>
bool over_chunks(size_t n, int32_t threads, const Work& work) {
  std::atomic<bool> good{true};
  parallel((n + kChunk - 1) / kChunk, 16, threads, [&](size_t begin, size_t end) {
    for (size_t chunk = begin; chunk < end && good.load(std::memory_order_relaxed); ++chunk)
      if (!work(chunk * kChunk, std::min(n, (chunk + 1) * kChunk))) good.store(false, std::memory_order_relaxed);
  });
  return good;
}

}  // namespace
}  // namespace sf

// Element i of x becomes bit i % 8 of byte i / 8; the last byte is filled up with zeros. Returns 0 where a value is not
// exactly +0 or 1; what is in `bits` then means nothing.
SF_API int32_t sf_pack_bits(const void* x, int32_t type, int64_t n, uint8_t* bits, int32_t threads) {
  using namespace sf;
  return over_chunks(size_t(n), threads, [&](size_t begin, size_t end) {
    if (type == kFloat32)
      return pack_bits(static_cast<const uint32_t*>(x), one_of<uint32_t>(type), begin, end, bits);
    return pack_bits(static_cast<const uint16_t*>(x), one_of<uint16_t>(type), begin, end, bits);
  });
}

SF_API void sf_unpack_bits(const uint8_t* bits, int64_t n, void* out, int32_t type, int32_t threads) {
  using namespace sf;
  over_chunks(size_t(n), threads, [&](size_t begin, size_t end) {
    if (type == kFloat32)
      unpack_bits(bits, one_of<uint32_t>(type), begin, end, static_cast<uint32_t*>(out));
    else
      unpack_bits(bits, one_of<uint16_t>(type), begin, end, static_cast<uint16_t*>(out));
    return true;
  });
}

// Returns 0 where a value is no integer from 0 to 255, or is -0.
SF_API int32_t sf_pack_bytes(const void* x, int32_t type, int64_t n, uint8_t* bytes, int32_t threads) {
  using namespace sf;
  return over_chunks(size_t(n), threads, [&](size_t begin, size_t end) {
    return type == kFloat32    ? pack_bytes<kFloat32>(x, begin, end, bytes)
           : type == kBfloat16 ? pack_bytes<kBfloat16>(x, begin, end, bytes)
                               : pack_bytes<kFloat16>(x, begin, end, bytes);
  });
}

SF_API void sf_unpack_bytes(const uint8_t* bytes, int64_t n, void* out, int32_t type, int32_t threads) {
  using namespace sf;
  over_chunks(size_t(n), threads, [&](size_t begin, size_t end) {
    if (type == kFloat32)
      unpack_bytes<kFloat32>(bytes, begin, end, out);
    else if (type == kBfloat16)
      unpack_bytes<kBfloat16>(bytes, begin, end, out);
    else
      unpack_bytes<kFloat16>(bytes, begin, end, out);
    return true;
  });
}
