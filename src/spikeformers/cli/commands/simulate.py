"""Simulate an event camera: digits or a video become recordings of events.

What comes out is simulated, and a JSON file beside it says so, with all parameters
and the seed. It is no stand-in for recordings of a real camera.

Examples:
  spikeformers simulate mnist --data-dir MNIST --out sim --most 6000 --without-ids real/Train
  spikeformers simulate mnist --data-dir MNIST --out loops --motion closed_loop --set pixels.shot_noise_rate=1
  spikeformers simulate mnist --data-dir MNIST --out motions --motion drifts --most 800
  spikeformers simulate video clip.gif --frames-per-second 25 --out clip.bin --size 128 128
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spikeformers.cli.output import console, print_json

if TYPE_CHECKING:
    from spikeformers.cli.simulating import Simulated


def mnist(
    *,
    data_dir: Path,
    out: Path,
    motion: str = "saccades",
    part: Literal["train", "test"] = "train",
    most: int | None = None,
    without_ids: Path | None = None,
    set: tuple[str, ...] = (),
    vary: float = 0.0,
    seed: int = 0,
    json: bool = False,
) -> None:
    """Simulate recordings of MNIST in the layout of N-MNIST.

    Args:
        data_dir: Directory of MNIST's four files.
        out: Folder to write Train/<digit>/<id>.bin or Test/<digit>/<id>.bin to; recordings that are there stay.
            The recording with id i is of MNIST's picture i, counted from 1, as in N-MNIST.
        motion: saccades, saccades_unfitted, closed_loop, left, right, up, down, clockwise, anticlockwise, nearer or
            farther; drifts: the last eight in turn, and their names are the labels.
        part: Which pictures.
        most: How many recordings. None: of all pictures.
        without_ids: File of ids, one a line, or folder of recordings <id>.bin: these pictures are left out.
        set: KEY=VALUE, a parameter to change, such as pixels.leak_rate=0.1 or screen.blur=0.8; may be given several
            times.
        vary: From recording to recording every parameter is multiplied by exp(vary * z), z normal.
        seed: Of all random numbers.
        json: Print one JSON document.
    """
    from spikeformers.cli.simulating import simulate_mnist

    done = simulate_mnist(
        data_dir, out, motion=motion, part=part, most=most, without=without_ids, set=set, vary=vary, seed=seed
    )
    _say(done, json)


def video(
    clip: Path,
    /,
    *,
    out: Path,
    frames_per_second: float,
    size: tuple[int, int] | None = None,
    set: tuple[str, ...] = (),
    seed: int = 0,
    json: bool = False,
) -> None:
    """Simulate a camera that looks at a video.

    Args:
        clip: Folder of pictures, .npy file of frames [T, H, W] or [T, H, W, 3], or a GIF or other file Pillow reads.
        out: File to write, NAME.bin in 40-bit records; NAME.json beside it says how it was simulated.
        frames_per_second: Of the video.
        size: Width and height to bring it to; the format holds 256 x 240. None: as it is.
        set: KEY=VALUE, a parameter of the pixels to change, such as leak_rate=0.1; may be given several times.
        seed: Of all random numbers.
        json: Print one JSON document.
    """
    from spikeformers.cli.simulating import simulate_clip

    _say(simulate_clip(clip, out, frames_per_second=frames_per_second, size=size, set=set, seed=seed), json)


def _say(done: Simulated, json: bool) -> None:
    if json:
        print_json(done)
        return
    what = "1 simulated recording" if done.recordings == 1 else f"{done.recordings:,} simulated recordings"
    console().print(f"{what}: {done.out}\nHow, with all parameters: {done.note}", markup=False, soft_wrap=True)


COMMANDS: dict[str, Callable[..., None]] = {"mnist": mnist, "video": video}
