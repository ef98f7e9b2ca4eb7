"""Runs the libFuzzer targets for a bounded time each and keeps account of it (`make fuzz`).

usage: fuzz.py --build DIR [--seconds N] [--record] [TARGET...]
  DIR/tests/fuzz_TARGET   the targets; DIR/corpus/TARGET goes on growing from run to run
  --seconds N             processor time for each target (default 60)
  --record                also write docs/quality/fuzz-ledger.json, which is committed

Seeds are made anew (seeds.py), never stored. An input that ends a target is kept in DIR/findings/TARGET, the run goes
on with the next target, and the program ends with 1. Environment: as for seeds.py.
"""

import argparse
import datetime
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
LEDGER = ROOT / "docs/quality/fuzz-ledger.json"
DICTIONARIES = {"seg": "dicom.dict", "series": "dicom.dict", "volume": "volume.dict"}
LIMITS = ("-timeout=5", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-use_value_profile=1", "-print_final_stats=1")
LARGEST = {"series": 200_000, "seg": 60_000, "volume": 20_000}


def make_seeds(folder):
    subprocess.run([sys.executable, "-B", str(FOLDER / "seeds.py"), str(folder)], check=True)


def number(pattern, text):
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def fuzz(build, target, seconds, seeds):
    """One run; what the ledger says about it."""
    corpus, findings = build / "corpus" / target, build / "findings" / target
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    command = [build / "tests" / f"fuzz_{target}", corpus, seeds / target, *LIMITS, f"-max_total_time={seconds}",
               f"-max_len={LARGEST.get(target, 8192)}", f"-dict={FOLDER / DICTIONARIES.get(target, 'json.dict')}",
               f"-artifact_prefix={findings}/"]  # fmt: skip
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    new = sorted(path.name for path in set(findings.iterdir()) - before)
    if result.returncode:
        print(result.stdout[-4000:])
    return {
        "cpu_seconds": round(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime),
        "inputs": number(r"stat::number_of_executed_units:\s*(\d+)", result.stdout),
        "coverage": number(r"cov: (\d+)", result.stdout),
        "corpus": len(list(corpus.iterdir())),
        "findings": len(new),
        "code": result.returncode,
    }


def record(target, run):
    """Add a run to the committed ledger."""
    ledger = json.loads(LEDGER.read_text("utf-8")) if LEDGER.exists() else {"targets": {}}
    entry = ledger["targets"].setdefault(target, {"cpu_seconds": 0, "runs": 0, "inputs": 0, "findings": 0})
    for key in ("cpu_seconds", "inputs", "findings"):
        entry[key] += run[key]
    entry["runs"] += 1
    entry["coverage"], entry["corpus"] = run["coverage"], run["corpus"]
    entry["last"] = datetime.date.today().isoformat()
    LEDGER.write_text(json.dumps(ledger, indent=1, sort_keys=True) + "\n", "utf-8")


def main():
    parser = argparse.ArgumentParser(description="runs the fuzz targets")
    parser.add_argument("--build", required=True, type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    build = options.build.resolve()
    there = sorted(path.name.removeprefix("fuzz_") for path in (build / "tests").glob("fuzz_*") if path.is_file())
    targets = options.targets or there
    missing = set(targets) - set(there)
    if missing or not there:
        sys.exit(f"fuzz: not built: {', '.join(sorted(missing)) or 'any target'}; use `make fuzz`")
    bad = 0
    with tempfile.TemporaryDirectory() as seeds:
        make_seeds(pathlib.Path(seeds))
        for target in targets:
            run = fuzz(build, target, options.seconds, pathlib.Path(seeds))
            print(f"{target}: {run['inputs']:,} inputs in {run['cpu_seconds']} s of processor time, coverage "
                  f"{run['coverage']}, corpus {run['corpus']}, {run['findings']} findings", flush=True)  # fmt: skip
            bad += run["code"] != 0
            if options.record:
                record(target, run)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
