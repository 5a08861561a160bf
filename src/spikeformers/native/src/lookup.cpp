// Products of spikes with numbers by looking sums up: four spikes are the index into a table of the sixteen
// sums that four numbers can have, and one register holds such a table. Its speed does not depend on the firing rate;
// the result is that of float32 up to the order of additions. AVX-512 only: other sets have no table of sixteen.
//
// Spikes are packed twice: 16 channels of a pixel as a half word, then 32 terms of each result's sum as a word.
#include <algorithm>
#include <atomic>
#include <vector>

#include "common.hpp"

#ifdef __AVX512F__
#include <immintrin.h>
// GCC 12 warns of its own header.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

extern "C" {

// A convolution over [frames][height][width][channels]; a linear over rows is one of a single frame and a 1x1 kernel.
struct SfWindow {
  int64_t frames, height, width, channels, out_height, out_width;
  int64_t kernel_height, kernel_width, stride_height, stride_width, pad_height, pad_width;
};

// out[result][output], or out[output][result], = bias + the sum over terms of spikes[result][term] b[term, output].
struct SfLookup {
  int64_t results, row_of_words, terms, outputs, b_term_stride, b_output_stride, out_stride;
  int32_t outputs_innermost, b_type;
};
}

#ifdef __AVX512F__

namespace sf {
namespace {

constexpr int64_t kTerms = 32;     // spikes in a word: eight look-ups
constexpr int64_t kResults = 64;   // of a tile: four registers
constexpr int64_t kOutputs = 4;    // of a tile
constexpr int64_t kBlock = 16;     // outputs that are written together
constexpr int64_t kChunk = 1024;   // results whose sums stay in the second level cache
constexpr int64_t kRow = kChunk + 16;  // of sums in memory: no power of two, whose lines would push each other out
constexpr int64_t kDepth = 512;    // terms whose tables, for kOutputs, stay in the first level cache
constexpr int64_t kTables = kDepth / 4 * kOutputs;

int64_t halves_of(const SfWindow& w) { return (w.channels + 15) / 16; }
int64_t results_of(const SfWindow& w) { return w.frames * w.out_height * w.out_width; }
int64_t taps_of(const SfWindow& w) { return w.kernel_height * w.kernel_width; }

// The pixels that up to N results in a row see under a tap of their kernels, -1 in the padding and behind the last.
template <int N>
struct Sources {
  int64_t row[N], column[N], frame[N], pixel[N];
  int64_t count;

  Sources(const SfWindow& w, int64_t first) : count(std::min<int64_t>(N, results_of(w) - first)) {
    int64_t x = first % w.out_width, y = first / w.out_width % w.out_height, f = first / w.out_width / w.out_height;
    for (int64_t i = 0; i < count; ++i) {
      row[i] = y * w.stride_height - w.pad_height;
      column[i] = x * w.stride_width - w.pad_width;
      frame[i] = f;
      if (++x < w.out_width) continue;
      x = 0;
      if (++y < w.out_height) continue;
      y = 0;
      ++f;
    }
    std::fill(pixel, pixel + N, -1);
  }
  void look_under(const SfWindow& w, int64_t tap) {
    int64_t tap_row = tap / w.kernel_width, tap_column = tap % w.kernel_width;
    for (int64_t i = 0; i < count; ++i) {
      int64_t y = row[i] + tap_row, x = column[i] + tap_column;
      bool inside = y >= 0 && y < w.height && x >= 0 && x < w.width;
      pixel[i] = inside ? (frame[i] * w.height + y) * w.width + x : -1;
    }
  }
};

// The channels of a pixel at an index as half words; 0 where one of them is neither 0 nor 1.
bool pack_pixel(const void* x, int32_t type, size_t index, int64_t channels, uint16_t* halves) {
  __mmask16 good = 0xffff;
  for (int64_t c = 0; c < channels; c += 16, ++halves) {
    __m512 v = (__m512)load(x, type, index + c, int(std::min<int64_t>(16, channels - c)));
    *halves = _mm512_cmp_ps_mask(v, _mm512_set1_ps(1), _CMP_EQ_OQ);
    good &= *halves | _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_EQ_OQ);
  }
  return good == 0xffff;
}

// The spikes of 16 channels at 32 pixels, a word for each channel.
inline __m512i column(const Sources<32>& from, const uint16_t* halves, int64_t per_pixel) {
  __m512i words = _mm512_setzero_si512();
  for (int i = 0; i < 32; ++i) {
    __mmask16 spikes = from.pixel[i] < 0 ? 0 : halves[from.pixel[i] * per_pixel];
    words = _mm512_mask_or_epi32(words, spikes, words, _mm512_set1_epi32(int32_t(1u << i)));
  }
  return words;
}

// The numbers that tables are made of, from an index on.
struct Numbers {
  const void* base;
  int32_t type;
  int64_t first = 0;

