"""The LIF family on tiles of float32, in the order of arithmetic of ops/lif/dynamics.py: charge, fire, reset.

`d` is the `Dynamics`, known when a kernel is compiled: of each rule only the asked-for branch is left. `k` is a learned
1/tau, or None.
"""

import triton
import triton.language as tl


@triton.jit
def quotient(x, by: tl.constexpr):
    """What PyTorch gives on a CPU; `/` is a few units off in the last place."""
    if by == 1.0 or by == 0.25 or by == 0.5 or by == 2.0 or by == 4.0 or by == 8.0:
        # The same number, sooner.
        result = x * (1.0 / by)
    else:
        result = tl.div_rn(x, tl.full([], by, tl.float32))
    return result


@triton.jit
def charge(z, v, k, d: tl.constexpr):
    above = v - d.rest if d.rest != 0.0 else v
    if k is not None:
        h = v + (z - above) * k if d.decay_input else v - above * k + z
    elif d.tau == float("inf"):
        h = v + z
    elif d.decay_input:
        h = v + quotient(z - above, d.tau)
    else:
        h = v - quotient(above, d.tau) + z
    return h


@triton.jit
def fire(h, d: tl.constexpr):
    if d.fire == "integer":
        spikes = quotient(h, d.v_threshold)
        # Comparisons leave a NaN what it is.
        spikes = tl.where(spikes < 0.0, 0.0, spikes)
        spikes = tl.where(spikes > d.levels, d.levels * 1.0, spikes)
        # Adding 1.5 2^23 rounds to an integer, halves to even.
        spikes = (spikes + 12582912.0) - 12582912.0
    elif d.fire == "ternary":
        spikes = (h >= d.v_threshold).to(tl.float32) - (-h >= d.v_threshold).to(tl.float32)
    else:
        spikes = (h >= d.v_threshold).to(tl.float32)
    return spikes


@triton.jit
def counted(spikes, d: tl.constexpr):
    return tl.abs(spikes) if d.fire == "ternary" and d.v_reset is not None else spikes


@triton.jit
def reset(h, spikes, d: tl.constexpr):
    count = counted(spikes, d)
    if d.v_reset is None:
        v = h - count * d.reset_amount
    else:
        v = h - h * count
        if d.v_reset != 0.0:
            v += count * d.v_reset
    return v


@triton.jit
def emit(h, spikes, d: tl.constexpr):
    if d.output == "membrane":
        out = tl.where(h < 0.0, 0.0, h)
    elif d.output == "normalised":
        out = quotient(spikes, d.levels)
    else:
        out = spikes
    return out


@triton.jit
def surrogate_derivative(u, name: tl.constexpr, alpha: tl.constexpr):
    if name == "sigmoid":
        e = tl.exp(-alpha * tl.abs(u))
        slope = alpha * e / ((1.0 + e) * (1.0 + e))
    elif name == "atan":
        w = (1.57079632679489662 * alpha) * u
        slope = (alpha / 2) / (1.0 + w * w)
    elif name == "rectangular":
        slope = tl.where(tl.abs(u) < alpha / 2, 1.0 / alpha, 0.0)
    else:
        w = 1.0 - tl.abs(u) / alpha
        slope = tl.where(w < 0.0, 0.0, w) / alpha
    return slope


@triton.jit
def slopes(h, d: tl.constexpr):
    """dS/dH and, of the spikes as a hard reset counts them, d|S|/dH."""
    if d.fire == "integer":
        fired = tl.where((h >= 0.0) & (h <= d.v_threshold * d.levels), 1.0 / d.v_threshold, 0.0)
        of_count = fired
    else:
        fired = surrogate_derivative(h - d.v_threshold, d.surrogate.name, d.surrogate.slope)
        of_count = fired
        if d.fire == "ternary":
            down = surrogate_derivative(-h - d.v_threshold, d.surrogate.name, d.surrogate.slope)
            of_count = fired + down if d.v_reset is None else fired - down
            fired += down
    return fired, of_count


@triton.jit
def through_reset(grad, h, of_count, d: tl.constexpr):
    """dL/dV dV/dH of one step."""
    if d.v_reset is None:
        through = grad if d.detach_reset else grad * (1.0 - d.reset_amount * of_count)
    else:
        through = grad - grad * counted(fire(h, d), d)
        if not d.detach_reset:
            through += grad * (d.v_reset - h) * of_count
    return through


@triton.jit
def output_derivative(h, fired, d: tl.constexpr):
    if d.output == "membrane":
        slope = (h > 0.0).to(tl.float32)
    elif d.output == "normalised":
        slope = fired / d.levels
    else:
        slope = fired
    return slope
