"""F12: the same seed and the same threads give the same bytes: masks, models, pretrained models, phantoms."""

import hashlib

import data
import figure


def digest(folder):
    """Of the content of all files but the report, which holds times."""
    sha = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("report.json", "segmentation.dcm"):  # UIDs of a SEG are new
            sha.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return sha.hexdigest()


def measure(run):
    runs = 2 if run.quick else 20
    scan = data.phantom(run.folder / "scan", size=64)
    cases = data.cases(run.folder / "cases", ["a", "b", "c"])

    def segment(out, threads):
        figure.program("segment", "--in", scan / "dicom", "--model", "liver-t2", "--out", out, "--threads", threads)

    def train(out, threads):
        data.train(cases, out / "m.fseg", 6, "--seed", 3, "--threads", threads)

    def pretrain(out, threads):
        figure.program("pretrain", "--data", cases, "--out", out / "p.fseg", "--loss", "both", "--size", 32, "--batch", 2,
                       "--volumes", 2, "--partitions", 2, "--steps", 3, "--spacing", 6, "--threads", threads, "--quiet")  # fmt: skip

    def synth(out, threads):
        figure.program("synth", "--out", out, "--seed", 9, "--size", 64, "--slices", 6, "--threads", threads, "--quiet")

    different, number = [], 0
    for job in (segment, train, pretrain, synth):
        found = {1: set(), 2: set()}
        for threads in (1, 2):
            for _ in range(runs if threads == 1 else max(2, runs // 4)):
                out = run.folder / f"out{number}"
                number += 1
                out.mkdir()
                job(out, threads)
                found[threads].add(digest(out))
        across = len(found[1] | found[2])
        run.say(f"{job.__name__}: {runs} runs, {len(found[1])} outcome(s); with 1 and 2 threads together {across}")
        if len(found[1]) > 1 or len(found[2]) > 1:
            different.append(job.__name__)
        elif across > 1:
            different.append(f"{job.__name__} across threads")
    value = f"segment, train, pretrain and synth {runs} times each with 1 thread, and with 2: " + (
        "identical bytes, also across threads" if not different else "differ: " + ", ".join(different))  # fmt: skip
    return run.result(value, not different)


if __name__ == "__main__":
    figure.main("F12", "same seed, same bytes, for every number of threads", "20 of 20 runs of each command", measure)
