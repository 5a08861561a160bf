// The LIF family on vectors of float, in the order of arithmetic of ops/lif/dynamics.py: charge, fire, reset.
#pragma once

#include <initializer_list>

#include "common.hpp"

extern "C" {

// ops/lif/native.py fills this in; the words are those of Dynamics.
struct SfNeuron {
  float tau, inverse_tau, threshold, v_reset, reset_amount, alpha, levels;
  // charge: 0 integrate-and-fire, 1 input decays, 2 input does not decay.
  int32_t charge, by_division, fire, hard, detach_reset, detach_membrane, surrogate, output;
};
}

namespace sf {

enum Charge { kIntegrate = 0, kDecays = 1, kKeepsInput = 2 };
enum Fire { kBinary = 0, kTernary = 1, kInteger = 2 };
enum Surrogate { kSigmoid = 0, kAtan = 1, kRectangular = 2, kTriangle = 3 };
enum Output { kSpikes = 0, kNormalised = 1, kMembrane = 2 };

// exp(-a) for a >= 0, to about one unit in the last place; NaN stays NaN.
inline Vec exp_minus(Vec a) {
  a = where(a > 87.0f, splat(87.0f), a);
  const Vec magic = splat(12582912.0f);  // 1.5 2^23: adding it rounds to an integer, which its low bits then are
  Vec shifted = multiply_add(a, splat(-1.44269504088896341f), magic);
  Vec n = shifted - magic;
  Vec r = multiply_add(n, splat(-0.693145751953125f), -a);
  r = multiply_add(n, splat(-1.42860682030941723e-6f), r);
  Vec p = splat(1.0f / 5040);
  for (float coefficient : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = multiply_add(p, r, splat(coefficient));
  IVec exponent = ((IVec)shifted - 0x4b400000 + 127) << 23;
  return p * (Vec)exponent;
}

template <int surrogate>
inline Vec surrogate_derivative(Vec u, float alpha) {
  Vec magnitude = (Vec)((UVec)u & 0x7fffffffu);
  if (surrogate == kSigmoid) {
    Vec e = exp_minus(magnitude * alpha);
    Vec s = reciprocal(e + 1.0f);
    return e * alpha * (s * s);
  }
  if (surrogate == kAtan) {
    Vec w = u * (1.57079632679489662f * alpha);
    return (alpha / 2) * reciprocal(multiply_add(w, w, splat(1)));
  }
  if (surrogate == kRectangular) return where(magnitude < alpha / 2, splat(1 / alpha), splat(0));
  Vec w = 1.0f - magnitude / alpha;
  return where(w < 0.0f, splat(0), w) / alpha;
}

template <int charge_rule>
inline Vec charge(Vec x, Vec v, const SfNeuron& n) {
  if (charge_rule == kIntegrate) return v + x;
  Vec above = n.v_reset != 0.0f && n.hard ? v - n.v_reset : v;
  if (charge_rule == kDecays) return v + (n.by_division ? (x - above) / n.tau : (x - above) * n.inverse_tau);
  return (v - (n.by_division ? above / n.tau : above * n.inverse_tau)) + x;
}

inline Vec step_up(Vec h, float threshold) { return where(h >= threshold, splat(1), splat(0)); }

template <int fire_rule>
inline Vec fire(Vec h, const SfNeuron& n) {
  if (fire_rule == kBinary) return step_up(h, n.threshold);
  if (fire_rule == kTernary) return step_up(h, n.threshold) - step_up(-h, n.threshold);
  Vec count = h / n.threshold;
  count = where(count < 0.0f, splat(0), count);
  count = where(count > n.levels, splat(n.levels), count);
  const Vec magic = splat(12582912.0f);  // rounds halves to even
  return (count + magic) - magic;
}

template <int fire_rule>
inline Vec counted(Vec spikes, const SfNeuron& n) {
  return fire_rule == kTernary && n.hard ? (Vec)((UVec)spikes & 0x7fffffffu) : spikes;
}

template <int fire_rule>
inline Vec reset(Vec h, Vec spikes, const SfNeuron& n) {
  Vec count = counted<fire_rule>(spikes, n);
  if (!n.hard) return h - count * n.reset_amount;
  Vec kept = h - h * count;
  return n.v_reset != 0.0f ? kept + count * n.v_reset : kept;
}

template <int fire_rule>
inline Vec emit(Vec h, Vec spikes, const SfNeuron& n) {
  if (n.output == kMembrane) return where(h < 0.0f, splat(0), h);
  return n.output == kNormalised ? spikes / n.levels : spikes;
}

// dS/dH and, of the spikes as a hard reset counts them, d|S|/dH.
struct Slopes {
  Vec fired, counted;
};

template <int fire_rule, int surrogate>
inline Slopes slopes(Vec h, const SfNeuron& n) {
  if (fire_rule == kInteger) {
    IVec inside = (h >= 0.0f) & (h <= n.threshold * n.levels);
    Vec slope = where(inside, splat(1 / n.threshold), splat(0));
    return {slope, slope};
  }
  Vec up = surrogate_derivative<surrogate>(h - n.threshold, n.alpha);
  if (fire_rule == kBinary) return {up, up};
  Vec down = surrogate_derivative<surrogate>(-h - n.threshold, n.alpha);
  return {up + down, n.hard ? up - down : up + down};
}

// dL/dV dV/dH of one step.
template <int fire_rule>
inline Vec through_reset(Vec grad, Vec h, Slopes slope, const SfNeuron& n) {
  if (!n.hard) return n.detach_reset ? grad : grad * (1.0f - n.reset_amount * slope.counted);
  Vec through = grad - grad * counted<fire_rule>(fire<fire_rule>(h, n), n);
  return n.detach_reset ? through : through + grad * (n.v_reset - h) * slope.counted;
}

inline Vec output_derivative(Vec h, Slopes slope, const SfNeuron& n) {
  if (n.output == kMembrane) return where(h > 0.0f, splat(1), splat(0));
  return n.output == kNormalised ? slope.fired / n.levels : slope.fired;
}

}  // namespace sf
