// Max-pooling over windows of 3 x 3 with a border of 1, channels innermost: [images][height][width][channels].
//
// Which element of a window was the largest is not kept: the way back looks for it again.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "common.hpp"

extern "C" {

// What is pooled, every `stride`-th window of it, and the size of what comes out.
struct SfPool {
  int64_t images, height, width, channels, stride, out_height, out_width;
};
}

namespace sf {
namespace {

constexpr int64_t kBlock = 16;  // rows of the input in one piece of the way back

// Indices in [first, last).
struct Range {
  int64_t first, last;
};

// What a window covers of a row or column, and the windows that cover an element of it.
inline Range covered(int64_t out, int64_t stride, int64_t size) {
  return {std::max<int64_t>(0, out * stride - 1), std::min(size, out * stride + 2)};
}
inline Range covering(int64_t in, int64_t stride, int64_t size) {
  return {std::max<int64_t>(0, (in + stride - 2) / stride), std::min(size, (in + 1) / stride + 1)};
}

// The place of an element in a window.
inline float place_of(const SfPool& p, int64_t h, int64_t w, int64_t row, int64_t column) {
  return float((h - row * p.stride + 1) * 3 + w - column * p.stride + 1);
}

inline size_t grain(int64_t elements) { return size_t(std::max<int64_t>(1, 16384 / std::max<int64_t>(1, elements))); }

// The elements of one window, in order: where their channels begin and their places 0 .. 8 in it.
struct Window {
  int size = 0;
  int64_t at[9];
  float place[9];

  // The windows of a row one after the other: where a window and the one before it are whole, their elements are a
  // step apart.
  void go_to(const SfPool& p, int64_t image, int64_t row, int64_t column) {
    const bool whole_before = column > 1 && column * p.stride + 2 <= p.width;
    if (whole_before) {
      for (int i = 0; i < size; ++i) at[i] += p.stride * p.channels;
      return;
    }
    size = 0;
    const Range rows = covered(row, p.stride, p.height), columns = covered(column, p.stride, p.width);
    for (int64_t h = rows.first; h < rows.last; ++h)
      for (int64_t w = columns.first; w < columns.last; ++w) {
        at[size] = ((image * p.height + h) * p.width + w) * p.channels;
        place[size++] = place_of(p, h, w, row, column);
      }
  }
};

// The largest of each channel in a window.
template <int32_t type>
inline Vec largest_value(const Window& window, const void* x, int64_t c, int count) {
  Vec found = load(x, type, window.at[0] + c, count);
  for (int i = 1; i < window.size; ++i) {
    const Vec value = load(x, type, window.at[i] + c, count);
    found = where((value > found) | (value != value), value, found);
  }
  return found;
}

// The same and its place. Of equals the first is taken, of NaNs the last, as PyTorch does.
struct Largest {
  Vec value, place;
};
template <int32_t type>
inline Largest largest(const Window& window, const void* x, int64_t c, int count) {
  Largest found{splat(-__builtin_inff()), splat(window.place[0])};
  for (int i = 0; i < window.size; ++i) {
    const Vec value = load(x, type, window.at[i] + c, count);
    const IVec larger = (value > found.value) | (value != value);
    found.value = where(larger, value, found.value);
    found.place = where(larger, splat(window.place[i]), found.place);
  }
  return found;
}

// visit(first channel, how many): the number of a whole vector is a constant, known where the visit is compiled.
template <class Visit>
inline void over_channels(const SfPool& p, const Visit& visit) {
  int64_t c = 0;
  for (; c + kLanes <= p.channels; c += kLanes) visit(c, std::integral_constant<int, kLanes>{});
  if (c < p.channels) visit(c, int(p.channels - c));
}

template <int32_t type>
void forward(const SfPool& p, const void* x, void* out, int32_t threads) {
  parallel(size_t(p.images * p.out_height), grain(p.stride * p.width * p.channels), threads, [&](size_t begin, size_t end) {
    for (int64_t line = int64_t(begin); line < int64_t(end); ++line) {
      Window window;
      for (int64_t column = 0; column < p.out_width; ++column) {
        window.go_to(p, line / p.out_height, line % p.out_height, column);
        const int64_t to = (line * p.out_width + column) * p.channels;
        over_channels(p, [&](int64_t c, auto count) {
          store(out, type, to + c, largest_value<type>(window, x, c, count), count);
        });
      }
    }
  });
}

// The places of the largest in three rows of windows, the last that were asked for.
template <int32_t type>
class Places {
 public:
  Places(const SfPool& pool, const void* x, int64_t image)
      : p_(pool), x_(x), image_(image), row_(size_t(pool.out_width * pool.channels)), kept_(3 * row_) {}
  // Rows are asked for in order, from `first` on.
  void find(Range rows) {
    for (next_ = std::max(next_, rows.first); next_ < rows.last; ++next_) {
      Window window;
      for (int64_t column = 0; column < p_.out_width; ++column) {
        window.go_to(p_, image_, next_, column);
        uint8_t* to = kept_.data() + next_ % 3 * row_ + column * p_.channels;
        over_channels(p_, [&](int64_t c, auto count) {
          store(to, kUint8, c, largest<type>(window, x_, c, count).place, count);
        });
      }
    }
  }
  const uint8_t* at(int64_t row, int64_t column) const {
    return kept_.data() + row % 3 * row_ + column * p_.channels;
  }

