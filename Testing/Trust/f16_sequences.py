"""F16: random sequences of runs, edits, undo, deletions; what the user made stays, and undo restores."""

import os
import re
import subprocess

import figure

SOURCES = ("Logic", "Testing/Scene")


def measure(run):
    count = 20 if run.quick else 1000
    tests = figure.built_test("test_scene")
    environment = {**os.environ, "FRUGALSEG_RANDOM_SEQUENCES": str(count)}
    result = subprocess.run(
        [tests, "--gtest_filter=RandomSequenceTest.KeepEveryForeignVoxelAndUndoEveryStep"],
        capture_output=True, text=True, env=environment,
    )  # fmt: skip
    run.say(result.stdout[-2000:])
    found = re.search(r"(\d+) sequences, (\d+) actions, (\d+) results, (\d+) undos, (\d+) objects", result.stdout)
    if not found:
        return run.result(f"no figures, exit code {result.returncode}", False)
    failures = len(re.findall(r"^.*: Failure$", result.stdout, re.M))
    value = (f"{found[1]} sequences, {found[2]} actions, {found[3]} results, {found[4]} undos: "
             f"{failures} deviations; {found[5]} objects seen to be freed")  # fmt: skip
    return run.result(value, result.returncode == 0 and int(found[1]) == count and failures == 0)


if __name__ == "__main__":
    figure.main("F16", "random sequences of edits, runs and undo: foreign voxels changed, undo steps not restored, leaks",
                "1,000 sequences; 0", measure)  # fmt: skip
