// The kernels of lookup.cpp, where the instruction set has them, against sums taken one spike at a time.
#include <lookup.cpp>

#include "check.hpp"

using check::Buffer;
using check::Random;

#ifdef __AVX512F__

static SfWindow window(Random& random) {
  SfWindow w{};
  w.frames = random.from_to(1, 3), w.height = random.from_to(1, 9), w.width = random.from_to(1, 9);
  w.channels = random.from_to(1, 40);
  w.pad_height = random.below(2), w.pad_width = random.below(2);
  w.kernel_height = random.from_to(1, std::min<int32_t>(3, w.height + 2 * w.pad_height));
  w.kernel_width = random.from_to(1, std::min<int32_t>(3, w.width + 2 * w.pad_width));
  w.stride_height = random.from_to(1, 2), w.stride_width = random.from_to(1, 2);
  w.out_height = (w.height + 2 * w.pad_height - w.kernel_height) / w.stride_height + 1;
  w.out_width = (w.width + 2 * w.pad_width - w.kernel_width) / w.stride_width + 1;
  return w;
}

static int64_t up_to(int64_t multiple, int64_t n) { return (n + multiple - 1) / multiple * multiple; }
static int64_t padded_terms(const SfWindow& w) { return w.kernel_height * w.kernel_width * up_to(16, w.channels); }

// Whether there is a spike at a result's term: taps, then channels, of which there are a multiple of 16.
static bool spike(const SfWindow& w, Buffer& x, int32_t type, int64_t result, int64_t term) {
  const int64_t channels = up_to(16, w.channels), tap = term / channels, channel = term % channels;
  const int64_t column = result % w.out_width * w.stride_width - w.pad_width + tap % w.kernel_width;
  const int64_t row = result / w.out_width % w.out_height * w.stride_height - w.pad_height + tap / w.kernel_width;
  const int64_t frame = result / (w.out_width * w.out_height);
  if (channel >= w.channels || row < 0 || row >= w.height || column < 0 || column >= w.width) return false;
  return x.at(((frame * w.height + row) * w.width + column) * w.channels + channel, type) != 0;
}

// One product by rows (a convolution) or by columns (the gradient of its weight), each output against its sum.
static std::vector<Buffer> product(Random random, int32_t threads, uint32_t seed, bool by_rows) {
  const char* name = by_rows ? "sf_lookup_rows" : "sf_lookup_columns";
  const SfWindow w = window(random);
  const int64_t pixels = w.frames * w.height * w.width, seen = w.frames * w.out_height * w.out_width;
  const int32_t x_type = random.below(3);
  Buffer x = Buffer::poisoned(pixels * w.channels, x_type), halves((w.channels + 15) / 16 * pixels, 2);
  for (int64_t i = 0; i < pixels * w.channels; ++i) x.set(i, x_type, float(random.below(4) == 0));
  check::require(sf_lookup_pack(&w, x.data(), x_type, halves.data<uint16_t>(), threads) == 1, "spikes are refused",
                 "sf_lookup_pack", seed);

  SfLookup p{};
  p.results = by_rows ? seen : padded_terms(w), p.terms = by_rows ? padded_terms(w) : seen;
  p.row_of_words = up_to(64, p.results), p.outputs = random.from_to(1, 40);
  p.b_term_stride = random.coin() ? p.outputs : 1, p.b_output_stride = p.b_term_stride == 1 ? p.terms : 1;
  p.b_type = random.below(3), p.outputs_innermost = random.coin(), p.out_stride = (p.outputs_innermost ? p.outputs : p.results) + random.below(3);
  Buffer words((p.terms + 31) / 32 * p.row_of_words, 4);
  if (by_rows)
    sf_lookup_rows(&w, halves.data<uint16_t>(), words.data<uint32_t>(), p.row_of_words, threads);
  else
    sf_lookup_columns(&w, halves.data<uint16_t>(), words.data<uint32_t>(), p.row_of_words, threads);

  Buffer b = Buffer::normal(random, p.terms * p.outputs, p.b_type), bias = Buffer::normal(random, p.outputs);
  Buffer out = Buffer::poisoned((p.outputs_innermost ? p.results : p.outputs) * p.out_stride, sf::kFloat32);
  const bool biased = random.coin();
  sf_lookup_product(&p, words.data<uint32_t>(), b.data(), biased ? bias.data<float>() : nullptr,
                    out.data<float>(), threads);
  for (int64_t r = 0; r < p.results; ++r)
    for (int64_t o = 0; o < p.outputs; ++o) {
      double sum = biased ? bias.data<float>()[o] : 0;
      for (int64_t t = 0; t < p.terms; ++t)
        if (by_rows ? spike(w, x, x_type, r, t) : spike(w, x, x_type, t, r))
          sum += b.at(t * p.b_term_stride + o * p.b_output_stride, p.b_type);
      const float got = out.data<float>()[p.outputs_innermost ? r * p.out_stride + o : o * p.out_stride + r];
      check::require(std::abs(got - sum) < 1e-4, "a sum differs", name, seed);  // of at most 432 normal numbers
    }
  return {halves, words, out};
}

static std::vector<Buffer> refused(Random random, int32_t threads, uint32_t seed) {
  const SfWindow w = window(random);
  const int64_t pixels = w.frames * w.height * w.width;
  const int32_t type = random.below(3);
  Buffer x = Buffer::poisoned(pixels * w.channels, type), halves((w.channels + 15) / 16 * pixels, 2);
  for (int64_t i = 0; i < pixels * w.channels; ++i) x.set(i, type, float(random.coin()));
  const float others[] = {0.5f, 2.0f, -1.0f, NAN};
  x.set(random.below(int32_t(pixels * w.channels)), type, others[random.below(4)]);
  check::require(sf_lookup_pack(&w, x.data(), type, halves.data<uint16_t>(), threads) == 0, "no spike is taken as one",
                 "sf_lookup_pack", seed);
  return {};
}

int main() {
  check::require(sf_lookup_serves() == 1, "it does not serve", "sf_lookup_serves", 0);
  check::cases("sf_lookup_pack", 300, refused);
  check::cases("sf_lookup_rows, sf_lookup_product", 60, [](Random random, int32_t threads, uint32_t seed) {
    return product(random, threads, seed, true);
  });
  check::cases("sf_lookup_columns, sf_lookup_product", 60, [](Random random, int32_t threads, uint32_t seed) {
    return product(random, threads, seed, false);
  });
}

#else

int main() { std::printf("sf_lookup_serves: %d\n", sf_lookup_serves()); }

#endif