 private:
  const SfPool& p_;
  const void* x_;
  int64_t image_, next_ = 0;
  size_t row_;
  std::vector<uint8_t> kept_;
};

// The windows over one element, in order: where their gradients begin, the places of their largest, and its place there.
struct Senders {
  int size = 0;
  int64_t at[9];
  const uint8_t* places[9];
  float place[9];

  template <int32_t type>
  Senders(const SfPool& p, const Places<type>& found, int64_t image, int64_t h, int64_t w, Range rows, Range columns) {
    for (int64_t row = rows.first; row < rows.last; ++row)
      for (int64_t column = columns.first; column < columns.last; ++column) {
        at[size] = ((image * p.out_height + row) * p.out_width + column) * p.channels;
        places[size] = found.at(row, column);
        place[size++] = place_of(p, h, w, row, column);
      }
  }
};

// visit(size) with the size as a constant: one to three rows of one to three.
template <class Visit>
inline void for_size(int size, const Visit& visit) {
  switch (size) {
    case 1: return visit(std::integral_constant<int, 1>{});
    case 2: return visit(std::integral_constant<int, 2>{});
    case 3: return visit(std::integral_constant<int, 3>{});
    case 4: return visit(std::integral_constant<int, 4>{});
    case 6: return visit(std::integral_constant<int, 6>{});
    case 9: return visit(std::integral_constant<int, 9>{});
  }
}

// Each element adds up what the windows send it.
template <int32_t type>
void backward_rows(const SfPool& p, const void* x, const void* grad, void* grad_x, int64_t image, int64_t first) {
  Places<type> places(p, x, image);
  std::vector<Range> columns;  // found once: they take divisions
  for (int64_t w = 0; w < p.width; ++w) columns.push_back(covering(w, p.stride, p.out_width));
  for (int64_t h = first; h < std::min(p.height, first + kBlock); ++h) {
    const Range rows = covering(h, p.stride, p.out_height);
    places.find(rows);
    for (int64_t w = 0; w < p.width; ++w) {
      const Senders from(p, places, image, h, w, rows, columns[size_t(w)]);
      const int64_t to = ((image * p.height + h) * p.width + w) * p.channels;
      for_size(from.size, [&](auto size) {
        over_channels(p, [&](int64_t c, auto count) {
          Vec sum = {};
          for (int i = 0; i < size; ++i) {
            const IVec mine = load(from.places[i], kUint8, c, count) == splat(from.place[i]);
            sum += where(mine, load(grad, type, from.at[i] + c, count), Vec{});
          }
          store(grad_x, type, to + c, sum, count);
        });
      });
    }
  }
}

template <int32_t type>
void backward(const SfPool& p, const void* x, const void* grad, void* grad_x, int32_t threads) {
  const int64_t blocks = (p.height + kBlock - 1) / kBlock;
  parallel(size_t(p.images * blocks), grain(kBlock * p.width * p.channels), threads, [&](size_t begin, size_t end) {
    for (int64_t piece = int64_t(begin); piece < int64_t(end); ++piece)
      backward_rows<type>(p, x, grad, grad_x, piece / blocks, piece % blocks * kBlock);
  });
}

}  // namespace
}  // namespace sf

SF_API void sf_max_pool_forward(const SfPool* pool, const void* x, int32_t type, void* out, int32_t threads) {
  using namespace sf;
  const auto run = type == kFloat32 ? forward<kFloat32> : type == kBfloat16 ? forward<kBfloat16> : forward<kFloat16>;
  run(*pool, x, out, threads);
}

// All tensors are of one type; sums are in float32, rounded once.
SF_API void sf_max_pool_backward(const SfPool* pool, const void* x, int32_t type, const void* grad, void* grad_x,
                                 int32_t threads) {
  using namespace sf;
  const auto run = type == kFloat32 ? backward<kFloat32> : type == kBfloat16 ? backward<kBfloat16> : backward<kFloat16>;
  run(*pool, x, grad, grad_x, threads);
}
