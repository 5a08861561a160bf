// Multi-step LIF: T steps in one pass over memory, the membrane potential in registers, with an optional factor and
// shift for each channel in front (a batch norm). The backward pass computes the potentials again.
#include "layout.hpp"
#include "neuron.hpp"

namespace sf {
namespace {

inline uint32_t lane_bits(IVec mask) {
#if defined(__AVX512DQ__)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX__)
  return uint32_t(_mm256_movemask_ps((__m256)mask));
#elif defined(__SSE__)
  return uint32_t(_mm_movemask_ps((__m128)mask));
#else
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= uint32_t(mask[i] != 0) << i;
  return bits;
#endif
}

struct Forward {
  SfLayout l;
  SfNeuron n;
  const void* x;
  int32_t x_type;
  const float *gain, *mean, *shift;
  const void* v;
  void* last;
  void* out;
  int32_t out_type;
  uint8_t* bits;
};

struct Backward {
  SfLayout l;
  SfNeuron n;
  const void* x;
  int32_t x_type;
  const float *gain, *mean, *shift;
  const void* v;
  const void* grad_out;
  int32_t grad_type;
  const void* grad_last;
  void* grad_x;
  void* grad_v;
  bool large;
};

// What a channel's batch norm does, gain (x - mean) + shift, for as many vectors as one block has. Lanes are channels
// from `channel` on where they lie innermost, else all of them are that one.
template <int U>
struct Affine {
  Vec gain[U], mean[U], shift[U];
  bool there;

