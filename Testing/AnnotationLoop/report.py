"""Tables and picture of docs/annotation-loop.md, from the CSV files of annotation_loop.

    python Testing/AnnotationLoop/report.py OUT [PICTURE.svg]

prints the tables in Markdown; the picture needs matplotlib (ThirdParty/requirements-benchmark.txt).
"""

import csv
import pathlib
import statistics
import sys

NAMES = {"proposed": "case the model is least sure of", "random": "case drawn at random",
         "none": "no new case, as many steps"}
# Okabe and Ito's colours: told apart by colour-blind eyes; the markers by any.
STYLES = {"proposed": ("#0072B2", "o"), "random": ("#D55E00", "s"), "none": ("#707070", "x")}


def rows_of(path):
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def mean(values):
    return statistics.fmean(values) if values else float("nan")


def curve(rows, order):
    """Per number of added cases the Dice of every seed; a number that a seed has not reached is left out, so
    that means compare the same splits."""
    base = {row["seed"]: float(row["dice_mean"]) for row in rows if row["order"] == "base"}
    points = {0: list(base.values())}
    for row in rows:
        if row["order"] == order:
            points.setdefault(int(row["added"]), []).append(float(row["dice_mean"]))
    return {n: values for n, values in points.items() if len(values) == len(base)}


def learning(rows):
    added = sorted({int(row["added"]) for row in rows})
    seeds = sorted({row["seed"] for row in rows})
    print(f"Mean Dice on cases never used, seed {', '.join(seeds)}:\n")
    print("| cases added | " + " | ".join(map(str, added)) + " |")
    print("|---|" + "---|" * len(added))
    for order, name in NAMES.items():
        points = curve(rows, order)
        print(f"| {name} | " + " | ".join(
            f"{mean(points[n]):.3f}" if n in points else "" for n in added) + " |")
    timed = [row for row in rows if row["seconds"]]
    seconds = [float(row["seconds"]) for row in timed]
    processor = [float(row["processor_seconds"]) for row in timed]
    print(f"\nOne fine-tune: {mean(processor):.0f} s of processor time, about {mean(processor) / 2:.0f} s on two "
          f"free cores; {min(seconds):.0f} to {max(seconds):.0f} s as run.\n")
    print("| seed | order | added | case | unsure | s | processor s | mean Dice | Dice each |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row.values()) + " |")


def ranks(values):
    order = sorted(range(len(values)), key=values.__getitem__)
    return [order.index(i) for i in range(len(values))]


def ranking(rows):
    print("\n| seed | case | entropy | disagreement | score | Dice |\n|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (row["seed"], -float(row["score"]))):
        print("| " + " | ".join(row[key] for key in ("seed", "case", "entropy", "disagreement", "score", "dice"))
              + " |")
    for seed in sorted({row["seed"] for row in rows}):
        same = [row for row in rows if row["seed"] == seed]
        a = ranks([float(row["score"]) for row in same])
        b = ranks([float(row["dice"]) for row in same])
        n = len(same)
        rho = 1 - 6 * sum((x - y) ** 2 for x, y in zip(a, b)) / (n * (n * n - 1))
        print(f"\nSpearman's rank correlation of score and Dice, seed {seed}, {n} cases: {rho:.2f}.")


def propagation(rows):
    print("\n| seed | case | corrected slices | s | processor s | Dice of the other slices before | after |")
    print("|---|---|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (row["anchors"], float(row["dice_before"]))):
        print("| " + " | ".join(row[key] for key in (
            "seed", "case", "corrected_slices", "seconds", "processor_seconds", "dice_before",
            "dice_after")) + " |")
    for anchors in sorted({row["anchors"] for row in rows}):
        same = [row for row in rows if row["anchors"] == anchors]
        before = [float(row["dice_before"]) for row in same]
        after = [float(row["dice_after"]) for row in same]
        better = sum(b < a for b, a in zip(before, after))
        print(f"\nAnchor share {anchors}: mean of {len(same)} cases {mean(before):.3f} before, "
              f"{mean(after):.3f} after, better in {better}; "
              f"{mean([float(row['processor_seconds']) for row in same]):.1f} s of processor time each.")


def picture(rows, propagated, path):
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    matplotlib.rcParams["svg.hashsalt"] = "annotation-loop"
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
    for order, name in NAMES.items():
        colour, marker = STYLES[order]
        for seed in sorted({row["seed"] for row in rows}):
            points = curve([row for row in rows if row["seed"] == seed], order)
            if len(points) > 1:
                left.plot(sorted(points), [points[n][0] for n in sorted(points)], color=colour, alpha=0.5, lw=1)
        points = curve(rows, order)
        if len(points) > 1:
            left.plot(sorted(points), [mean(points[n]) for n in sorted(points)], color=colour, marker=marker, lw=2,
                      label=name)
    left.set_xlabel("corrected cases added to the first two")
    left.set_ylabel("mean Dice on cases never used")
    left.set_xticks(sorted({int(row["added"]) for row in rows}))
    left.legend(frameon=False, fontsize=9)
    left.set_title("Learning from corrected cases")
    ordered = sorted(propagated, key=lambda row: float(row["dice_before"]))
    for i, row in enumerate(ordered):
        right.plot([i, i], [float(row["dice_before"]), float(row["dice_after"])], color="#B0B0B0", zorder=1)
    right.scatter(range(len(ordered)), [float(row["dice_before"]) for row in ordered], color="#D55E00", marker="s",
                  label="before", zorder=2)
    right.scatter(range(len(ordered)), [float(row["dice_after"]) for row in ordered], color="#0072B2", marker="o",
                  label="after", zorder=2)
    right.set_xlabel("cases, the hardest first")
    right.set_ylabel("Dice of the slices not corrected")
    right.set_xticks([])
    right.legend(frameon=False, fontsize=9)
    right.set_title("Propagating three corrected slices")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#E5E5E5")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None, dpi=110)


def main():
    out = pathlib.Path(sys.argv[1])
    learned, propagated = rows_of(out / "learn.csv"), rows_of(out / "propagate.csv")
    if learned:
        learning(learned)
    ranked = rows_of(out / "rank.csv")
    if ranked:
        ranking(ranked)
    if propagated:
        propagation(propagated)
    if len(sys.argv) > 2:
        default = [row for row in propagated if row["anchors"] == "0.25"]
        picture(learned, default or propagated, sys.argv[2])


if __name__ == "__main__":
    main()
