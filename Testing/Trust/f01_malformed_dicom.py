"""F1: malformed DICOM files through the series reader and the SEG reader, many in one process."""

import itertools
import warnings

import batch
import figure

SOURCES = ("Logic/Imaging", "Testing/Fuzz", "Testing/Trust/batch.py")
FULL, QUICK = 10_500, 500


def inputs(target, wanted):
    """Seeds as they are, cut at the borders of elements, and changed by rule; `wanted` in all."""
    import mutate
    import numpy as np
    import seeds

    random = np.random.default_rng(20261124 + (target == "seg"))
    good = seeds.load(target)
    single = {name: data for name, data in good.items() if seeds.MARK not in data}
    made = list(good.values())
    cuts = list(itertools.chain.from_iterable(mutate.truncations(data) for data in single.values()))
    random.shuffle(cuts)
    made += cuts[: wanted // 2]
    names = sorted(good)
    while len(made) < wanted:
        data = good[names[int(random.integers(len(names)))]]
        if seeds.MARK in data:  # one file of a good series is malformed, or two series are mixed
            parts = data.split(seeds.MARK)
            which = int(random.integers(len(parts)))
            other = list(single.values())[int(random.integers(len(single)))]
            parts[which] = mutate.dicom(parts[which] if random.random() < 0.8 else other, random)
            made.append(seeds.MARK.join(parts))
        else:
            made.append(mutate.dicom(data, random))
    return made, len(single), len(cuts)


def measure(run):
    warnings.simplefilter("ignore")
    total = batch.Outcome()
    told = []
    for target, share in (("series", 0.7), ("seg", 0.3)):
        made, seeds, cuts = inputs(target, int((QUICK if run.quick else FULL) * share))
        outcome = batch.feed(run, target, made)
        run.say(f"{target}: {seeds} seeds, {cuts} borders; {outcome.text()}")
        told.append(f"{target} {outcome.inputs:,}")
        total.add(outcome)
    few = total.inputs < (QUICK if run.quick else 10_000)
    sanitized = run.quick or total.sanitizer != "none"
    met = total.clean and not few and sanitized and total.peak < 1 << 20
    return run.result(f"{', '.join(told)}; {total.text()}", met)


if __name__ == "__main__":
    figure.main("F1", "malformed DICOM inputs: crashes, hangs over 5 s, sanitizer reports, peak memory",
                "10,000 tried; 0, 0, 0, below 1 GB", measure)  # fmt: skip
