"""What the tests reach: runs them on a tree built with FRUGALSEG_COVERAGE and lets gcovr count (`make coverage`).

usage: coverage.py --build DIR [--only-report] [--programs NAME...]

Counted are branches of Logic/Compute/src, and of the rest of Logic. Left out, by rule and by nothing else: branches
that gcc adds for exceptions (--exclude-throw-branches), and those that cannot be reached by the compiler's own account
(--exclude-unreachable-branches). Writes DIR/coverage/summary.json and a page for each file.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("compute_tests", "compute_faults", "test_imaging", "imaging_faults", "test_scene")
COMMAND_LINE = ("usage", "info", "segment", "evaluate", "synth", "train", "finetune", "export", "card", "models",
                "pretrain", "model_format")  # fmt: skip
PARTS = {"compute": "Logic/Compute/src/", "rest": "Logic/(?!Compute)"}


def environment(build):
    return {
        **os.environ,
        "FRUGALSEG_PROGRAM": str(build / "bin/frugalseg"),
        "FRUGALSEG_COMPUTE_LIBRARY": str(build / "lib/libfrugalseg_compute_shared.so"),
        "FRUGALSEG_IMAGING_LIBRARY": str(build / "lib/libfrugalseg_imaging.so"),
        "FRUGALSEG_SOURCE_DIR": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run_tests(build, programs):
    """Run what is built; a failing test does not stop the count, and is told."""
    failed = []
    for name in programs:
        program = build / "tests" / name
        if program.exists() and subprocess.run([program, "--gtest_brief=1"], cwd=build).returncode:
            failed.append(name)
    if (build / "bin/frugalseg").exists() and (build / "lib/libfrugalseg_compute_shared.so").exists():
        for subject in COMMAND_LINE:
            test = ROOT / f"Testing/CommandLine/test_{subject}.py"
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(test)]
            if subprocess.run(command, env=environment(build)).returncode:
                failed.append(test.name)
    return failed


def count(build, part, pattern):
    """(percent of branches, percent of lines, [(percent, branches, file)]) of a part."""
    folder = build / "coverage"
    folder.mkdir(exist_ok=True)
    summary = folder / f"{part}.json"
    subprocess.run(
        [sys.executable, "-m", "gcovr", "--root", str(ROOT), "--filter", str(ROOT) + "/" + pattern,
         "--object-directory", str(build), str(build), "--exclude-throw-branches", "--exclude-unreachable-branches",
         "--gcov-ignore-parse-errors=all", "--gcov-ignore-errors=all", "--merge-mode-functions=merge-use-line-min",
         "--json-summary", str(summary), "--txt", str(folder / f"{part}.txt")],
        check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    data = json.loads(summary.read_text("utf-8"))
    files = [(f["branch_percent"] or 0.0, f["branch_total"], f["filename"]) for f in data["files"] if f["branch_total"]]
    return {"branches": data["branch_percent"], "branch_total": data["branch_total"], "lines": data["line_percent"],
            "lowest": sorted(files)[:25]}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description="what the tests reach")
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--programs", nargs="*", default=PROGRAMS)
    options = parser.parse_args()
    build = options.build.resolve()
    failed = [] if options.only_report else run_tests(build, options.programs)
    result = {part: count(build, part, pattern) for part, pattern in PARTS.items()}
    result["failed"] = failed
    (build / "coverage/summary.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for part in PARTS:
        told = result[part]
        print(f"{part}: {told['branches']} % of {told['branch_total']} branches, {told['lines']} % of lines")
        for percent, total, name in told["lowest"]:
            print(f"  {percent:5.1f} % of {total:4} {name}")
    if failed:
        print("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
