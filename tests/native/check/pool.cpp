// The kernels of pool.cpp, against windows looked through one element at a time.
#include <pool.cpp>

#include "check.hpp"

using check::Buffer;
using check::Random;

// Where the first of the largest of a window is.
static int64_t first_largest(const SfPool& p, Buffer& x, int32_t type, int64_t image, int64_t row, int64_t column,
                             int64_t channel) {
  int64_t best = -1;
  for (int64_t h = row * p.stride - 1; h < row * p.stride + 2; ++h)
    for (int64_t w = column * p.stride - 1; w < column * p.stride + 2; ++w) {
      if (h < 0 || h >= p.height || w < 0 || w >= p.width) continue;
      const int64_t here = ((image * p.height + h) * p.width + w) * p.channels + channel;
      if (best < 0 || x.at(here, type) > x.at(best, type)) best = here;
    }
  return best;
}

static std::vector<Buffer> pool(Random random, int32_t threads, uint32_t seed) {
  SfPool p{random.from_to(1, 3), random.from_to(1, 20), random.from_to(1, 9), random.from_to(1, 40), 1, 0, 0};
  p.stride = random.from_to(1, 2);
  p.out_height = (p.height - 1) / p.stride + 1, p.out_width = (p.width - 1) / p.stride + 1;
  const int64_t size = p.images * p.height * p.width * p.channels;
  const int64_t pooled = p.images * p.out_height * p.out_width * p.channels;
  const int32_t type = random.below(3);
  Buffer x = Buffer::normal(random, size, type), grad = Buffer::normal(random, pooled, type);
  if (random.coin())  // spikes: most windows have several of the largest
    for (int64_t i = 0; i < size; ++i) x.set(i, type, float(random.coin()));
  Buffer out = Buffer::poisoned(pooled, type), grad_x = Buffer::poisoned(size, type);
  sf_max_pool_forward(&p, x.data(), type, out.data(), threads);
  sf_max_pool_backward(&p, x.data(), type, grad.data(), grad_x.data(), threads);

  std::vector<double> expected(size);
  for (int64_t i = 0; i < pooled; ++i) {
    const int64_t pixel = i / p.channels, row = pixel / p.out_width % p.out_height;
    const int64_t from = first_largest(p, x, type, pixel / p.out_width / p.out_height, row, pixel % p.out_width,
                                       i % p.channels);
    check::require(out.at(i, type) == x.at(from, type), "a largest differs", "sf_max_pool_forward", seed);
    expected[from] += grad.at(i, type);
  }
  for (int64_t i = 0; i < size; ++i)  // bfloat16 rounds to 1 in 256
    check::require(std::abs(grad_x.at(i, type) - expected[i]) <= std::abs(expected[i]) / 256 + 1e-5,
                   "a gradient differs", "sf_max_pool_backward", seed);
  return {out, grad_x};
}

int main() { check::cases("sf_max_pool_forward, sf_max_pool_backward", 200, pool); }
