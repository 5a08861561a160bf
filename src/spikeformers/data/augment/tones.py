"""Operations on pixel values, as PIL defines them.

Each takes uint8 frames `[N, T, C, H, W]` with 1 or 3 channels and one argument per sample, float64 `[N]` (ignored
where an operation needs none), and returns new frames. Whatever an operation measures (extremes, histogram, mean
brightness) it measures over all time steps of a sample, so that each of them is changed in the same way. For a
single frame the results equal PIL's to the bit.
"""

from __future__ import annotations

import torch
from torch import Tensor


def auto_contrast(frames: Tensor, _: Tensor) -> Tensor:
    """Stretch every channel so that its darkest pixel becomes 0 and its brightest 255."""
    low = frames.amin((1, 3, 4)).double().unsqueeze(-1)  # [N, C, 1]
    high = frames.amax((1, 3, 4)).double().unsqueeze(-1)
    levels = _levels(frames)
    # The result is truncated, so that PIL's order of operations matters (and `255.0 / tensor` is a multiplication).
    scale = torch.full_like(high, 255.0) / (high - low).clamp(min=1.0)
    table = torch.where(high > low, (levels * scale + -low * scale).clamp(0, 255), levels)
    return _look_up(frames, table)


def equalize(frames: Tensor, _: Tensor) -> Tensor:
    """Spread the values of every channel so that their histogram becomes nearly flat."""
    samples, steps, channels = frames.shape[:3]
    counts = torch.bincount(_cells(frames).flatten(), minlength=samples * channels * 256).view(samples, channels, 256)
    below = counts.cumsum(-1) - counts
    brightest = frames.amax((1, 3, 4)).long().unsqueeze(-1)
    # PIL leaves the pixels of the brightest value out. Its rule is applied to the mean histogram of the time steps:
    # the sum of several equal ones would round differently from one of them.
    step = below.gather(-1, brightest) // (255 * steps)
    spread = ((steps * (step // 2) + below) // (steps * step).clamp(min=1)).clamp(max=255)
    return _look_up(frames, torch.where(step > 0, spread, _levels(frames).long()))


def invert(frames: Tensor, _: Tensor) -> Tensor:
    """Turn every value v into 255 - v."""
    return 255 - frames


def posterize(frames: Tensor, bits: Tensor) -> Tensor:
    """Keep the given number of leading bits of every value; 8 keep it as it is, 0 leave black."""
    mask = 256 - (2.0 ** (8 - bits.clamp(0, 8)))
    return frames & _per_sample(mask, frames).byte()


def solarize(frames: Tensor, threshold: Tensor) -> Tensor:
    """Invert the values at or above the threshold."""
    return torch.where(frames.float() < _per_sample(threshold, frames).float(), frames, 255 - frames)


def solarize_add(frames: Tensor, addend: Tensor) -> Tensor:
    """Add a number, at most 128, to the values below 128."""
    return torch.where(frames < 128, frames + _per_sample(addend, frames).byte(), frames)


def color(frames: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image: 0 is grey, 1 the image itself, more is more colourful."""
    return frames.clone() if frames.shape[2] == 1 else _blend(_grey(frames), frames, factor)


def contrast(frames: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey: 0 is a plain image, 1 the image itself, more is more contrast."""
    mean = _grey(frames).double().mean((1, 2, 3, 4), keepdim=True)
    return _blend((mean + 0.5).floor(), frames, factor)


def brightness(frames: Tensor, factor: Tensor) -> Tensor:
    """Blend with black: 0 is black, 1 the image itself, more is brighter."""
    return _blend(torch.zeros((), device=frames.device), frames, factor)


def sharpness(frames: Tensor, factor: Tensor) -> Tensor:
    """Blend with the smoothed image: 0 is smooth, 1 the image itself, more is sharper."""
    return _blend(_smooth(frames), frames, factor)


def hue(frames: Tensor, turn: Tensor) -> Tensor:
    """Turn the colour wheel by a share of the full circle, -0.5..0.5; grey pixels stay as they are."""
    if frames.shape[2] == 1:
        return frames.clone()
    pixels = frames.float() / 255
    value, strongest = pixels.max(2, keepdim=True)
    chroma = value - pixels.amin(2, keepdim=True)
    red, green, blue = pixels.unbind(2)
    sector = torch.stack((green - blue, blue - red, red - green), 2).gather(2, strongest)
    angle = sector / torch.where(chroma > 0, chroma, 1.0) + 2 * strongest + 6 * _per_sample(turn, frames).float()
    offset = torch.tensor([5.0, 3.0, 1.0], device=frames.device).view(3, 1, 1)
    distance = (angle + offset) % 6  # of each channel on the wheel of six sectors
    shade = torch.minimum(distance, 4 - distance).clamp(0, 1)
    # 255.999 shares 0..1 out among the 256 values as torchvision does.
    return torch.where(chroma > 0, ((value - chroma * shade) * 255.999).clamp(0, 255).byte(), frames)


def _per_sample(arguments: Tensor, frames: Tensor) -> Tensor:
    return arguments.to(frames.device).view(-1, 1, 1, 1, 1)


def _blend(base: Tensor, frames: Tensor, factor: Tensor) -> Tensor:
    base = base.float()
    mixed = (frames.float() - base).mul_(_per_sample(factor, frames).float()).add_(base)
    return mixed.clamp_(0, 255).byte()  # truncated, as PIL does


def _grey(frames: Tensor) -> Tensor:
    """Return the brightness `[N, T, 1, H, W]`: PIL's 16-bit fixed-point weights of Rec. 601."""
    if frames.shape[2] == 1:
        return frames
    red, green, blue = frames.int().unbind(2)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).unsqueeze(2)


def _smooth(frames: Tensor) -> Tensor:
    """Return the rounded 3 x 3 mean in which the centre counts five times; PIL leaves border pixels alone."""
    height, width = frames.shape[-2:]
    values = frames.int()
    smooth = values.clone()
    if height < 3 or width < 3:
        return smooth
    rows = values[..., :-2, :] + values[..., 1:-1, :] + values[..., 2:, :]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * values[..., 1:-1, 1:-1]
    smooth[..., 1:-1, 1:-1] = (2 * total + 13) // 26
    return smooth


def _levels(frames: Tensor) -> Tensor:
    return torch.arange(256, dtype=torch.float64, device=frames.device)


def _cells(frames: Tensor) -> Tensor:
    """Return where each pixel's value lies in tables of 256 entries per sample and channel, laid end to end."""
    samples, channels = frames.shape[0], frames.shape[2]
    starts = torch.arange(0, samples * channels * 256, 256, dtype=torch.int32, device=frames.device)
    return frames.int() + starts.view(samples, 1, channels, 1, 1)


def _look_up(frames: Tensor, table: Tensor) -> Tensor:
    """Replace every value by its entry in the table `[N, C, 256]`."""
    return table.byte().flatten().index_select(0, _cells(frames).flatten()).view(frames.shape)
