// The gradient of a depthwise convolution's weight, channels innermost: [images][height][width][channels], stride 1.
//
// For every channel and place in the kernel it is a sum over all pixels of one image's map moved across another.
#include <algorithm>
#include <vector>

#include "common.hpp"

extern "C" {

// What was convolved, the kernel, and the border of zeros on either side.
struct SfDepthwise {
  int64_t images, height, width, channels, kernel_height, kernel_width, pad_height, pad_width;
};
}

namespace sf {
namespace {

inline int64_t out_height(const SfDepthwise& d) { return d.height + 2 * d.pad_height - d.kernel_height + 1; }
inline int64_t out_width(const SfDepthwise& d) { return d.width + 2 * d.pad_width - d.kernel_width + 1; }
inline int64_t padded_width(const SfDepthwise& d) { return d.width + 2 * d.pad_width; }

// A vector's channels of one row, its border of zeros on either side.
void copy_row(const SfDepthwise& d, const void* x, int32_t type, int64_t pixel, int64_t channel, int count, Vec* row) {
  for (int64_t w = 0; w < d.width; ++w)
    row[d.pad_width + w] = load(x, type, size_t((pixel + w) * d.channels + channel), count);
}

// Add to sums[place in a row of the kernel] what a row of the output says of a row of the input.
template <int kWidth>
void add_rows(const Vec* row, const Vec* grad, int64_t out_width, Vec* sums) {
  Vec s[kWidth];
  for (int i = 0; i < kWidth; ++i) s[i] = sums[i];
  for (int64_t w = 0; w < out_width; ++w)
    for (int i = 0; i < kWidth; ++i) s[i] = multiply_add(grad[w], row[w + i], s[i]);
  for (int i = 0; i < kWidth; ++i) sums[i] = s[i];
}

void add_rows(int64_t kernel_width, const Vec* row, const Vec* grad, int64_t out_width, Vec* sums) {
  switch (kernel_width) {
    case 3: return add_rows<3>(row, grad, out_width, sums);
    case 5: return add_rows<5>(row, grad, out_width, sums);
    case 7: return add_rows<7>(row, grad, out_width, sums);
  }
  for (int64_t i = 0; i < kernel_width; ++i) add_rows<1>(row + i, grad, out_width, sums + i);
}

// Rows that a thread has at hand, as vectors of float.
struct Rows {
  std::vector<Vec> grads, row;

  explicit Rows(const SfDepthwise& d) : grads(size_t(d.kernel_height * out_width(d))), row(size_t(padded_width(d)), Vec{}) {}
};

// The sums [kernel_height][kernel_width] of one image and one vector of channels. Every row of the input meets the rows
// of the output, at most as many as the kernel has, that it had a part in; these stay at hand in turns.
void sums_of_image(const SfDepthwise& d, const void* x, const void* grad, int32_t type, int64_t image, int64_t channel,
                   Rows& rows, Vec* sums) {
  const int count = int(std::min<int64_t>(kLanes, d.channels - channel));
  const int64_t height = out_height(d), width = out_width(d);
  int64_t next = 0;
  for (int64_t h = 0; h < d.height; ++h) {
    const int64_t last = std::min(height, h + d.pad_height + 1);  // of the rows of the output that this one is seen by
    for (; next < last; ++next)
      for (int64_t w = 0; w < width; ++w)
        rows.grads[size_t(next % d.kernel_height * width + w)] =
            load(grad, type, size_t(((image * height + next) * width + w) * d.channels + channel), count);
    copy_row(d, x, type, (image * d.height + h) * d.width, channel, count, rows.row.data());
    for (int64_t out = std::max<int64_t>(0, h + d.pad_height - d.kernel_height + 1); out < last; ++out)
      add_rows(d.kernel_width, rows.row.data(), &rows.grads[size_t(out % d.kernel_height * width)], width,
               sums + (h + d.pad_height - out) * d.kernel_width);
  }
}

}  // namespace
}  // namespace sf

// out[channels][kernel_height][kernel_width], float32, of x and the gradient of the output, both of one type. Sums of
// one image are in float32, those over images in double, in an order that no thread changes.
SF_API void sf_depthwise_grad_weight(const SfDepthwise* depthwise, const void* x, const void* grad, int32_t type,
                                     float* out, int32_t threads) {
  using namespace sf;
  const SfDepthwise& d = *depthwise;
  const int64_t blocks = (d.channels + kLanes - 1) / kLanes, places = d.kernel_height * d.kernel_width;
  std::vector<Vec> sums(size_t(d.images * blocks * places), Vec{});
  const size_t work = size_t(std::max<int64_t>(1, d.height * d.width * places));
  parallel(size_t(d.images * blocks), std::max<size_t>(1, 65536 / work), threads, [&](size_t begin, size_t end) {
    Rows rows(d);
    for (size_t p = begin; p < end; ++p)
      sums_of_image(d, x, grad, type, int64_t(p) / blocks, int64_t(p) % blocks * kLanes, rows, &sums[p * size_t(places)]);
  });
  for (int64_t c = 0; c < d.channels; ++c)
    for (int64_t place = 0; place < places; ++place) {
      double sum = 0;
      for (int64_t image = 0; image < d.images; ++image)
        sum += sums[size_t((image * blocks + c / kLanes) * places + place)][c % kLanes];
      out[c * places + place] = float(sum);
    }
}
