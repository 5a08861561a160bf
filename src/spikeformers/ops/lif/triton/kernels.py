"""The LIF kernels: every program takes its tile through all T steps, the membrane potential in registers.

T is cut into CHUNKS of STEPS: the steps of a chunk are unrolled, so that their loads are on the way together and the
backward pass has its potentials in registers. Absent tensors are None.
"""

import triton
import triton.language as tl

from spikeformers.ops.lif.triton.neuron import (
    charge,
    emit,
    fire,
    output_derivative,
    reset,
    slopes,
    through_reset,
)
from spikeformers.ops.lif.triton.tiles import of_channels, places


@triton.jit
def affine(y, gain, mean, shift):
    return y if gain is None else (y - mean) * gain + shift


@triton.jit
def at_start(v, at, inside, d: tl.constexpr):
    """Membrane potentials before the first step."""
    if v is None:
        potential = tl.full(at.shape, d.rest, tl.float32)
    else:
        potential = tl.load(v + at, mask=inside, other=0.0).to(tl.float32)
    return potential


@triton.jit
def currents(x, step_stride, at, inside, STEPS: tl.constexpr):
    """Those of a chunk, loaded one behind the other."""
    ys = ()
    for _ in tl.static_range(STEPS):
        ys = ys + (tl.load(x + at, mask=inside, other=0.0).to(tl.float32),)  # noqa: RUF005 (Triton cannot unpack)
        x += step_stride
    return ys


@triton.jit
def advance(pointer, stride, STEPS: tl.constexpr):
    # One by one: the product of stride and steps could need 64 bits where the stride does not.
    for _ in tl.static_range(STEPS):
        pointer += stride
    return pointer


@triton.jit
def left(h, x, d: tl.constexpr):
    """What a step leaves, in the current's type, in which a caller would pass it on to the next."""
    return reset(h, fire(h, d), d).to(x.dtype.element_ty).to(tl.float32)


@triton.jit
def potentials(ys, gain, mean, shift, before, k, x, d: tl.constexpr, STEPS: tl.constexpr):
    """Membrane potentials H of a chunk right before firing, from the one before it."""
    h = ()
    for t in tl.static_range(STEPS):
        if t > 0:
            before = left(h[t - 1], x, d)
        h = h + (charge(affine(ys[t], gain, mean, shift), before, k, d),)  # noqa: RUF005
    return h


