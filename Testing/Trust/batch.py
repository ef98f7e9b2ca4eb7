"""Feeds a batch driver (Testing/Fuzz/batch_driver.cc) and counts what becomes of the inputs."""

import collections
import hashlib
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import figure

sys.path.insert(0, str(figure.SOURCE / "Testing/Fuzz"))

# A tree of `make test-sanitized`; the ordinary build's drivers serve the short form.
SANITIZED = pathlib.Path(os.environ.get("FRUGALSEG_SANITIZED_DIR", figure.SOURCE / "build/address"))
HANG = 124


class Outcome:
    """What a driver made of all inputs."""

    def __init__(self):
        self.inputs = 0
        self.statuses = collections.Counter()
        self.crashes, self.hangs, self.greedy = [], [], []
        self.slowest = 0.0  # seconds
        self.peak = 0  # KiB
        self.sanitizer = "none"

    def add(self, other):
        self.inputs += other.inputs
        self.statuses += other.statuses
        for name in ("crashes", "hangs", "greedy"):
            getattr(self, name).extend(getattr(other, name))
        self.slowest = max(self.slowest, other.slowest)
        self.peak = max(self.peak, other.peak)
        self.sanitizer = other.sanitizer

    @property
    def clean(self):
        return not (self.crashes or self.hangs or self.greedy)

    def text(self):
        return (f"{self.inputs:,} inputs, {self.statuses[0]:,} accepted, {len(self.crashes)} crashes or reports, "
                f"{len(self.hangs)} hangs, slowest {self.slowest:.2f} s, peak {self.peak / 1024:.0f} MB, "
                f"sanitizer {self.sanitizer}")  # fmt: skip


def driver(run, target):
    """The driver of a target: with sanitizers in the full form."""
    folder = figure.BUILD if run.quick else SANITIZED
    path = folder / "tests" / f"batch_{target}"
    if not path.exists():
        figure.skip(f"no {path.name} in {folder.name}; " +
                    ("build it" if run.quick else "run `make sanitized` first"))  # fmt: skip
    return path


def _keep(target, data):
    """Keep an input that went wrong, for a test and for the corpus."""
    folder = figure.BUILD / "findings" / target
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:12]
    path.write_bytes(data)
    return str(path)


def feed(run, target, inputs, greed=None):
    """Run all inputs; `greed(size)` is the largest single allocation that an input may cause."""
    program = driver(run, target)
    outcome = Outcome()
    process, errors = None, None

    def start():
        nonlocal process, errors
        errors = tempfile.TemporaryFile(dir=run.folder)
        process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        line = process.stdout.readline().split()
        outcome.sanitizer = line[1].decode() if len(line) > 1 else "none"

    def end(data):
        """The driver ended, at `data` or behind the last input (None)."""
        for line in process.stdout.read().splitlines():
            if line.startswith(b"peak "):
                outcome.peak = max(outcome.peak, int(line.split()[1]))
        code = process.wait()
        errors.seek(0)
        report = errors.read().decode("utf-8", "replace")
        if code == 0 and data is None:
            return
        where = _keep(target, data) if data is not None else "at the end (a leak?)"
        kind = outcome.hangs if code == HANG else outcome.crashes
        kind.append(where)
        run.say(f"{target}: {'hang' if code == HANG else 'crash or report'} ({code}), input {where}\n{report[-3000:]}")

    for data in inputs:
        if process is None:
            start()
        outcome.inputs += 1
        try:
            process.stdin.write(struct.pack("<I", len(data)) + data)
            process.stdin.flush()
        except BrokenPipeError:
            pass
        line = process.stdout.readline().split()
        if len(line) != 3:
            end(data)
            process = None
            if len(outcome.crashes) + len(outcome.hangs) > 20:
                run.say(f"{target}: stopped after 20 findings")
                return outcome
            continue
        outcome.statuses[int(line[0])] += 1
        outcome.slowest = max(outcome.slowest, int(line[1]) / 1e6)
        if greed and int(line[2]) > greed(len(data)):
            outcome.greedy.append(f"{_keep(target, data)}: {int(line[2])} bytes for a file of {len(data)}")
    if process is not None:
        process.stdin.close()
        end(None)
    return outcome
