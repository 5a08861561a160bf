// Random layouts of layout.hpp.
#pragma once

#include <layout.hpp>

#include "check.hpp"

namespace check {

// Planes that cross the length of a piece now and then, or rows of channels; steps in a row, apart or all the same one.
inline SfLayout layout(Random& random, int32_t most_steps, bool whole_bytes = false) {
  SfLayout l{random.from_to(1, most_steps), 0, 1, 1, 1};
  if (random.coin()) {
    l.outer = random.from_to(1, 3), l.channels = random.from_to(1, 5);
    l.inner = random.below(8) ? random.from_to(1, 300) : random.from_to(4090, 4200);
    if (whole_bytes) l.inner = (l.inner + 7) / 8 * 8;
  } else {
    l.outer = random.from_to(1, 150), l.channels = random.from_to(2, 70);
    if (whole_bytes) l.channels = (l.channels + 7) / 8 * 8;
  }
  const int64_t size = sf::step_size(l);
  const int64_t strides[] = {size, size + 3, 0};
  l.step_stride = strides[random.below(3)];
  return l;
}

// Elements from the first of the first step to the last of the last.
inline size_t extent(const SfLayout& l) { return size_t((l.steps - 1) * l.step_stride + sf::step_size(l)); }

}  // namespace check