  Numbers from(int64_t index) const { return {base, type, first + index}; }
  const float* floats() const { return static_cast<const float*>(base) + first; }
  float one(int64_t index) const { return load(base, type, size_t(first + index), 1)[0]; }
  __m512 sixteen(int64_t index) const { return (__m512)load(base, type, size_t(first + index)); }
};

// The sixteen sums that four numbers, `stride` apart, can have.
inline __m512 sums_of(const float* from, int64_t stride) {
  auto in = [&](__mmask16 entries, int64_t i) {
    return _mm512_maskz_broadcastss_ps(entries, _mm_load_ss(from + i * stride));
  };
  return _mm512_add_ps(_mm512_add_ps(in(0xaaaa, 0), in(0xcccc, 1)), _mm512_add_ps(in(0xf0f0, 2), in(0xff00, 3)));
}

// Rows of 16 numbers become columns.
void transpose(__m512 (&rows)[16]) {
  __m512 half[16];
  auto pairs = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  auto others = [](__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  for (int i = 0; i < 16; i += 2) {
    half[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    half[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    rows[i] = pairs(half[i], half[i + 2]);
    rows[i + 1] = others(half[i], half[i + 2]);
    rows[i + 2] = pairs(half[i + 1], half[i + 3]);
    rows[i + 3] = others(half[i + 1], half[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    half[i] = _mm512_shuffle_f32x4(rows[i], rows[i + 4], 0x88);
    half[i + 4] = _mm512_shuffle_f32x4(rows[i], rows[i + 4], 0xdd);
    half[i + 8] = _mm512_shuffle_f32x4(rows[i + 8], rows[i + 12], 0x88);
    half[i + 12] = _mm512_shuffle_f32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    rows[i] = _mm512_shuffle_f32x4(half[i], half[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_f32x4(half[i], half[i + 8], 0xdd);
  }
}

// The same for all of a block's outputs, which lie next to each other; kOutputs of them are kTables behind the others.
inline void fill_block(__m512* tables, const Numbers& b, int64_t stride) {
  __m512 v[4], sums[16];
  for (int i = 0; i < 4; ++i) v[i] = b.sixteen(i * stride);
  sums[0] = _mm512_setzero_ps();
  for (int e = 1; e < 16; ++e) sums[e] = _mm512_add_ps(sums[e & (e - 1)], v[__builtin_ctz(e)]);
  transpose(sums);
  for (int o = 0; o < kBlock; ++o) tables[o / kOutputs * kTables + o % kOutputs] = sums[o];
}

// Tables of `groups` times four terms for a block of outputs; terms and outputs that do not exist add nothing.
void fill_tables(__m512* tables, const Numbers& b, const SfLookup& p, int64_t terms, int64_t outputs, int64_t groups) {
  for (int64_t g = 0; g < groups; ++g) {
    const Numbers from = b.from(4 * g * p.b_term_stride);
    bool all_terms = 4 * g + 4 <= terms;
    if (all_terms && outputs == kBlock && p.b_output_stride == 1) {
      fill_block(tables + g * kOutputs, from, p.b_term_stride);
      continue;
    }
    for (int64_t o = 0; o < kBlock; ++o) {
      float few[4] = {};
      bool whole = all_terms && o < outputs && b.type == kFloat32;
      for (int64_t i = 0; !whole && o < outputs && i < std::min<int64_t>(4, terms - 4 * g); ++i)
        few[i] = from.one(i * p.b_term_stride + o * p.b_output_stride);
      tables[o / kOutputs * kTables + g * kOutputs + o % kOutputs] =
          whole ? sums_of(from.floats() + o * p.b_output_stride, p.b_term_stride) : sums_of(few, 1);
    }
  }
}

// One look-up for each result and output of a tile. Three in four additions are written as fused ones by 1, which round
// alike: they run on units that look-ups leave free.
inline void look_up(__m512 (&sums)[kOutputs][4], const __m512i (&index)[4], const __m512* tables) {
  const __m512 one = _mm512_set1_ps(1);
#pragma GCC unroll 4
  for (int o = 0; o < kOutputs; ++o) {
    __m512 table = tables[o];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      __m512 found = _mm512_permutexvar_ps(index[r], table);
      sums[o][r] = r == 3 ? _mm512_add_ps(sums[o][r], found) : _mm512_fmadd_ps(found, one, sums[o][r]);
    }
  }
}

// Add `count` words of terms to the sums [kOutputs][kRow] of kResults results. They are added up by themselves first:
// the rounding of a long sum then grows with the root of its length only.
void add_tile(const __m512* tables, const uint32_t* words, int64_t row, int64_t count, float* to, bool first) {
  __m512 sums[kOutputs][4];
#pragma GCC unroll 4
  for (int o = 0; o < kOutputs; ++o)
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) sums[o][r] = _mm512_setzero_ps();
  for (int64_t w = 0; w < count; ++w) {
    __m512i index[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) index[r] = _mm512_loadu_si512(words + w * row + r * 16);
#pragma GCC unroll 8
    for (int g = 0; g < 8; ++g) {
      look_up(sums, index, tables + (w * 8 + g) * kOutputs);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) index[r] = _mm512_srli_epi32(index[r], 4);
    }
  }
#pragma GCC unroll 4
  for (int o = 0; o < kOutputs; ++o)
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      float* at = to + o * kRow + r * 16;
      _mm512_storeu_ps(at, first ? sums[o][r] : _mm512_add_ps(_mm512_loadu_ps(at), sums[o][r]));
    }
}

// The sums [kBlock][kRow] of `results` results and `outputs` outputs, to where they belong.
void write_transposed(const float* sums, int64_t results, int64_t outputs, const float* bias, float* out,
                      int64_t stride) {
  __mmask16 there = __mmask16((1u << outputs) - 1);
  __m512 added = bias ? _mm512_maskz_loadu_ps(there, bias) : _mm512_setzero_ps();
  for (int64_t r = 0; r < results; r += 16) {
    __m512 rows[16];
    for (int i = 0; i < 16; ++i) rows[i] = _mm512_loadu_ps(sums + i * kRow + r);
    transpose(rows);
    for (int64_t i = 0; i < std::min<int64_t>(16, results - r); ++i)
      _mm512_mask_storeu_ps(out + (r + i) * stride, there, _mm512_add_ps(rows[i], added));
  }
}

void write(const float* sums, int64_t results, int64_t outputs, const float* bias, float* out, int64_t stride) {
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t r = 0; r < results; ++r) out[o * stride + r] = sums[o * kRow + r] + (bias ? bias[o] : 0.0f);
}

// The sums [kBlock][kRow] of a chunk of results.
void add_up(const SfLookup& p, const uint32_t* words, const Numbers& b, int64_t results, int64_t outputs, __m512* tables,
            float* sums) {
  for (int64_t k = 0; k < p.terms; k += kDepth) {
    int64_t terms = std::min(kDepth, p.terms - k), count = (terms + kTerms - 1) / kTerms;
    fill_tables(tables, b.from(k * p.b_term_stride), p, terms, outputs, count * 8);
    const uint32_t* from = words + k / kTerms * p.row_of_words;
    for (int64_t o = 0; o < outputs; o += kOutputs)
      for (int64_t r = 0; r < results; r += kResults)
        add_tile(tables + o / kOutputs * kTables, from + r, p.row_of_words, count, sums + o * kRow + r, k == 0);
  }
}

}  // namespace
}  // namespace sf

#endif

// Whether this library looks up at all.
SF_API int32_t sf_lookup_serves() {
#ifdef __AVX512F__
  return 1;
#else
  return 0;
#endif
}

#ifdef __AVX512F__

// halves[pixels][ceil(channels / 16)] of x[pixels][channels]; 0 where an x is neither 0 nor 1, and they are unfinished.
SF_API int32_t sf_lookup_pack(const SfWindow* window, const void* x, int32_t type, uint16_t* halves, int32_t threads) {
  const SfWindow& w = *window;
  std::atomic<bool> good{true};
  sf::parallel(size_t(w.frames * w.height * w.width), 1024, threads, [&](size_t begin, size_t end) {
    for (size_t p = begin; p < end; ++p)
      if (!sf::pack_pixel(x, type, p * size_t(w.channels), w.channels, halves + p * sf::halves_of(w))) {
        good = false;
        return;
      }
  });
  return good;
}

// words[terms / 32][row_of_words]: the sum of each result runs over taps, then channels, 16 of them at a time.
SF_API void sf_lookup_rows(const SfWindow* window, const uint16_t* halves, uint32_t* words, int64_t row_of_words,
                            int32_t threads) {
  const SfWindow& w = *window;
  int64_t per_tap = sf::halves_of(w), results = sf::results_of(w);
  // 16 results at a time: their words are one line of memory.
  sf::parallel(size_t((results + 15) / 16), 64, threads, [&](size_t begin, size_t end) {
    for (int64_t block = int64_t(begin); block < int64_t(end); ++block) {
      sf::Sources<16> from(w, block * 16);
      for (int64_t tap = 0, part = 0; tap < sf::taps_of(w); ++tap) {
        from.look_under(w, tap);
        for (int64_t h = 0; h < per_tap; ++h, ++part) {
          uint32_t* word = words + part / 2 * row_of_words + block * 16;
          for (int i = 0; i < 16; ++i) {
            uint32_t half = from.pixel[i] < 0 ? 0 : halves[from.pixel[i] * per_tap + h];
            word[i] = part % 2 ? word[i] | half << 16 : half;
          }
        }
      }
    }
  });
}

// words[results / 32][taps, channels]: for the gradient of the weight, whose sums run over the results.
SF_API void sf_lookup_columns(const SfWindow* window, const uint16_t* halves, uint32_t* words, int64_t row_of_words,
                               int32_t threads) {
  const SfWindow& w = *window;
  int64_t per_tap = sf::halves_of(w);
  sf::parallel(size_t((sf::results_of(w) + 31) / 32), 32, threads, [&](size_t begin, size_t end) {
    for (int64_t block = int64_t(begin); block < int64_t(end); ++block) {
      sf::Sources<32> from(w, block * 32);
      uint32_t* to = words + block * row_of_words;
      for (int64_t tap = 0; tap < sf::taps_of(w); ++tap) {
        from.look_under(w, tap);
        for (int64_t h = 0; h < per_tap; ++h, to += 16) _mm512_storeu_si512(to, sf::column(from, halves + h, per_tap));
      }
    }
  });
}

// See SfLookup. words has row_of_words results in a row, a multiple of 64.
SF_API void sf_lookup_product(const SfLookup* lookup, const uint32_t* words, const void* b, const float* bias,
                              float* out, int32_t threads) {
  const SfLookup& p = *lookup;
  const sf::Numbers numbers{b, p.b_type};
  sf::parallel(size_t((p.outputs + sf::kBlock - 1) / sf::kBlock), 1, threads, [&](size_t begin, size_t end) {
    std::vector<sf::Vec> tables(sf::kTables * sf::kBlock / sf::kOutputs);
    std::vector<float> sums(sf::kBlock * sf::kRow);
    const int64_t last = std::min(p.outputs, int64_t(end) * sf::kBlock);
    for (int64_t r = 0; r < p.results; r += sf::kChunk)
      for (int64_t o = int64_t(begin) * sf::kBlock; o < last; o += sf::kBlock) {
        int64_t results = std::min(sf::kChunk, p.results - r), outputs = std::min(sf::kBlock, p.outputs - o);
        sf::add_up(p, words + r, numbers.from(o * p.b_output_stride), results, outputs, (__m512*)tables.data(), sums.data());
        const float* added = bias ? bias + o : nullptr;
        float* to = out + (p.outputs_innermost ? r * p.out_stride + o : o * p.out_stride + r);
        auto write = p.outputs_innermost ? sf::write_transposed : sf::write;
        write(sums.data(), results, outputs, added, to, p.out_stride);
      }
  });
}

#endif
