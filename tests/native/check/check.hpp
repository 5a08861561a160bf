// Runs kernels on random odd shapes, for a sanitizer to watch: in memory of exactly their size, one element off any
// alignment, with outputs poisoned, and on one and on several threads, whose bits must agree.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <common.hpp>

namespace check {

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  bool coin() { return engine_() & 1; }
  int32_t below(int32_t n) { return int32_t(engine_() % uint32_t(n)); }
  int32_t from_to(int32_t least, int32_t most) { return least + below(most - least + 1); }
  float normal() { return std::normal_distribution<float>()(engine_); }

 private:
  std::mt19937 engine_;
};

// Elements of a type of common.hpp, of float or of double.
class Buffer {
 public:
  Buffer(size_t count, size_t element) : element_(element), bytes_((count + 1) * element, char(0xff)) {}

  static Buffer poisoned(size_t count, int32_t type) { return Buffer(count, sf::size_of(type)); }

  static Buffer normal(Random& random, size_t count, int32_t type = sf::kFloat32, float scale = 1) {
    Buffer buffer = poisoned(count, type);
    for (size_t i = 0; i < count; ++i) buffer.set(i, type, scale * random.normal());
    return buffer;
  }

  template <class T = char>
  T* data() { return reinterpret_cast<T*>(bytes_.data() + element_); }
  bool operator!=(const Buffer& other) const { return bytes_ != other.bytes_; }
  void set(size_t index, int32_t type, float value) {
    sf::Vec one{};
    one[0] = value;  // not splat: it makes 0 of -0
    sf::store(data(), type, index, one, 1);
  }
  float at(size_t index, int32_t type) { return sf::load(data(), type, index, 1)[0]; }

 private:
  size_t element_;
  std::vector<char> bytes_;
};

inline void require(bool condition, const char* what, const char* kernel, uint32_t seed) {
  if (condition) return;
  std::printf("%s, case %u: %s\n", kernel, seed, what);
  std::exit(1);
}

// What an output of some elements must be: written everywhere, as no result of finite inputs is NaN.
inline bool written(Buffer& buffer, size_t count, int32_t type) {
  for (size_t i = 0; i < count; ++i)
    if (std::isnan(buffer.at(i, type))) return false;
  return true;
}

// run(random, threads) -> outputs, which must not depend on the number of threads.
template <class Run>
void cases(const char* kernel, uint32_t count, const Run& run) {
  for (uint32_t seed = 0; seed < count; ++seed) {
    std::vector<Buffer> alone = run(Random(seed), 1, seed), shared = run(Random(seed), 3, seed);
    for (size_t i = 0; i < alone.size(); ++i) require(!(alone[i] != shared[i]), "threads change bits", kernel, seed);
  }
  std::printf("%s: %u cases\n", kernel, count);
}

}  // namespace check
