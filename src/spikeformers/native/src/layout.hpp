// How [T, ..., C, ...] lies in memory, and how its steps are cut into pieces of work.
#pragma once

#include <algorithm>
#include <vector>

#include "common.hpp"

extern "C" {

// T steps of [outer][channels][inner], each dense; x may have other space between its steps (0: all are the same one).
struct SfLayout {
  int64_t steps, step_stride, outer, channels, inner;
};
}

namespace sf {

constexpr int64_t kRows = 64;        // of channels, in one piece
constexpr int64_t kSegment = 4096;   // of one channel's elements, in one piece

inline int64_t step_size(const SfLayout& l) { return l.outer * l.channels * l.inner; }

// Channels innermost: a piece is some rows of all channels. Otherwise it is a segment of one channel's plane.
struct Pieces {
  const SfLayout& l;
  bool rows;
  int64_t per_plane, count;

  explicit Pieces(const SfLayout& layout) : l(layout), rows(l.inner == 1 && l.channels > 1) {
    per_plane = (l.inner + kSegment - 1) / kSegment;
    count = rows ? (l.outer + kRows - 1) / kRows : l.outer * l.channels * per_plane;
  }
  int64_t first_row(int64_t piece) const { return piece * kRows; }
  int64_t last_row(int64_t piece) const { return std::min(l.outer, (piece + 1) * kRows); }
  int64_t plane(int64_t piece) const { return piece / per_plane; }
  int64_t channel(int64_t piece) const { return plane(piece) % l.channels; }
  int64_t begin(int64_t piece) const { return plane(piece) * l.inner + piece % per_plane * kSegment; }
  int64_t size(int64_t piece) const { return std::min(kSegment, l.inner - piece % per_plane * kSegment); }
  // Elements of each channel in a piece.
  int64_t per_channel(int64_t piece) const { return rows ? last_row(piece) - first_row(piece) : size(piece); }
  size_t grain() const { return size_t(std::max<int64_t>(1, 16384 / std::max<int64_t>(1, rows ? kRows * l.channels : std::min(l.inner, kSegment)))); }
};

// Sums of a quantity for each channel, one float for each piece, added up in double in an order no thread changes.
class ChannelSums {
 public:
  explicit ChannelSums(const Pieces& pieces) : pieces_(pieces), width_(pieces.rows ? pieces.l.channels : 1) {
    partial_.assign(size_t(pieces.count * width_), 0.0f);
  }
  float* of(int64_t piece) { return partial_.data() + piece * width_; }
  float at(int64_t piece, int64_t channel) const { return partial_[size_t(piece * width_ + (pieces_.rows ? channel : 0))]; }

  template <class Visit>
  void each_piece_of(int64_t channel, const Visit& visit) const {
    if (pieces_.rows) {
      for (int64_t p = 0; p < pieces_.count; ++p) visit(p);
      return;
    }
    for (int64_t r = 0; r < pieces_.l.outer; ++r)
      for (int64_t s = 0; s < pieces_.per_plane; ++s)
        visit((r * pieces_.l.channels + channel) * pieces_.per_plane + s);
  }
  void total(double* sums) const {
    for (int64_t c = 0; c < pieces_.l.channels; ++c) {
      double sum = 0;
      each_piece_of(c, [&](int64_t p) { sum += at(p, c); });
      sums[c] = sum;
    }
  }

 private:
  const Pieces& pieces_;
  int64_t width_;
  std::vector<float> partial_;
};

}  // namespace sf
