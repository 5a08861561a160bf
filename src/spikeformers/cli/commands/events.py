"""Look at a recording of an event camera: what is in the file, what is lost, and pictures of it.

Formats are told by the name and the first bytes of the file. Time steps have
equally many events; --start and --stop are seconds from the first event on.
With --model, the recording is framed as for that network, and the GIF shows
it beside the firing of the network's layers.

Examples:
  spikeformers events recording.bin
  spikeformers events recording.aedat4 --start 1.5 --stop 2 --json
  spikeformers events recording.bin --sensor 34x34 --plot frames.png --cloud cloud.png
  spikeformers events recording.raw --time-steps 20 --gif recording.gif
  spikeformers events 00002.bin --model runs/nmnist --gif firing.gif
"""

from __future__ import annotations

from pathlib import Path

from spikeformers.cli.output import console, print_json


def run(
    file: Path,
    /,
    *,
    format: str | None = None,
    sensor: str | None = None,
    start: float | None = None,
    stop: float | None = None,
    time_steps: int | None = None,
    model: Path | None = None,
    plot: Path | None = None,
    cloud: Path | None = None,
    gif: Path | None = None,
    json: bool = False,
) -> None:
    """Look at a recording.

    Args:
        file: A recording of events.
        format: 40bit, aedat2, aedat3, aedat4, evt2, evt3, dat, hdf5, npz, csv. None: as the file tells.
        sensor: Columns x rows of the camera: 346x260. None: as the file tells.
        start: Seconds after the first event, from which on to look. None: from the beginning.
        stop: Seconds after the first event, before which to look. None: to the end.
        time_steps: Frames of the pictures. None: those of the model, or 10.
        model: Run or checkpoint, trained on events, whose firing the GIF shows.
        plot: Picture of the event frames to write (.png, .svg, .pdf).
        cloud: Picture of the events in space and time to write (.png, .svg, .pdf).
        gif: Moving picture to write (.gif).
        json: Print one JSON document.
    """
    from spikeformers.cli.looking import Wanted, look
    from spikeformers.report.recordings import recording

    wanted = Wanted(time_steps=time_steps, model=model, plot=plot, cloud=cloud, gif=gif)
    seen = look(file, wanted, format=format, sensor=sensor, start=start, stop=stop)
    if json:
        print_json({"file": file, "format": seen.format, **seen.survey.to_dict(), "pictures": list(wanted.files)})
        return
    console().print(recording(seen.survey, str(file), seen.format))
    for path in wanted.files:
        console().print(f"written {path}", markup=False, soft_wrap=True)
