// The kernels of attention.cpp, against sums written out in double.
#include <attention.cpp>

#include "check.hpp"

using check::Buffer;
using check::Random;
using sf::kFloat32;

// An operand as the kernels are told of it: element (frame, token, channel of a head).
struct Operand {
  Buffer& buffer;
  int32_t type;
  SfRows rows;
  int64_t samples, channels;

  double operator()(int64_t frame, int64_t head, int64_t token, int64_t channel) const {
    const int64_t start = frame / samples * rows.step + frame % samples * rows.sample;
    return buffer.at(start + token * rows.token + head * channels + channel, type);
  }
};

static double dot(const Operand& a, const Operand& b, int64_t f, int64_t h, int64_t n, int64_t m) {
  double sum = 0;
  for (int64_t i = 0; i < a.channels; ++i) sum += a(f, h, n, i) * b(f, h, m, i);
  return sum;
}

// Up to the rounding of float32 sums, and of bfloat16 where that is what is written: 1 in 256.
static void compare(double got, double expected, double size, const char* where, uint32_t seed) {
  check::require(std::abs(got - expected) <= std::abs(expected) / 256 + 1e-5 * (1 + size), "a sum differs", where, seed);
}

// Rows of so many channels and a gap, as parts of a wider tensor lie, with the steps outermost or the samples.
static SfRows laid_out(const SfAttention& s, int64_t channels, int64_t gap, bool samples_first) {
  const int64_t token = channels + gap, frame = s.tokens * token;
  return samples_first ? SfRows{frame, s.steps * frame, token} : SfRows{s.samples * frame, frame, token};
}

static std::vector<Buffer> attention(Random random, int32_t threads, uint32_t seed) {
  SfAttention s{};
  s.steps = random.from_to(1, 3), s.samples = random.from_to(1, 3);
  s.tokens = random.from_to(1, 20), s.heads = random.from_to(1, 3);
  s.channels = random.from_to(1, 36), s.width = random.from_to(1, 36);
  s.scale = 0.25f, s.keys_first = random.coin();
  const int32_t type = random.below(3);
  const int64_t frames = s.steps * s.samples, narrow = s.heads * s.channels, wide = s.heads * s.width;
  const int64_t gap = random.from_to(0, 3), narrow_size = frames * s.tokens * narrow, wide_size = frames * s.tokens * wide;
  s.q = laid_out(s, narrow, gap, random.coin()), s.k = laid_out(s, narrow, gap, random.coin());
  s.v = laid_out(s, wide, gap, random.coin());
  Buffer q = Buffer::normal(random, frames * s.tokens * s.q.token, type);
  Buffer k = Buffer::normal(random, frames * s.tokens * s.k.token, type);
  Buffer v = Buffer::normal(random, frames * s.tokens * s.v.token, type), grad = Buffer::normal(random, wide_size, kFloat32);
  Buffer out = Buffer::poisoned(wide_size, kFloat32), grad_v = Buffer::poisoned(wide_size, type);
  Buffer grad_q = Buffer::poisoned(narrow_size, type), grad_k = Buffer::poisoned(narrow_size, type);
  sf_attention_forward(&s, q.data(), k.data(), v.data(), type, out.data<float>(), threads);
  sf_attention_backward(&s, q.data(), k.data(), v.data(), type, grad.data<float>(), grad_q.data(), grad_k.data(),
                        grad_v.data(), threads);

  const SfRows narrow_rows = laid_out(s, narrow, 0, false), wide_rows = laid_out(s, wide, 0, false);
  const Operand Q{q, type, s.q, s.samples, s.channels}, K{k, type, s.k, s.samples, s.channels};
  const Operand V{v, type, s.v, s.samples, s.width}, G{grad, kFloat32, wide_rows, s.samples, s.width};
  const Operand O{out, kFloat32, wide_rows, s.samples, s.width}, GV{grad_v, type, wide_rows, s.samples, s.width};
  const Operand GQ{grad_q, type, narrow_rows, s.samples, s.channels}, GK{grad_k, type, narrow_rows, s.samples, s.channels};
  const double size = double(s.tokens * std::max(s.channels, s.width));
  for (int64_t f = 0; f < frames; ++f)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t n = 0; n < s.tokens; ++n) {
        for (int64_t j = 0; j < s.width; ++j) {
          double sum = 0, of_v = 0;
          for (int64_t m = 0; m < s.tokens; ++m) {
            sum += s.scale * dot(Q, K, f, h, n, m) * V(f, h, m, j);
            of_v += s.scale * dot(Q, K, f, h, m, n) * G(f, h, m, j);
          }
          compare(O(f, h, n, j), sum, size, "sf_attention_forward", seed);
          compare(GV(f, h, n, j), of_v, size, "sf_attention_backward, v", seed);
        }
        for (int64_t i = 0; i < s.channels; ++i) {
          double of_q = 0, of_k = 0;
          for (int64_t m = 0; m < s.tokens; ++m) {
            of_q += s.scale * dot(G, V, f, h, n, m) * K(f, h, m, i);
            of_k += s.scale * dot(G, V, f, h, m, n) * Q(f, h, m, i);
          }
          compare(GQ(f, h, n, i), of_q, size, "sf_attention_backward, q", seed);
          compare(GK(f, h, n, i), of_k, size, "sf_attention_backward, k", seed);
        }
      }
  return {out, grad_q, grad_k, grad_v};
}

int main() { check::cases("sf_attention_forward, sf_attention_backward", 100, attention); }
