// The kernels of lif.cpp: every rule of charge, fire, reset, surrogate and output, with and without a norm in front.
#include <lif.cpp>

#include "layouts.hpp"

using check::Buffer;
using check::Random;

static SfNeuron neuron(Random& random) {
  SfNeuron n{};
  n.tau = 1.0f + 3 * random.below(100) / 100.0f, n.inverse_tau = 1 / n.tau;
  n.threshold = 0.5f + random.below(10) / 10.0f;
  n.fire = random.below(3), n.charge = random.below(3), n.surrogate = random.below(4);
  n.hard = n.fire != sf::kInteger && random.coin();
  n.v_reset = n.hard ? random.below(3) / 10.0f : 0.0f;
  n.reset_amount = n.threshold, n.alpha = 1.0f + random.below(4), n.levels = 4;
  n.by_division = random.coin(), n.detach_reset = random.coin(), n.detach_membrane = random.coin();
  const int32_t outputs[] = {sf::kSpikes, sf::kMembrane, sf::kNormalised};
  n.output = outputs[random.below(n.fire == sf::kInteger ? 3 : 2)];
  return n;
}

// A norm or none: factor, mean and shift of each channel.
struct Norm {
  bool there;
  Buffer gain, mean, shift;
  Norm(Random& random, const SfLayout& l)
      : there(random.coin()),
        gain(Buffer::normal(random, l.channels)),
        mean(Buffer::normal(random, l.channels)),
        shift(Buffer::normal(random, l.channels)) {}
  const float* of(Buffer& buffer) { return there ? buffer.data<float>() : nullptr; }
};

static std::vector<Buffer> forward(Random random, int32_t threads, uint32_t seed) {
  const SfNeuron n = neuron(random);
  const bool packs = random.coin() && n.output == sf::kSpikes;
  const SfLayout l = check::layout(random, 5, packs);
  const size_t size = sf::step_size(l), all = size * l.steps;
  const int32_t type = random.below(3);
  const bool bytes = n.fire != sf::kTernary && n.output == sf::kSpikes && random.coin();
  const int32_t out_type = bytes ? int32_t(sf::kUint8) : type;
  Buffer x = Buffer::normal(random, check::extent(l), type, 2), v = Buffer::normal(random, size, type);
  Norm norm(random, l);
  Buffer out = Buffer::poisoned(all, out_type), last = Buffer::poisoned(size, type), bits(packs ? all / 8 : 0, 1);
  sf_lif_forward(&l, &n, x.data(), type, norm.of(norm.gain), norm.of(norm.mean), norm.of(norm.shift),
                 random.coin() ? v.data() : nullptr, last.data(), out.data(), out_type,
                 packs ? bits.data<uint8_t>() : nullptr, threads);
  check::require(check::written(out, all, out_type), "an output is not written", "sf_lif_forward", seed);
  check::require(check::written(last, size, type), "a potential is not written", "sf_lif_forward", seed);
  for (size_t i = 0; packs && i < all; ++i)
    check::require((bits.data<uint8_t>()[i / 8] >> i % 8 & 1) == (out.at(i, out_type) != 0), "a bit differs",
                   "sf_lif_forward", seed);
  return {out, last, bits};
}

static std::vector<Buffer> backward(Random random, int32_t threads, uint32_t seed) {
  const SfNeuron n = neuron(random);
  const SfLayout l = check::layout(random, 5);
  const size_t size = sf::step_size(l), all = size * l.steps;
  const int32_t type = random.below(3), grad_type = random.below(3);
  Buffer x = Buffer::normal(random, check::extent(l), type, 2), v = Buffer::normal(random, size, type);
  Buffer grad_out = Buffer::normal(random, all, grad_type), grad_last = Buffer::normal(random, size, grad_type);
  Norm norm(random, l);
  Buffer grad_x = Buffer::poisoned(all, type), grad_v = Buffer::poisoned(size, type);
  Buffer leak(1, 8), shift(l.channels, 8), gain(l.channels, 8);
  const bool from_out = random.coin(), from_last = !from_out || random.coin(), leaks = random.coin();
  sf_lif_backward(&l, &n, x.data(), type, norm.of(norm.gain), norm.of(norm.mean), norm.of(norm.shift),
                  random.coin() ? v.data() : nullptr, from_out ? grad_out.data() : nullptr, grad_type,
                  from_last ? grad_last.data() : nullptr, grad_x.data(), grad_v.data(),
                  leaks ? leak.data<double>() : nullptr, norm.there ? shift.data<double>() : nullptr,
                  norm.there ? gain.data<double>() : nullptr, threads);
  check::require(check::written(grad_x, all, type), "grad_x is not written", "sf_lif_backward", seed);
  check::require(check::written(grad_v, size, type), "grad_v is not written", "sf_lif_backward", seed);
  return {grad_x, grad_v, leak, shift, gain};
}

int main() {
  check::cases("sf_lif_forward", 300, forward);
  check::cases("sf_lif_backward", 300, backward);
}