  template <class Pass>
  Affine(const Pass& p, int64_t channel, bool innermost, int count) : there(p.gain != nullptr) {
    for (int u = 0; there && u < U; ++u) {
      const size_t at = size_t(channel) + u * kLanes;
      auto of = [&](const float* from) { return innermost ? load(from, kFloat32, at, count) : splat(from[channel]); };
      gain[u] = of(p.gain), mean[u] = of(p.mean), shift[u] = of(p.shift);
    }
  }
  Vec operator()(Vec x, int u) const { return there ? (x - mean[u]) * gain[u] + shift[u] : x; }
};

inline Vec rest_or(const void* v, int32_t type, size_t at, int count, const SfNeuron& n) {
  return v ? load(v, type, at, count) : splat(n.hard ? n.v_reset : 0.0f);
}

template <int fire_rule, int charge_rule, int U>
[[gnu::always_inline]] inline void forward_block(const Forward& f, const Affine<U>& affine, int64_t at, int count) {
  const int64_t size = step_size(f.l);
  Vec v[U];
  for (int u = 0; u < U; ++u) v[u] = rest_or(f.v, f.x_type, at + u * kLanes, count, f.n);
  for (int64_t t = 0; t < f.l.steps; ++t) {
    for (int u = 0; u < U; ++u) {
      const int64_t here = at + u * kLanes;
      foresee(f.x, f.x_type, t * f.l.step_stride + here);
      Vec x = affine(load(f.x, f.x_type, t * f.l.step_stride + here, count), u);
      Vec h = charge<charge_rule>(x, v[u], f.n);
      Vec spikes = fire<fire_rule>(h, f.n);
      v[u] = rounded_as(f.x_type, reset<fire_rule>(h, spikes, f.n));
      if (f.out) store(f.out, f.out_type, t * size + here, emit<fire_rule>(h, spikes, f.n), count);
      if (f.bits) {
        uint32_t packed = lane_bits(spikes != 0.0f) & ((1u << count) - 1);
        if (kLanes >= 8) {
          std::memcpy(f.bits + (t * size + here) / 8, &packed, (count + 7) / 8);
        } else {
          f.bits[(t * size + here) / 8] |= uint8_t(packed << here % 8);
        }
      }
    }
  }
  if (f.last)
    for (int u = 0; u < U; ++u) store(f.last, f.x_type, at + u * kLanes, v[u], count);
}

struct Sums {
  Vec shift = {}, gain = {};
};

template <int fire_rule, int charge_rule, int surrogate, int U>
[[gnu::always_inline]] inline void backward_block(const Backward& b, const Affine<U>& affine, int64_t at, int count, Vec* h, Sums* sums, Vec* leak) {
  const int64_t size = step_size(b.l);
  const float k = charge_rule == kIntegrate ? 0.0f : b.n.inverse_tau;
  Vec v[U], carried[U];
  for (int u = 0; u < U; ++u) {
    v[u] = rest_or(b.v, b.x_type, at + u * kLanes, count, b.n);
    carried[u] = b.grad_last ? load(b.grad_last, b.grad_type, at + u * kLanes, count) : splat(0);
  }
  for (int64_t t = 0; t < b.l.steps; ++t) {
    for (int u = 0; u < U; ++u) {
      const int64_t here = at + u * kLanes;
      foresee(b.x, b.x_type, t * b.l.step_stride + here);
      foresee(b.grad_out, b.grad_type, t * size + here);
      Vec x = affine(load(b.x, b.x_type, t * b.l.step_stride + here, count), u);
      Vec potential = charge<charge_rule>(x, v[u], b.n);
      h[t * U + u] = potential;
      v[u] = rounded_as(b.x_type, reset<fire_rule>(potential, fire<fire_rule>(potential, b.n), b.n));
    }
  }
  for (int64_t t = b.l.steps; t-- > 0;) {
    for (int u = 0; u < U; ++u) {
      const int64_t here = at + u * kLanes;
      Vec potential = h[t * U + u];
      Slopes slope = slopes<fire_rule, surrogate>(potential, b.n);
      Vec grad = through_reset<fire_rule>(carried[u], potential, slope, b.n);
      if (b.grad_out)
        grad = multiply_add(load(b.grad_out, b.grad_type, t * size + here, count), output_derivative(potential, slope, b.n), grad);
      Vec y = load(b.x, b.x_type, t * b.l.step_stride + here, count);
      if (leak) {
        Vec last = t ? h[(t - 1) * U + u] : splat(0);
        Vec before = t ? rounded_as(b.x_type, reset<fire_rule>(last, fire<fire_rule>(last, b.n), b.n))
                       : rest_or(b.v, b.x_type, here, count, b.n);
        Vec drive = (b.n.hard ? b.n.v_reset : 0.0f) - before;
        leak[0] += grad * (charge_rule == kDecays ? drive + affine(y, u) : drive);
      }
      Vec grad_x = charge_rule == kDecays ? grad * k : grad;
      carried[u] = b.n.detach_membrane ? splat(0) : grad * (1.0f - k);
      if (affine.there) {
        sums[u].shift += grad_x;
        sums[u].gain = multiply_add(grad_x, y - affine.mean[u], sums[u].gain);
      }
      if (b.grad_x && b.large) store_past_caches(b.grad_x, b.x_type, t * size + here, grad_x, count);
      else if (b.grad_x) store(b.grad_x, b.x_type, t * size + here, grad_x, count);
    }
  }
  if (b.grad_v)
    for (int u = 0; u < U; ++u) store(b.grad_v, b.x_type, at + u * kLanes, carried[u], count);
}

bool is_large(const SfLayout& l, int32_t type) { return size_t(l.steps * step_size(l)) * size_of(type) >= SF_LARGE; }

constexpr int kUnroll = 4;

// The words of most neurons and one type throughout, as constants, so that no vector asks for them again.
constexpr int kAnyType = -1;

bool is_plain(const SfNeuron& n) {
  return n.fire == kBinary && n.charge == kDecays && !n.by_division && n.hard && n.v_reset == 0.0f && n.output == kSpikes;
}

void make_plain(SfNeuron& n) { n.by_division = 0, n.hard = 1, n.v_reset = 0.0f, n.output = kSpikes; }

// block(offset, vectors in this block, lanes in use) over `size` elements: whole vectors first, four at a time.
template <class Four, class One>
inline void in_blocks(int64_t size, const Four& four, const One& one) {
  int64_t i = 0;
  for (; i + kUnroll * kLanes <= size; i += kUnroll * kLanes) four(i);
  for (; i < size; i += kLanes) one(i, int(std::min<int64_t>(kLanes, size - i)));
}

template <int fire_rule, int charge_rule, int type = kAnyType>
void forward_piece(const Forward& pass, const Pieces& pieces, int64_t piece) {
  Forward f = pass;  // of its own: what is stored could change any other, as far as the compiler knows
  if (type != kAnyType) f.x_type = f.out_type = type, make_plain(f.n);
  if (pieces.rows) {
    const int64_t channels = f.l.channels;
    for (int64_t row = pieces.first_row(piece); row < pieces.last_row(piece); ++row) {
      in_blocks(
          channels,
          [&](int64_t c) {
            Affine<kUnroll> affine(f, c, true, kLanes);
            forward_block<fire_rule, charge_rule, kUnroll>(f, affine, row * channels + c, kLanes);
          },
          [&](int64_t c, int count) {
            Affine<1> affine(f, c, true, count);
            forward_block<fire_rule, charge_rule, 1>(f, affine, row * channels + c, count);
          });
    }
    return;
  }
  const int64_t begin = pieces.begin(piece), channel = pieces.channel(piece);
  Affine<kUnroll> wide(f, channel, false, kLanes);
  Affine<1> narrow(f, channel, false, kLanes);
  in_blocks(
      pieces.size(piece),
      [&](int64_t i) { forward_block<fire_rule, charge_rule, kUnroll>(f, wide, begin + i, kLanes); },
      [&](int64_t i, int count) { forward_block<fire_rule, charge_rule, 1>(f, narrow, begin + i, count); });
}

inline float sum_of(Vec x, int count = kLanes) {
  float sum = 0;
  for (int i = 0; i < count; ++i) sum += x[i];
  return sum;
}

inline void add_to(float* to, Vec x, int count) {
  for (int i = 0; i < count; ++i) to[i] += x[i];
}

template <int fire_rule, int charge_rule, int surrogate, int type = kAnyType>
void backward_piece(const Backward& pass, const Pieces& pieces, int64_t piece, Vec* h, float* shift, float* gain, float* leak_sum) {
  Backward b = pass;
  if (type != kAnyType) b.x_type = b.grad_type = type, make_plain(b.n), b.n.detach_reset = 1, b.n.detach_membrane = 0;
  Vec leak = splat(0);
  Vec* leaks = leak_sum ? &leak : nullptr;
  if (pieces.rows) {
    const int64_t channels = b.l.channels;
    for (int64_t row = pieces.first_row(piece); row < pieces.last_row(piece); ++row) {
      in_blocks(
          channels,
          [&](int64_t c) {
            Affine<kUnroll> affine(b, c, true, kLanes);
            Sums sums[kUnroll];
            backward_block<fire_rule, charge_rule, surrogate, kUnroll>(b, affine, row * channels + c, kLanes, h, sums, leaks);
            for (int u = 0; affine.there && u < kUnroll; ++u) {
              float *s = shift + c + u * kLanes, *g = gain + c + u * kLanes;
              store_as(s, load_as<Vec>(s) + sums[u].shift), store_as(g, load_as<Vec>(g) + sums[u].gain);
            }
          },
          [&](int64_t c, int count) {
            Affine<1> affine(b, c, true, count);
            Sums sums[1];
            backward_block<fire_rule, charge_rule, surrogate, 1>(b, affine, row * channels + c, count, h, sums, leaks);
            if (affine.there) add_to(shift + c, sums[0].shift, count), add_to(gain + c, sums[0].gain, count);
          });
    }
  } else {
    const int64_t begin = pieces.begin(piece), channel = pieces.channel(piece);
    Affine<kUnroll> wide(b, channel, false, kLanes);
    Affine<1> narrow(b, channel, false, kLanes);
    Sums sums[kUnroll];
    Sums rest[1];
    float tail_shift = 0, tail_gain = 0;
    in_blocks(
        pieces.size(piece),
        [&](int64_t i) { backward_block<fire_rule, charge_rule, surrogate, kUnroll>(b, wide, begin + i, kLanes, h, sums, leaks); },
        [&](int64_t i, int count) {
          rest[0] = Sums();
          backward_block<fire_rule, charge_rule, surrogate, 1>(b, narrow, begin + i, count, h, rest, leaks);
          if (b.gain) tail_shift += sum_of(rest[0].shift, count), tail_gain += sum_of(rest[0].gain, count);
        });
    if (b.gain) {
      for (int u = 1; u < kUnroll; ++u) sums[0].shift += sums[u].shift, sums[0].gain += sums[u].gain;
      *shift = sum_of(sums[0].shift) + tail_shift, *gain = sum_of(sums[0].gain) + tail_gain;
    }
  }
  if (leak_sum) *leak_sum = sum_of(leak);
}

using ForwardPiece = void (*)(const Forward&, const Pieces&, int64_t);
using BackwardPiece = void (*)(const Backward&, const Pieces&, int64_t, Vec*, float*, float*, float*);

template <int fire_rule>
ForwardPiece forward_of(int32_t charge_rule) {
  switch (charge_rule) {
    case kIntegrate: return forward_piece<fire_rule, kIntegrate>;
    case kDecays: return forward_piece<fire_rule, kDecays>;
    default: return forward_piece<fire_rule, kKeepsInput>;
  }
}

template <int fire_rule, int surrogate>
BackwardPiece backward_of(int32_t charge_rule) {
  switch (charge_rule) {
    case kIntegrate: return backward_piece<fire_rule, kIntegrate, surrogate>;
    case kDecays: return backward_piece<fire_rule, kDecays, surrogate>;
    default: return backward_piece<fire_rule, kKeepsInput, surrogate>;
  }
}

template <int fire_rule>
BackwardPiece backward_of(int32_t charge_rule, int32_t surrogate) {
  switch (surrogate) {
    case kSigmoid: return backward_of<fire_rule, kSigmoid>(charge_rule);
    case kAtan: return backward_of<fire_rule, kAtan>(charge_rule);
    case kRectangular: return backward_of<fire_rule, kRectangular>(charge_rule);
    default: return backward_of<fire_rule, kTriangle>(charge_rule);
  }
}

ForwardPiece forward_of(const Forward& f) {
  if (is_plain(f.n) && f.x_type == f.out_type) {
    if (f.x_type == kFloat32) return forward_piece<kBinary, kDecays, kFloat32>;
    if (f.x_type == kBfloat16) return forward_piece<kBinary, kDecays, kBfloat16>;
  }
  switch (f.n.fire) {
    case kBinary: return forward_of<kBinary>(f.n.charge);
    case kTernary: return forward_of<kTernary>(f.n.charge);
    default: return forward_of<kInteger>(f.n.charge);
  }
}

BackwardPiece backward_of(const Backward& b) {
  if (is_plain(b.n) && b.n.detach_reset && !b.n.detach_membrane && b.n.surrogate == kSigmoid && b.x_type == b.grad_type) {
    if (b.x_type == kFloat32) return backward_piece<kBinary, kDecays, kSigmoid, kFloat32>;
    if (b.x_type == kBfloat16) return backward_piece<kBinary, kDecays, kSigmoid, kBfloat16>;
  }
  switch (b.n.fire) {
    case kBinary: return backward_of<kBinary>(b.n.charge, b.n.surrogate);
    case kTernary: return backward_of<kTernary>(b.n.charge, b.n.surrogate);
    default: return backward_of<kInteger, kSigmoid>(b.n.charge);
  }
}

}  // namespace
}  // namespace sf

