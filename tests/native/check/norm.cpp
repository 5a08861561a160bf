// The kernels of norm.cpp.
#include <norm.cpp>

#include "layouts.hpp"

using check::Buffer;
using check::Random;

static std::vector<Buffer> sums(Random random, int32_t threads, uint32_t seed) {
  const SfLayout l = check::layout(random, 1);
  const int32_t type = random.below(3);
  Buffer x = Buffer::normal(random, check::extent(l), type), sums(l.channels, 8);
  sf_channel_sums(&l, x.data(), type, sums.data<double>(), threads);
  for (int64_t c = 0; c < l.channels; ++c) {
    double sum = 0;
    for (int64_t i = 0; i < l.outer * l.inner; ++i)
      sum += x.at(size_t((i / l.inner * l.channels + c) * l.inner + i % l.inner), type);
    check::require(std::abs(sums.data<double>()[c] - sum) < 1e-3, "a sum differs", "sf_channel_sums", seed);
  }
  return {sums};
}

static std::vector<Buffer> moments(Random random, int32_t threads, uint32_t seed) {
  const SfLayout l = check::layout(random, 1);
  const int32_t type = random.below(3);
  Buffer x = Buffer::normal(random, check::extent(l), type);
  Buffer mean(l.channels, 8), squares(l.channels, 8);
  sf_channel_moments(&l, x.data(), type, mean.data<double>(), squares.data<double>(), threads);
  for (int64_t c = 0; c < l.channels; ++c)
    check::require(std::isfinite(mean.data<double>()[c]) && squares.data<double>()[c] >= 0, "no moments",
                   "sf_channel_moments", seed);
  return {mean, squares};
}

static std::vector<Buffer> backward(Random random, int32_t threads, uint32_t seed) {
  const SfLayout l = check::layout(random, 1);
  const size_t size = sf::step_size(l);
  const int32_t grad_type = random.below(3), y_type = random.below(3), out_type = random.below(3);
  Buffer grad = Buffer::normal(random, size, grad_type), y = Buffer::normal(random, size, y_type);
  std::vector<Buffer> of_channels(4, Buffer::normal(random, l.channels));
  const float *mean = of_channels[0].data<float>(), *a = of_channels[1].data<float>(),
              *b = of_channels[2].data<float>(), *d = of_channels[3].data<float>();
  Buffer out = Buffer::poisoned(size, out_type);
  sf_norm_backward(&l, grad.data(), grad_type, y.data(), y_type, mean, a, b, d, out.data(), out_type, threads);
  check::require(check::written(out, size, out_type), "an output is not written", "sf_norm_backward", seed);
  return {out};
}

int main() {
  check::cases("sf_channel_sums", 300, sums);
  check::cases("sf_channel_moments", 300, moments);
  check::cases("sf_norm_backward", 300, backward);
}
