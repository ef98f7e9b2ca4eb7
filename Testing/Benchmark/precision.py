"""Does training in bfloat16 reach the Dice of float32? Trains both on the same cases and seeds.

Every run is `frugalseg train` with the same options but `--precision` and `--seed`; the cases of
`--fold` are held out of training and segmented at its end by the float32 network. Runs that are
done are kept in the folder and not repeated; one that was interrupted goes on.

usage: precision.py --data FOLDER --out FOLDER [--card FILE] [--label N] [--seeds N] [--steps N]
                    [--size S] [--batch B] [--spacing MM] [--fold k/K] [--phantoms N] [--threads N]
Environment: FRUGALSEG_PROGRAM. Writes FOLDER/precision.json and precision.md.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess

PRECISIONS = ("float32", "bfloat16")


def train(arguments, precision, seed):
    """Result of one run: held-out Dice per case, their mean, seconds a step."""
    stem = arguments.out / f"{precision}-{seed}"
    result = stem.with_suffix(".json")
    if result.exists():
        return json.loads(result.read_text())
    log, model = stem.with_suffix(".jsonl"), stem.with_suffix(".fseg")
    command = [os.environ["FRUGALSEG_PROGRAM"], "train", "--json", "--quiet", "--data",
               arguments.data, "--label", arguments.label, "--out", model, "--log", log,
               "--precision", precision, "--seed", seed, "--steps", arguments.steps,
               "--size", arguments.size, "--batch", arguments.batch, "--fold", arguments.fold,
               "--phantoms", arguments.phantoms, "--threads", arguments.threads]
    command += ["--card", arguments.card] if arguments.card else []
    command += ["--spacing", arguments.spacing] if arguments.spacing else []
    command += ["--resume"] if pathlib.Path(f"{model}.checkpoint").exists() else []
    process = subprocess.run([str(a) for a in command], check=True, stdout=subprocess.PIPE)
    told = json.loads(process.stdout)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    seconds = statistics.median(e["seconds_per_step"] for e in events if e["event"] == "steps")
    run = {"precision": precision, "seed": seed, "dice": told["validation"]["mean"]["dice"],
           "cases": {c["case"]: c["dice"] for c in told["validation"]["cases"]},
           "seconds_per_step": seconds}
    result.write_text(json.dumps(run, indent=1) + "\n")
    return run


def summarize(runs):
    """Mean and standard deviation over seeds for each precision, and of the paired difference."""
    summary = {}
    for precision in PRECISIONS:
        own = [r for r in runs if r["precision"] == precision]
        dice = [r["dice"] for r in own]
        summary[precision] = {"mean": statistics.mean(dice),
                              "sd": statistics.stdev(dice) if len(dice) > 1 else None,
                              "seconds_per_step": statistics.median(r["seconds_per_step"]
                                                                    for r in own)}
    by_seed = {(r["precision"], r["seed"]): r["dice"] for r in runs}
    differences = [by_seed["bfloat16", s] - by_seed["float32", s]
                   for s in sorted({r["seed"] for r in runs})]
    summary["difference"] = {"mean": statistics.mean(differences), "each": differences,
                             "sd": statistics.stdev(differences) if len(differences) > 1 else None}
    return summary


def markdown(arguments, runs, summary):
    def number(value):
        return "" if value is None else f"{value:.4f}"

    seeds = sorted({r["seed"] for r in runs})
    lines = [f"{arguments.steps} steps of batch {arguments.batch}, {arguments.size} x "
             f"{arguments.size}, fold {arguments.fold}: {len(runs[0]['cases'])} cases held out; "
             f"Dice.\n",
             "| precision | " + " | ".join(f"seed {s}" for s in seeds) + " | mean | SD | s/step |",
             "|---|" + "---|" * (len(seeds) + 3)]
    for precision in PRECISIONS:
        own = {r["seed"]: r["dice"] for r in runs if r["precision"] == precision}
        part = summary[precision]
        lines.append(f"| {precision} | " + " | ".join(number(own[s]) for s in seeds) +
                     f" | {number(part['mean'])} | {number(part['sd'])} | "
                     f"{part['seconds_per_step']:.3f} |")
    part = summary["difference"]
    lines.append("| difference | " + " | ".join(f"{d:+.4f}" for d in part["each"]) +
                 f" | {part['mean']:+.4f} | {number(part['sd'])} | |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--card")
    parser.add_argument("--spacing", type=float)
    parser.add_argument("--fold", default="1/4")
    for name, default in (("label", 1), ("seeds", 3), ("steps", 800), ("size", 96), ("batch", 8),
                          ("phantoms", 0), ("threads", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    runs = [train(arguments, precision, seed)
            for seed in range(1, arguments.seeds + 1) for precision in PRECISIONS]
    summary = summarize(runs)
    (arguments.out / "precision.json").write_text(
        json.dumps({"runs": runs, **summary}, indent=1) + "\n")
    text = markdown(arguments, runs, summary)
    (arguments.out / "precision.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
