"""What the scripts of figures share: the command line, the environment, the result.

A script fNN_name.py (or load_name.py) is

    import figure

    def measure(run):
        count = 20 if run.quick else 200
        ...
        return run.result(value=f"{lost} of {count} lost", met=lost == 0)

    if __name__ == "__main__":
        figure.main("F14", "kill -9: finished files lost", "200 kills; 0", measure)

and prints as its last line one JSON object: figure, what, target, value, met, seconds, shown_by. It ends with 0 when
the target is met, 1 when not, 77 when something that it needs is not there (`figure.skip`). `--quick` is the form of
ctest: seconds, the same checks on fewer cases; a limit of time holds in the full form only.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ.get("FRUGALSEG_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("FRUGALSEG_BUILD_DIR", "build/release")).resolve()
PROGRAM = os.environ.get("FRUGALSEG_PROGRAM", str(BUILD / "bin/frugalseg"))
SHARED = pathlib.Path(os.environ.get("FRUGALSEG_SHARED", SOURCE.parent / "shared"))
SKIPPED = 77


class Skip(Exception):
    """Something that the figure needs is not there."""


def skip(reason):
    raise Skip(reason)


def needs(*paths):
    """The first of the files that exists; skips with their names when none does."""
    for path in paths:
        if pathlib.Path(path).exists():
            return pathlib.Path(path)
    skip("not there: " + " or ".join(pathlib.Path(p).name for p in paths))


def program(*arguments, check=True, **options):
    """Run `frugalseg`; the finished process with text of both streams."""
    options.setdefault("timeout", 600)
    result = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                            errors="replace", **options)  # fmt: skip
    if check and result.returncode:
        raise RuntimeError(f"frugalseg {arguments[0]} ended with {result.returncode}: {result.stderr.strip()[-300:]}")
    return result


def built_test(name):
    """A test program of the build, such as "test_scene"."""
    return str(needs(BUILD / "tests" / name, BUILD / "bin" / name))


class Run:
    def __init__(self, number, what, target, quick, folder):
        self.number, self.what, self.target, self.quick = number, what, target, quick
        self.folder = folder  # empty, and removed in the end
        self.start = time.monotonic()

    def say(self, text):
        print(text, flush=True)

    def result(self, value, met):
        script = pathlib.Path(sys.argv[0]).name
        quick = " --quick" if self.quick else ""
        return {
            "figure": self.number,
            "what": self.what,
            "value": value,
            "target": self.target,
            "met": bool(met),
            "seconds": round(time.monotonic() - self.start, 1),
            "shown_by": f"python3 Testing/Trust/{script}{quick}",
        }


def main(number, what, target, measure):
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--quick", action="store_true", help="a short form, for ctest")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="frugalseg-trust-"))
    try:
        result = measure(Run(number, what, target, options.quick, folder))
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    finally:
        if options.keep:
            print(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, ensure_ascii=False))
    sys.exit(0 if result["met"] else 1)
