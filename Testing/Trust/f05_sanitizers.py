"""F5: the tests of the C library and of the logic under AddressSanitizer with UndefinedBehaviorSanitizer, and under
ThreadSanitizer. The trees are made by `make sanitized`; this script runs what they hold.

usage: f05_sanitizers.py [--quick]; FRUGALSEG_SANITIZED_DIR (build/address), FRUGALSEG_THREADED_DIR (build/thread)
The short form leaves out the tests that learn or draw whole phantoms, which take minutes when they are watched.
"""

import os
import pathlib
import re
import subprocess

import figure

SOURCES = ("Logic", "Testing/Compute", "Testing/Imaging", "Testing/Scene", "Testing/Faults", "Testing/Sanitizers")
TREES = {
    "address,undefined": os.environ.get("FRUGALSEG_SANITIZED_DIR", figure.SOURCE / "build/address"),
    "thread": os.environ.get("FRUGALSEG_THREADED_DIR", figure.SOURCE / "build/thread"),
}
PROGRAMS = ("compute_tests", "compute_faults", "test_imaging", "imaging_faults", "test_scene")
# Their memory and threads are those of other tests; watched they take minutes.
LONG = ("PretrainerLearning.*", "Phantom.*", "Pelvis*", "*LossFalls*", "Processes*", "Trainer.*", "FastInference.*",
        "*RepeatsItself*", "*GradientEqualsFinite*", "ModelFile.Every*", "*Bfloat16*", "RandomSequence*", "Learning*")
# What runs on several threads, for ThreadSanitizer.
THREADS = ("Context*", "FastInference.IsTheSame*", "Processes.*", "Sampler*", "SegmentVolume*", "Series*", "Cancel*",
           "Worker*", "Segment*", "Trainer.Same*", "Trainer.Cancel*")  # fmt: skip
REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|BROKEN PROMISE")


def run_tests(run, program, kind):
    """(tests that passed, tests that failed, sanitizer reports)"""
    name = "*"
    if kind == "thread":
        name = ":".join(THREADS)
    elif run.quick:
        name = "-" + ":".join(LONG)
    result = subprocess.run([program, f"--gtest_filter={name}", "--gtest_color=no"], cwd=run.folder, text=True,
                            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    passed = len(re.findall(r"^\[       OK \]", result.stdout, re.M))
    failed = len(set(re.findall(r"^\[  FAILED  \] ([\w./]+)(?:,| \()", result.stdout, re.M)))
    reports = len(REPORT.findall(result.stdout))
    if result.returncode and not failed and not reports:
        failed = 1  # ended by a signal
    if result.returncode or reports:
        run.say(result.stdout[-6000:])
    return passed, failed, reports


def measure(run):
    told, all_failed, all_reports, ran = [], 0, 0, 0
    for kind, folder in TREES.items():
        passed = failed = reports = 0
        for name in PROGRAMS:
            program = pathlib.Path(folder) / "tests" / name
            if not program.exists() or (kind == "thread" and name.endswith("faults")):
                continue
            one = run_tests(run, program, kind)
            run.say(f"{kind}: {name}: {one[0]} passed, {one[1]} failed, {one[2]} reports")
            passed, failed, reports = (a + b for a, b in zip((passed, failed, reports), one))
            ran += 1
        told.append(f"{kind}: {passed} tests, {failed} failed, {reports} reports")
        all_failed += failed
        all_reports += reports
    if not ran:
        figure.skip("no sanitized tests are built; `make sanitized` builds them")
    return run.result("; ".join(told), all_failed == 0 and all_reports == 0)


if __name__ == "__main__":
    figure.main("F5", "tests of C library and logic under ASan, UBSan and TSan, leaks included", "0 reports", measure)
