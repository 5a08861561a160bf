// Quantities of each channel: sums, which the gradient of a bias is, and what a batch norm in front of a neuron needs
// besides the neuron: mean, variance, and the way back through them.
#include "layout.hpp"

namespace sf {
namespace {

// Sums of x - pivot and of its square over a piece, for each channel, the pivot being the channel's first value there:
// a value of the same distribution, so that little is lost where the mean is large.
void moments_of_rows(const Pieces& pieces, int64_t piece, const void* x, int32_t type, float* pivot, float* sum, float* square) {
  const int64_t channels = pieces.l.channels, first = pieces.first_row(piece);
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int count = int(std::min<int64_t>(kLanes, channels - c));
    store(pivot, kFloat32, c, load(x, type, first * channels + c, count), count);
  }
  for (int64_t row = first; row < pieces.last_row(piece); ++row) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int count = int(std::min<int64_t>(kLanes, channels - c));
      Vec d = load(x, type, row * channels + c, count) - load(pivot, kFloat32, c, count);
      store(sum, kFloat32, c, load(sum, kFloat32, c, count) + d, count);
      store(square, kFloat32, c, load(square, kFloat32, c, count) + d * d, count);
    }
  }
}

void moments_of_plane(const Pieces& pieces, int64_t piece, const void* x, int32_t type, float* pivot, float* sum, float* square) {
  const int64_t begin = pieces.begin(piece), size = pieces.size(piece);
  *pivot = load(x, type, begin, 1)[0];
  Vec sums = {}, squares = {};
  for (int64_t i = 0; i < size; i += kLanes) {
    const int count = int(std::min<int64_t>(kLanes, size - i));
    Vec d = load(x, type, begin + i, count) - *pivot;
    if (count < kLanes)
      for (int j = count; j < kLanes; ++j) d[j] = 0;
    sums += d, squares += d * d;
  }
  *sum = *square = 0;
  for (int j = 0; j < kLanes; ++j) *sum += sums[j], *square += squares[j];
}

void sums_of_rows(const Pieces& pieces, int64_t piece, const void* x, int32_t type, float* sum) {
  const int64_t channels = pieces.l.channels;
  for (int64_t row = pieces.first_row(piece); row < pieces.last_row(piece); ++row)
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int count = int(std::min<int64_t>(kLanes, channels - c));
      store(sum, kFloat32, c, load(sum, kFloat32, c, count) + load(x, type, row * channels + c, count), count);
    }
}

void sums_of_plane(const Pieces& pieces, int64_t piece, const void* x, int32_t type, float* sum) {
  const int64_t begin = pieces.begin(piece), size = pieces.size(piece);
  Vec sums = {};
  for (int64_t i = 0; i < size; i += kLanes) sums += load(x, type, begin + i, int(std::min<int64_t>(kLanes, size - i)));
  *sum = 0;
  for (int j = 0; j < kLanes; ++j) *sum += sums[j];
}

}  // namespace
}  // namespace sf

// The sum of each channel of one step (`layout->steps` is 1).
SF_API void sf_channel_sums(const SfLayout* layout, const void* x, int32_t type, double* sums, int32_t threads) {
  using namespace sf;
  Pieces pieces(*layout);
  ChannelSums partial(pieces);
  auto add = pieces.rows ? sums_of_rows : sums_of_plane;
  parallel(size_t(pieces.count), pieces.grain(), threads, [&](size_t begin, size_t end) {
    for (int64_t p = int64_t(begin); p < int64_t(end); ++p) add(pieces, p, x, type, partial.of(p));
  });
  partial.total(sums);
}

// Mean and sum of squared differences from it, for each channel of one step (`layout->steps` is 1): those of each piece,
// put together in double (Chan, Golub and LeVeque 1979).
SF_API void sf_channel_moments(const SfLayout* layout, const void* x, int32_t type, double* mean, double* squares,
                               int32_t threads) {
  using namespace sf;
  const SfLayout& l = *layout;
  Pieces pieces(l);
  ChannelSums pivots(pieces), sums(pieces), around(pieces);
  auto moments = pieces.rows ? moments_of_rows : moments_of_plane;
  parallel(size_t(pieces.count), pieces.grain(), threads, [&](size_t begin, size_t end) {
    for (int64_t p = int64_t(begin); p < int64_t(end); ++p)
      moments(pieces, p, x, type, pivots.of(p), sums.of(p), around.of(p));
  });
  for (int64_t c = 0; c < l.channels; ++c) {
    double n = 0, average = 0, total = 0;
    pivots.each_piece_of(c, [&](int64_t p) {
      const double size = double(pieces.per_channel(p)), sum = sums.at(p, c);
      const double difference = pivots.at(p, c) + sum / size - average;
      total += around.at(p, c) - sum * sum / size + difference * difference * n * size / (n + size);
      average += difference * size / (n + size);
      n += size;
    });
    mean[c] = average, squares[c] = total;
  }
}

// out = a[c] grad + b[c] (y - mean[c]) + d[c] for each channel c, over one step (`layout->steps` is 1).
SF_API void sf_norm_backward(const SfLayout* layout, const void* grad, int32_t grad_type, const void* y, int32_t y_type,
                             const float* mean, const float* a, const float* b, const float* d, void* out,
                             int32_t out_type, int32_t threads) {
  using namespace sf;
  const SfLayout& l = *layout;
  Pieces pieces(l);
  parallel(size_t(pieces.count), pieces.grain(), threads, [&](size_t begin, size_t end) {
    for (int64_t p = int64_t(begin); p < int64_t(end); ++p) {
      if (pieces.rows) {
        for (int64_t row = pieces.first_row(p); row < pieces.last_row(p); ++row)
          for (int64_t c = 0; c < l.channels; c += kLanes) {
            int count = int(std::min<int64_t>(kLanes, l.channels - c));
            int64_t at = row * l.channels + c;
            Vec centred = load(y, y_type, at, count) - load(mean, kFloat32, c, count);
            Vec result = load(grad, grad_type, at, count) * load(a, kFloat32, c, count) +
                         centred * load(b, kFloat32, c, count) + load(d, kFloat32, c, count);
            store(out, out_type, at, result, count);
          }
      } else {
        const int64_t first = pieces.begin(p), size = pieces.size(p), c = pieces.channel(p);
        for (int64_t i = 0; i < size; i += kLanes) {
          int count = int(std::min<int64_t>(kLanes, size - i));
          Vec centred = load(y, y_type, first + i, count) - mean[c];
          store(out, out_type, first + i, load(grad, grad_type, first + i, count) * a[c] + centred * b[c] + d[c], count);
        }
      }
    }
  });
}
