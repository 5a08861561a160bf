// The kernels of pack.cpp: what they pack they give back, and what is no spike or no byte they refuse.
#include <pack.cpp>

#include "check.hpp"

using check::Buffer;
using check::Random;

// Numbers of elements around the widths of vectors and chunks.
static int64_t length(Random& random) {
  return random.below(4) ? random.from_to(1, 300) : 4096 * random.below(4) + random.from_to(1, 70);
}

static Buffer whole(Random& random, int64_t n, int32_t type, int32_t most) {
  Buffer x = Buffer::poisoned(n, type);
  for (int64_t i = 0; i < n; ++i) x.set(i, type, float(random.from_to(0, most)));
  return x;
}

static bool same(Buffer& a, Buffer& b, int64_t n, int32_t type) {
  return std::memcmp(a.data(), b.data(), size_t(n) * sf::size_of(type)) == 0;
}

static std::vector<Buffer> bits(Random random, int32_t threads, uint32_t seed) {
  const int64_t n = length(random);
  const int32_t type = random.below(3);
  Buffer x = whole(random, n, type, 1), packed((n + 7) / 8, 1), back = Buffer::poisoned(n, type);
  check::require(sf_pack_bits(x.data(), type, n, packed.data<uint8_t>(), threads) == 1, "refused", "sf_pack_bits", seed);
  for (int64_t i = 0; i < (n + 7) / 8 * 8; ++i)
    check::require((packed.data<uint8_t>()[i / 8] >> i % 8 & 1) == (i < n && x.at(i, type) == 1), "a bit differs",
                   "sf_pack_bits", seed);
  sf_unpack_bits(packed.data<uint8_t>(), n, back.data(), type, threads);
  check::require(same(x, back, n, type), "an element differs", "sf_unpack_bits", seed);
  const float others[] = {0.5f, 2.0f, -1.0f, -0.0f, NAN, INFINITY};
  x.set(random.below(int32_t(n)), type, others[random.below(6)]);
  Buffer ignored((n + 7) / 8, 1);
  check::require(sf_pack_bits(x.data(), type, n, ignored.data<uint8_t>(), threads) == 0, "accepted", "sf_pack_bits",
                 seed);
  return {packed, back};
}

static std::vector<Buffer> bytes(Random random, int32_t threads, uint32_t seed) {
  const int64_t n = length(random);
  const int32_t type = random.below(3);
  Buffer x = whole(random, n, type, 255), packed(n, 1), back = Buffer::poisoned(n, type);
  check::require(sf_pack_bytes(x.data(), type, n, packed.data<uint8_t>(), threads) == 1, "refused", "sf_pack_bytes",
                 seed);
  for (int64_t i = 0; i < n; ++i)
    check::require(packed.data<uint8_t>()[i] == x.at(i, type), "a byte differs", "sf_pack_bytes", seed);
  sf_unpack_bytes(packed.data<uint8_t>(), n, back.data(), type, threads);
  check::require(same(x, back, n, type), "an element differs", "sf_unpack_bytes", seed);
  const float others[] = {0.5f, 256.0f, -1.0f, -0.0f, NAN, INFINITY};
  x.set(random.below(int32_t(n)), type, others[random.below(6)]);
  Buffer ignored(n, 1);
  check::require(sf_pack_bytes(x.data(), type, n, ignored.data<uint8_t>(), threads) == 0, "accepted", "sf_pack_bytes",
                 seed);
  return {packed, back};
}

int main() {
  check::cases("sf_pack_bits, sf_unpack_bits", 300, bits);
  check::cases("sf_pack_bytes, sf_unpack_bytes", 300, bytes);
}
