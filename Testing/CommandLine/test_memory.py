"""How much memory a large scan takes: said before it is taken, kept, and below 1 GB."""
import json
import struct

import numpy as np
import pytest
from conftest import run

SIZE, SPACING = (512, 512, 200), (0.8, 0.8, 1.5)


@pytest.fixture
def large_scan(tmp_path):
    """A bright ball in a body, as an uncompressed NIfTI file of 16-bit values."""
    path = tmp_path / "large.nii"
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *SIZE, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)  # int16
    struct.pack_into("<8f", header, 76, 1, *SPACING, 0, 0, 0, 0)
    struct.pack_into("<2f", header, 108, 352, 1)
    struct.pack_into("<2h", header, 252, 0, 1)
    for axis in range(3):
        row = [0.0] * 4
        row[axis] = SPACING[axis] if axis == 2 else -SPACING[axis]
        struct.pack_into("<4f", header, 280 + 16 * axis, *row)
    header[344:348] = b"n+1\0"
    y, x = np.mgrid[:SIZE[1], :SIZE[0]]
    body = np.hypot((x - 256) / 220, (y - 256) / 160) < 1
    with open(path, "wb") as file:
        file.write(header)
        for k in range(SIZE[2]):
            radius = np.sqrt(max(0.0, 90.0 ** 2 - (k - 100.0) ** 2))
            ball = np.hypot(x - 180, y - 240) < radius
            file.write((20 + 400 * body + 300 * ball + (x * 7 + y * 3 + k) % 23).astype("<i2").tobytes())
    return path


def test_a_512_512_200_scan_takes_what_was_announced_and_less_than_1_gb(large_scan, tmp_path):
    result = run("segment", "--in", large_scan, "--model", "liver-t2", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    memory = json.loads((tmp_path / "out" / "report.json").read_text())["memory_bytes"]
    volume = 4 * np.prod(SIZE)
    # The program and its model are not part of the prediction: some tens of megabytes.
    assert memory["peak"] - volume <= memory["predicted"] + 64e6
    assert memory["peak"] - volume <= 1e9
    assert memory["predicted"] <= 2 * (memory["peak"] - volume)  # and not far above what it takes