@triton.jit
def store_bits(bits, spikes, at, inside, GROUPS: tl.constexpr):
    """One bit each for what is not 0, lowest first; eight neighbours of a tile are eight neighbours in memory."""
    fired = tl.reshape((spikes != 0.0).to(tl.int32), (GROUPS, 8))
    byte = tl.sum(fired << tl.arange(0, 8)[None, :], 1)
    first = tl.min(tl.reshape(at, (GROUPS, 8)), 1)
    there = tl.max(tl.reshape(inside.to(tl.int32), (GROUPS, 8)), 1) > 0
    tl.store(bits + first // 8, byte.to(tl.uint8), mask=there)


@triton.jit
def forward_kernel(
    x, gain, mean, shift, inverse_tau, v, last, out, bits,
    step_stride, size, row_units, inner_units, channels,
    d: tl.constexpr, CHUNKS: tl.constexpr, STEPS: tl.constexpr,
    UNIT: tl.constexpr, R: tl.constexpr, C: tl.constexpr, ALONE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    channel, at, inside = places(tl.program_id(0) * R, row_units, inner_units, channels, UNIT, R, C, ALONE, WIDE)
    gain = of_channels(gain, channel, channels)
    mean = of_channels(mean, channel, channels)
    shift = of_channels(shift, channel, channels)
    k = None if inverse_tau is None else tl.load(inverse_tau).to(tl.float32)
    potential = at_start(v, at, inside, d)
    for _ in range(CHUNKS):
        h = potentials(currents(x, step_stride, at, inside, STEPS), gain, mean, shift, potential, k, x, d, STEPS)
        x = advance(x, step_stride, STEPS)
        for t in tl.static_range(STEPS):
            spikes = fire(h[t], d)
            if out is not None:
                tl.store(out + at, emit(h[t], spikes, d).to(out.dtype.element_ty), mask=inside)
                out += size
            if bits is not None:
                store_bits(bits, spikes, at, inside, R * C // 8)
                bits += size // 8
        potential = left(h[STEPS - 1], x, d)
    if last is not None:
        tl.store(last + at, potential.to(last.dtype.element_ty), mask=inside)


@triton.jit
def backward_kernel(
    x, gain, mean, shift, inverse_tau, v, grad_out, grad_last, grad_x, grad_v, sums, leaks, saved,
    step_stride, size, row_units, inner_units, channels,
    d: tl.constexpr, CHUNKS: tl.constexpr, STEPS: tl.constexpr,
    UNIT: tl.constexpr, R: tl.constexpr, C: tl.constexpr, ALONE: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    # grad_out and grad_x point to the last step. Potentials before all chunks but the last are saved on the way there.
    channel, at, inside = places(tl.program_id(0) * R, row_units, inner_units, channels, UNIT, R, C, ALONE, WIDE)
    gain = of_channels(gain, channel, channels)
    mean = of_channels(mean, channel, channels)
    shift = of_channels(shift, channel, channels)
    k = None if inverse_tau is None else tl.load(inverse_tau).to(tl.float32)
    before = at_start(v, at, inside, d)
    if CHUNKS > 1:
        for _ in range(CHUNKS - 1):
            tl.store(saved + at, before, mask=inside)
            h = potentials(currents(x, step_stride, at, inside, STEPS), gain, mean, shift, before, k, x, d, STEPS)
            before = left(h[STEPS - 1], x, d)
            x = advance(x, step_stride, STEPS)
            saved += size
        # Whichever thread of this program saved it: from here on another one may read it.
        tl.debug_barrier()
    if grad_last is None:
        carried = tl.zeros((R, C), tl.float32)
    else:
        carried = tl.load(grad_last + at, mask=inside, other=0.0).to(tl.float32)
    sum_of_grad = tl.zeros((R, C), tl.float32)
    sum_of_product = tl.zeros((R, C), tl.float32)
    leak = tl.zeros((R, C), tl.float32)
    for chunk in range(CHUNKS):
        ys = currents(x, step_stride, at, inside, STEPS)
        h = potentials(ys, gain, mean, shift, before, k, x, d, STEPS)
        for t in tl.static_range(STEPS - 1, -1, -1):
            fired, of_count = slopes(h[t], d)
            grad = through_reset(carried, h[t], of_count, d)
            if grad_out is not None:
                arriving = tl.load(grad_out + at, mask=inside, other=0.0).to(tl.float32)
                grad += arriving * output_derivative(h[t], fired, d)
                grad_out -= size
            if k is not None:
                leak += grad * leak_drive(affine(ys[t], gain, mean, shift), h, before, x, t, d)
            grad_z, carried = through_charge(grad, k, d)
            if sums is not None:
                sum_of_grad += grad_z
                sum_of_product += grad_z * (ys[t] - mean)
            if grad_x is not None:
                tl.store(grad_x + at, grad_z.to(grad_x.dtype.element_ty), mask=inside)
                grad_x -= size
        if CHUNKS > 1:
            x = advance(x, -step_stride, STEPS)
            saved -= size
            before = tl.load(saved + at, mask=inside & (chunk < CHUNKS - 1), other=0.0)
    if grad_v is not None:
        tl.store(grad_v + at, carried.to(grad_v.dtype.element_ty), mask=inside)
    if sums is not None:
        store_sums(sums, sum_of_grad, sum_of_product, channel, channels)
    if leaks is not None:
        tl.store(leaks + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), tl.sum(tl.sum(leak, 1), 0))


@triton.jit
def leak_drive(z, h, before, x, t: tl.constexpr, d: tl.constexpr):
    """dH[t]/dk: what the leak multiplies."""
    if t > 0:
        before = left(h[t - 1], x, d)
    drive = d.rest - before
    return drive + z if d.decay_input else drive


@triton.jit
def through_charge(grad, k, d: tl.constexpr):
    """dL/dz and dL/dV of the step before, from dL/dH."""
    if k is None:
        grad_z = grad * (1.0 / d.tau) if d.decay_input and d.tau != float("inf") else grad
        carried = grad * (1.0 - 1.0 / d.tau)
    else:
        grad_z = grad * k if d.decay_input else grad
        carried = grad * (1.0 - k)
    return grad_z, tl.zeros_like(grad) if d.detach_membrane else carried


@triton.jit
def store_sums(sums, sum_of_grad, sum_of_product, channel, channels):
    """Of this program's rows, for each channel: [2, programs, channels]."""
    there = channel < channels
    mine = sums + tl.program_id(0).to(tl.int64) * channels + channel
    tl.store(mine, tl.sum(sum_of_grad, 0)[None, :], mask=there)
    tl.store(mine + tl.num_programs(0).to(tl.int64) * channels, tl.sum(sum_of_product, 0)[None, :], mask=there)
