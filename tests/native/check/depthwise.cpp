// The kernel of depthwise.cpp against sums taken one product at a time.
#include <depthwise.cpp>

#include "check.hpp"

using check::Buffer;
using check::Random;

static std::vector<Buffer> grad_weight(Random random, int32_t threads, uint32_t seed) {
  SfDepthwise d{};
  d.images = random.from_to(1, 3), d.height = random.from_to(1, 9), d.width = random.from_to(1, 9);
  d.channels = random.from_to(1, 40), d.pad_height = random.below(4), d.pad_width = random.below(4);
  d.kernel_height = random.from_to(1, std::min<int32_t>(8, d.height + 2 * d.pad_height));
  d.kernel_width = random.from_to(1, std::min<int32_t>(8, d.width + 2 * d.pad_width));
  const int64_t height = sf::out_height(d), width = sf::out_width(d), places = d.kernel_height * d.kernel_width;
  const int32_t type = random.below(3);
  Buffer x = Buffer::normal(random, d.images * d.height * d.width * d.channels, type);
  Buffer grad = Buffer::normal(random, d.images * height * width * d.channels, type);
  Buffer out = Buffer::poisoned(d.channels * places, sf::kFloat32);
  sf_depthwise_grad_weight(&d, x.data(), grad.data(), type, out.data<float>(), threads);
  for (int64_t i = 0; i < d.channels * places; ++i) {
    const int64_t c = i / places, row = i % places / d.kernel_width, column = i % d.kernel_width;
    double sum = 0;
    for (int64_t pixel = 0; pixel < d.images * height * width; ++pixel) {
      const int64_t image = pixel / (height * width), h = pixel / width % height + row - d.pad_height;
      const int64_t w = pixel % width + column - d.pad_width;
      if (h < 0 || h >= d.height || w < 0 || w >= d.width) continue;
      sum += double(grad.at(size_t(pixel * d.channels + c), type)) *
             x.at(size_t(((image * d.height + h) * d.width + w) * d.channels + c), type);
    }
    check::require(std::abs(out.data<float>()[i] - sum) < 1e-3, "a sum differs", "sf_depthwise_grad_weight", seed);
  }
  return {out};
}

int main() { check::cases("sf_depthwise_grad_weight", 100, grad_weight); }
