"""F3: malformed label, report, checkpoint and image files, and cards."""

import batch
import figure

SOURCES = ("Logic", "Module/CommandLine/src", "Testing/Fuzz", "Testing/Trust/batch.py")
FULL, QUICK = 1_050, 60
TARGETS = ("labels", "reports", "checkpoint", "card", "volume")


def inputs(target, wanted):
    import mutate
    import numpy as np
    import seeds

    random = np.random.default_rng(3)
    good = seeds.load(target)
    names = sorted(good)
    yield from good.values()
    for number in range(wanted):
        data = good[names[number % len(names)]]
        if target == "volume":
            yield mutate.binary(data, random)
        elif target == "card":
            yield mutate.json_text(data, random)
        elif target == "checkpoint":
            yield data[:1] + mutate.binary(data[1:], random)
        else:  # the first byte says which file it is
            yield data[:1] + mutate.json_text(data[1:], random)


def measure(run):
    total, told = batch.Outcome(), []
    for target in TARGETS:
        outcome = batch.feed(run, target, inputs(target, QUICK if run.quick else FULL))
        run.say(f"{target}: {outcome.text()}")
        told.append(f"{target} {outcome.inputs:,}")
        total.add(outcome)
    met = total.clean and (run.quick or total.sanitizer != "none")
    return run.result(f"{', '.join(told)}; {total.text()}", met)


if __name__ == "__main__":
    figure.main("F3", "malformed label, report and checkpoint files: crashes", "1,000 each; 0", measure)
