"""The look-up kernels of the native library."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from spikeformers import native
from spikeformers.ops.lif.native import TYPES

_HALF, _WORD, _TILE = 16, 32, 64


class Window(NamedTuple):
    """A convolution over [frames][height][width][channels], channels innermost, without groups or dilation."""

    frames: int
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    kernel_height: int
    kernel_width: int
    stride_height: int
    stride_width: int
    pad_height: int
    pad_width: int

    @property
    def results(self) -> int:
        """How many pixels the result has."""
        return self.frames * self.out_height * self.out_width

    @property
    def taps(self) -> int:
        """Positions of the kernel."""
        return self.kernel_height * self.kernel_width

    @property
    def strides(self) -> tuple[int, int]:
        """Of height and width."""
        return self.stride_height, self.stride_width

    @property
    def pads(self) -> tuple[int, int]:
        """Of height and width."""
        return self.pad_height, self.pad_width

    @property
    def padded_channels(self) -> int:
        """Channels, up to whole half words."""
        return -(-self.channels // _HALF) * _HALF

    @property
    def terms(self) -> int:
        """Of the sum that makes a result."""
        return self.taps * self.padded_channels


class _Window(ctypes.Structure):
    _fields_ = [(word, ctypes.c_int64) for word in Window._fields]


class _Lookup(ctypes.Structure):
    _fields_ = [
        *((word, ctypes.c_int64) for word in (
            "results", "row_of_words", "terms", "outputs", "b_term_stride", "b_output_stride", "out_stride",
        )),
        *((word, ctypes.c_int32) for word in ("outputs_innermost", "b_type")),
    ]  # fmt: skip


def serves() -> bool:
    """Whether the library that was loaded looks up: the one for AVX-512 does."""
    return bool(_library().sf_lookup_serves())


def pack(x: Tensor, window: Window) -> Tensor | None:
    """Spikes as bits, 16 channels to an int16 [pixels, halves]; None where an element is neither 0 nor 1.

    Args:
        x: channels innermost and dense.
        window: what will be made of them.
    """
    pixels = window.frames * window.height * window.width
    halves = torch.empty(pixels, window.padded_channels // _HALF, dtype=torch.int16)
    good = _library().sf_lookup_pack(
        _Window(*window), x.data_ptr(), TYPES[x.dtype], halves.data_ptr(), torch.get_num_threads()
    )
    return halves if good else None


def product(halves: Tensor, window: Window, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution of packed spikes.

    Args:
        halves: of `pack`.
        weight: contiguous [terms, O]: taps, then padded channels.
        bias: contiguous [O] or None.

    Returns:
        [frames, height, width, O].
    """
    out = torch.empty(window.frames, window.out_height, window.out_width, weight.shape[1])
    words = _words(window.terms, window.results)
    _library().sf_lookup_rows(
        _Window(*window), halves.data_ptr(), words.data_ptr(), words.shape[1], torch.get_num_threads()
    )
    _look_up(words, window.results, weight, bias, out.view(window.results, -1), outputs_innermost=True)
    return out


def grad_weight(halves: Tensor, window: Window, grad: Tensor) -> Tensor:
    """Gradient of the weight of `product` [O, terms], float32, from that of its result [results, O] of any type."""
    out = torch.empty(grad.shape[1], window.terms)
    words = _words(window.results, window.terms)
    _library().sf_lookup_columns(
        _Window(*window), halves.data_ptr(), words.data_ptr(), words.shape[1], torch.get_num_threads()
    )
    _look_up(words, window.terms, grad, None, out, outputs_innermost=False)
    return out


def _words(terms: int, results: int) -> Tensor:
    # An odd number of tiles: rows a power of two apart would push each other out of the cache.
    return torch.empty(-(-terms // _WORD), (-(-results // _TILE) | 1) * _TILE, dtype=torch.int32)


def _look_up(
    words: Tensor, results: int, b: Tensor, bias: Tensor | None, out: Tensor, *, outputs_innermost: bool
) -> None:
    terms, outputs = b.shape
    strides = (*b.stride(), out.shape[1])
    sizes = _Lookup(results, words.shape[1], terms, outputs, *strides, outputs_innermost, TYPES[b.dtype])
    _library().sf_lookup_product(
        sizes, words.data_ptr(), b.data_ptr(), None if bias is None else bias.data_ptr(), out.data_ptr(),
        torch.get_num_threads(),
    )  # fmt: skip


@cache
def _library() -> ctypes.CDLL:
    library = native.library()
    assert library is not None
    p, i, n = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64
    window, sizes = ctypes.POINTER(_Window), ctypes.POINTER(_Lookup)
    library.sf_lookup_serves.argtypes, library.sf_lookup_serves.restype = [], i
    if library.sf_lookup_serves():
        library.sf_lookup_pack.argtypes, library.sf_lookup_pack.restype = [window, p, i, p, i], i
        library.sf_lookup_rows.argtypes, library.sf_lookup_rows.restype = [window, p, p, n, i], None
        library.sf_lookup_columns.argtypes, library.sf_lookup_columns.restype = [window, p, p, n, i], None
        library.sf_lookup_product.argtypes, library.sf_lookup_product.restype = [sizes, p, p, p, p, i], None
    return library
