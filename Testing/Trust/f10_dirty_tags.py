"""F10: series with one malformed attribute each are exported as a valid SEG, or refused with its name."""

import sys

import figure

sys.path.insert(0, str(figure.SOURCE / "Testing" / "Imaging"))
SOURCES = ("Logic/Imaging", "Testing/Imaging")


def measure(run):
    import dirty_sources
    import imaging_library as lib
    import seg_judges

    kinds = dirty_sources.KINDS[:: 6 if run.quick else 1]
    exported = refused = 0
    wrong = []
    for kind in kinds:
        folder = run.folder / f"{exported + refused + len(wrong)}"
        problem, was_exported = dirty_sources.check(kind, folder, lib, seg_judges)
        run.say(f"{kind.name}: {problem or ('exported' if was_exported else 'refused by name')}")
        if problem:
            wrong.append(f"{kind.name}: {problem}")
        elif was_exported:
            exported += 1
        else:
            refused += 1
    value = f"{len(kinds)} kinds: {exported} exported and valid, {refused} refused by name, {len(wrong)} otherwise"
    return run.result("; ".join([value, *wrong[:3]]), not wrong and (run.quick or len(kinds) >= 40))


if __name__ == "__main__":
    figure.main("F10", "sources with one dirty tag: exported, or refused by name", "40 of 40", measure)
