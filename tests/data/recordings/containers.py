"""The formats that are no plain run of records: how to write them in all their variants."""

from __future__ import annotations

from functools import partial

from spikeformers.data.events.array import Sensor
from tests.data.recordings.formats import Format
from tests.data.recordings.writers.aedat4 import write_aedat4
from tests.data.recordings.writers.csv import write_csv
from tests.data.recordings.writers.hdf5 import write_columns, write_table
from tests.data.recordings.writers.npz import write_npz

CAMERA = Sensor(320, 240)
ANY = (CAMERA, 1 << 51, 1 << 40, 1)  # microseconds since 1970 fit; these formats have no counter that wraps

CONTAINERS = {
    **{
        f"aedat4, compression {number}": Format(
            partial(write_aedat4, sensor=CAMERA, compression=number), "r.aedat4", *ANY
        )
        for number in range(5)
    },
    "aedat4, never closed": Format(partial(write_aedat4, sensor=CAMERA, closed=False, packet=3), "r.aedat4", *ANY),
    "aedat4, one stream": Format(partial(write_aedat4, others=False, packet=100), "r.aedat4", *ANY),
    "hdf5, columns": Format(write_columns, "r.h5", *ANY),
    "hdf5, packed columns": Format(partial(write_columns, group="CD", compression="gzip"), "r.h5", *ANY),
    "hdf5, table": Format(write_table, "r.hdf5", *ANY),
    "npz": Format(write_npz, "r.npz", *ANY),
    "npz, packed": Format(partial(write_npz, compressed=True), "r.npz", *ANY),
    "npz, structured": Format(partial(write_npz, structured=True), "r.npz", *ANY),
    "csv": Format(write_csv, "r.csv", *ANY),
    "csv, blanks": Format(partial(write_csv, separator=" ", header="# t x y p", order="txyp"), "r.txt", *ANY),
    "csv, header": Format(
        partial(write_csv, separator="; ", header="polarity; y; x; t [us]", order="pyxt"), "r.csv", *ANY
    ),
}