// out, bits, v, last may be null; gain, mean and shift all may. Bits are in the order of [T][outer][channels][inner], lowest first, of
// what is not 0; they need rows, or else planes, of a multiple of 8 elements.
SF_API void sf_lif_forward(const SfLayout* layout, const SfNeuron* neuron, const void* x, int32_t x_type,
                           const float* gain, const float* mean, const float* shift, const void* v, void* last, void* out,
                           int32_t out_type, uint8_t* bits, int32_t threads) {
  using namespace sf;
  Forward f{*layout, *neuron, x, x_type, gain, mean, shift, v, last, out, out ? out_type : x_type, bits};
  Pieces pieces(f.l);
  if (bits && kLanes < 8) std::memset(bits, 0, size_t(f.l.steps * step_size(f.l) / 8));
  ForwardPiece run = forward_of(f);
  parallel(size_t(pieces.count), pieces.grain(), threads, [&](size_t begin, size_t end) {
    for (size_t p = begin; p < end; ++p) run(f, pieces, int64_t(p));
  });
}

// grad_out, grad_last, grad_x, grad_v, grad_inverse_tau may be null. grad_x [T][outer][channels][inner] is filled with
// dL/dz, z being what the neuron took; with a gain, its sums for each channel and those of dL/dz (x - mean) as well.
SF_API void sf_lif_backward(const SfLayout* layout, const SfNeuron* neuron, const void* x, int32_t x_type,
                            const float* gain, const float* mean, const float* shift, const void* v,
                            const void* grad_out, int32_t grad_type, const void* grad_last, void* grad_x, void* grad_v,
                            double* grad_inverse_tau, double* sum_shift, double* sum_gain, int32_t threads) {
  using namespace sf;
  Backward b{*layout, *neuron, x, x_type, gain, mean, shift, v, grad_out, grad_type, grad_last, grad_x, grad_v, is_large(*layout, x_type)};
  Pieces pieces(b.l);
  ChannelSums shifts(pieces), gains(pieces);
  std::vector<float> leaks(grad_inverse_tau ? size_t(pieces.count) : 0);
  BackwardPiece run = backward_of(b);
  parallel(size_t(pieces.count), pieces.grain(), threads, [&](size_t begin, size_t end) {
    std::vector<char> buffer(size_t(b.l.steps) * kUnroll * sizeof(Vec) + 64);
    Vec* h = reinterpret_cast<Vec*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) / 64 * 64);
    for (size_t p = begin; p < end; ++p)
      run(b, pieces, int64_t(p), h, shifts.of(p), gains.of(p), leaks.empty() ? nullptr : &leaks[p]);
    if (b.large) written_past_caches();
  });
  if (gain) shifts.total(sum_shift), gains.total(sum_gain);
  if (grad_inverse_tau) {
    *grad_inverse_tau = 0;
    for (float leak : leaks) *grad_inverse_tau += leak;
  }
}
