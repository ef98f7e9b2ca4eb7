"""The scans of `frugalseg-viewer --demo`: phantoms, drawn by the program on this machine."""

import os
import pathlib
import shutil
import subprocess
import sys

SEEDS = (1, 2, 3)


def program():
    """Path of the program `frugalseg` that belongs to this viewer; None when there is none."""
    candidates = [os.environ.get("FRUGALSEG_PROGRAM"), pathlib.Path(sys.executable).with_name("frugalseg")]
    found = next((str(c) for c in candidates if c and os.access(c, os.X_OK)), None)
    return found or shutil.which("frugalseg")


def make(folder):
    """Three phantoms as DICOM series below `folder`, which are made once. Returns the folder to open."""
    scans = folder / "demo"
    command = program()
    if command is None:
        raise RuntimeError("the program frugalseg, which draws the demo, is not installed")
    for seed in SEEDS:
        done, new = scans / f"phantom-{seed}", folder / f".phantom-{seed}"
        if done.exists():
            continue
        shutil.rmtree(new, ignore_errors=True)  # of an attempt that was interrupted
        subprocess.run([command, "synth", "--out", new, "--seed", str(seed), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        scans.mkdir(parents=True, exist_ok=True)
        (new / "dicom").rename(done)
        shutil.rmtree(new)
    return scans
