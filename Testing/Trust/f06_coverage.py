"""F6: branch coverage of Logic/Compute and of the rest of Logic, as `make coverage` counted it.

usage: f06_coverage.py [--quick]; FRUGALSEG_COVERAGE_DIR (build/coverage) is the tree of `make coverage`
"""

import json
import os
import pathlib

import figure

SOURCES = ("Logic", "Testing/Compute", "Testing/Imaging", "Testing/Scene", "Testing/Faults", "Testing/Coverage")
TREE = pathlib.Path(os.environ.get("FRUGALSEG_COVERAGE_DIR", figure.SOURCE / "build/coverage"))


def measure(run):
    summary = TREE / "coverage/summary.json"
    if not summary.exists():
        figure.skip("no coverage has been counted; `make coverage` does")
    counted = json.loads(summary.read_text("utf-8"))
    compute, rest = counted["compute"], counted["rest"]
    for part, told in (("Logic/Compute", compute), ("rest of Logic", rest)):
        run.say(f"{part}: {told['branches']} % of {told['branch_total']} branches, {told['lines']} % of lines")
    met = (compute["branches"] or 0) >= 90 and (rest["branches"] or 0) >= 80 and not counted["failed"]
    return run.result(f"Compute {compute['branches']} % of {compute['branch_total']}, rest {rest['branches']} % of "
                      f"{rest['branch_total']} branches; tests that failed: {len(counted['failed'])}", met)  # fmt: skip


if __name__ == "__main__":
    figure.main("F6", "branch coverage of Logic/Compute, and of the rest of Logic", "90 %, 80 %", measure)
