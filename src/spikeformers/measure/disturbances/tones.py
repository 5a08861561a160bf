"""Light: brightness and contrast. uint8 [B, C, H, W] in, float32 out, not yet rounded or cut to 0..255."""

from __future__ import annotations

from torch import Tensor

from spikeformers.measure.disturbances.draws import Streams


def brightness(images: Tensor, share: float, draws: Streams) -> Tensor:
    """Add a share of the pixel range to the value of HSV, the strongest channel; hue and saturation stay."""
    pixels = images.float()
    value = pixels.amax(1, keepdim=True)
    brighter = (value + 255 * share).clamp(max=255)
    black = value == 0  # has no hue to keep: it becomes grey
    return (pixels * brighter / value.masked_fill(black, 1)).where(~black, brighter)


def contrast(images: Tensor, factor: float, draws: Streams) -> Tensor:
    """Multiply every value's difference from the mean of its picture and channel."""
    pixels = images.float()
    mean = pixels.mean((2, 3), keepdim=True)
    return mean + factor * (pixels - mean)
