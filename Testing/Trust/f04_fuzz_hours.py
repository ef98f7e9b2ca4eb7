"""F4: how long each fuzz target has run, by the committed ledger, and what it found.

The hours are those of `make fuzz` with --record on any machine; this script runs nothing. The short form asks only that
every target has an account and no finding is open.
"""

import json
import re

import figure

SOURCES = ("docs/quality/fuzz-ledger.json", "Testing/Fuzz")
HOURS = 8


def measure(run):
    ledger = json.loads(figure.needs(figure.SOURCE / "docs/quality/fuzz-ledger.json").read_text("utf-8"))["targets"]
    targets = sorted(re.sub(r"^fuzz_", "", path.stem) for path in (figure.SOURCE / "Testing/Fuzz").glob("fuzz_*.cc"))
    targets.remove("target")
    missing = [name for name in targets if name not in ledger]
    for name in targets:
        entry = ledger.get(name, {"cpu_seconds": 0, "inputs": 0, "findings": 0, "open": 0})
        run.say(f"{name}: {entry['cpu_seconds'] / 3600:.2f} h, {entry['inputs']:,} inputs, {entry['findings']} findings, "
                f"{entry.get('open', 0)} open")  # fmt: skip
    hours = [ledger[name]["cpu_seconds"] / 3600 for name in targets if name in ledger] or [0.0]
    still_open = sum(entry.get("open", 0) for entry in ledger.values())
    findings = sum(entry["findings"] for entry in ledger.values())
    enough = run.quick or min(hours) >= HOURS
    return run.result(f"{len(targets)} targets, {min(hours):.2f} to {max(hours):.2f} CPU hours each, {findings} "
                      f"findings, {still_open} open", enough and not missing and not still_open)  # fmt: skip


if __name__ == "__main__":
    figure.main("F4", "coverage-guided fuzzing of each target, by the committed ledger",
                "8 CPU hours each, 60 s in CI; 0 findings open", measure)  # fmt: skip
