"""F14: kill -9 at random moments while models, masks, reports, labels and checkpoints are saved.

After each kill: every model that was finished loads, the results of a run are all old or all new after the next run
opens the folder, training goes on from its checkpoint, and no file of a killed process stays after the next save.
Receiving series is killed by f14_node_kills.py.
"""

import hashlib
import os
import random
import re
import signal
import subprocess
import time

import data
import figure
import numpy as np
import pydicom


def loads(path):
    return figure.program("info", path, "--json", check=False).returncode == 0


def leftovers(folder):
    return [p.name for p in folder.iterdir() if ".frugalseg" in p.name]


def kill_after(arguments, seconds):
    """Start a command and kill it; whether it was still running."""
    process = subprocess.Popen([figure.PROGRAM, *map(str, arguments)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    time.sleep(seconds)
    running = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return running


def lasts(arguments):
    start = time.monotonic()
    figure.program(*arguments)
    return time.monotonic() - start


def kill_training(run, count, draw):
    """Training that saves a checkpoint at every step; the earlier model of the same name must stay."""
    cases = data.cases(run.folder / "cases", ["a", "b", "c"])
    folder = run.folder / "models"
    folder.mkdir()
    model = folder / "m.fseg"
    data.train(cases, model, 2)
    first = model.read_bytes()
    arguments = ["train", "--data", cases, "--out", model, *data.FAST, "--steps", 12, "--seed", 4,
                 "--checkpoint-every", 1]  # fmt: skip
    checkpoint = folder / "m.fseg.checkpoint"
    resume = lambda: ["--resume"] if checkpoint.exists() else []
    duration = lasts([*arguments[:4], folder / "whole.fseg", *arguments[5:]])
    whole = (folder / "whole.fseg").read_bytes()
    lost, killed, attempts = [], 0, 0
    while killed < count and attempts < 5 * count:
        attempts += 1
        killed += kill_after([*arguments, *resume()], draw.uniform(0, 1.1 * duration))
        if not loads(model):
            lost.append("a finished model does not load")
        finished = model.read_bytes()
        if finished not in (first, whole):
            lost.append("a model is neither the old nor the new one")
        if checkpoint.exists() and not loads(checkpoint):
            lost.append("a checkpoint does not load")
        if finished == whole:  # it ended before the kill; begin anew
            model.write_bytes(first)
            checkpoint.unlink(missing_ok=True)
    figure.program(*arguments, *resume())
    if model.read_bytes() != whole:
        lost.append("the run that was killed and resumed gave another model")
    if leftovers(folder):
        lost.append("files of killed processes stay: " + " ".join(leftovers(folder)))
    return killed, lost


def kill_segment(run, count, draw):
    """Runs into a folder that holds the results of an earlier one: of two images, in turn."""
    scans = [data.phantom(run.folder / f"scan{seed}", seed, size=64, slices=6) for seed in (5, 6)]
    out = run.folder / "results"

    def command(i, target):
        return ["segment", "--in", scans[i] / "dicom", "--model", "liver-t2", "--out", target, "--threads", 1]

    def content(folder):
        volume = re.search(r'"volume_ml": ([\d.]+)', (folder / "report.json").read_text())[1]
        # Its UIDs are new in every run, so only its pixels tell which run a SEG is of.
        pixels = hashlib.sha256(pydicom.dcmread(folder / "segmentation.dcm").PixelData).hexdigest()
        return (folder / "mask.nii.gz").read_bytes(), volume, pixels

    known = {}
    duration = lasts(command(0, run.folder / "r0"))
    for i in (0, 1):
        figure.program(*command(i, run.folder / f"r{i}"))
        known[i] = content(run.folder / f"r{i}")
    figure.program(*command(0, out))
    constant = run.folder / "constant.nii.gz"
    data.write(constant, np.full((20, 20, 4), 7, np.float32))
    lost, killed, attempts = [], 0, 0
    while killed < count and attempts < 5 * count:
        killed += kill_after(command(attempts % 2, out), draw.gauss(duration, 0.25 * duration))
        attempts += 1
        # The next run that opens the folder completes what was decided; this one fails after that.
        figure.program("segment", "--in", constant, "--model", "liver-t2", "--out", out, check=False)
        if content(out) not in known.values():
            lost.append("mask, report and SEG of different runs, or a part of one")
            figure.program(*command(0, out))
    if leftovers(out):
        lost.append("files of killed processes stay: " + " ".join(leftovers(out)))
    return killed, lost


def kill_labels(run, rounds):
    """Saving labels: the test of the dataset, which forks and kills; 15 kills a round."""
    tests = figure.BUILD / "tests/test_scene"
    if not tests.exists():
        return 0, ["test_scene is not built, so labels were not tried"]
    lost = []
    for _ in range(rounds):
        result = subprocess.run([tests, "--gtest_filter=DatasetTest.Kill*"], capture_output=True, text=True,
                                env=dict(os.environ))  # fmt: skip
        if result.returncode:
            run.say(result.stdout[-1500:])
            lost.append("a finished label was lost")
    return 15 * rounds, lost


def measure(run):
    draw = random.Random(11)
    plan = (3, 3, 1) if run.quick else (80, 60, 4)
    killed, lost = {}, []
    for name, (count, found) in {
        "training and saving models": kill_training(run, plan[0], draw),
        "writing masks, SEGs and reports": kill_segment(run, plan[1], draw),
        "saving labels": kill_labels(run, plan[2]),
    }.items():
        killed[name] = count
        lost += found
        run.say(f"{name}: {count} kills, {len(found)} lost {set(found) or ''}")
    total = sum(killed.values())
    value = f"{total} kills ({', '.join(f'{n} {k}' for k, n in killed.items())}): {len(lost)} lost"
    if lost:
        value += f" ({'; '.join(sorted(set(lost)))})"
    return run.result(value, not lost and (run.quick or total >= 200))


if __name__ == "__main__":
    figure.main("F14", "kill -9 at random moments while models, results and labels are saved: finished files lost",
                "200 kills; 0", measure)  # fmt: skip
