"""F20: series go through Orthanc and dcmqrscp and come back, with their SEG, unchanged.

For each PACS: store the series there (some compressed), find them, move them to the node by C-MOVE, wait for the SEG
that the node sends by C-STORE, find it, get series and SEG by C-GET, compare with what was sent.
"""

import json
import shutil
import subprocess

import figure
import pacs

COMPRESSORS = {"dcmcrle": "-xr", "dcmcjpls": "-xt", "dcmcjpeg": "-xs"}


def retrieve(peer, *arguments):
    return json.loads(figure.program("retrieve", "--json", "--quiet", "--aet", "CLIENT", "--peer", peer,
                                     *arguments).stdout)  # fmt: skip


def compress(files, index):
    """Every third series in one of the compressed transfer syntaxes; the storescu option that it needs."""
    if index % 3 != 2:
        return None
    tool, option = list(COMPRESSORS.items())[index // 3 % len(COMPRESSORS)]
    for path in files:
        subprocess.run([tool, "--uid-never" if tool != "dcmcrle" else "+un", path, f"{path}.new"], check=True,
                       capture_output=True)  # fmt: skip
        shutil.move(f"{path}.new", path)
    return option


def send(files, service, option):
    subprocess.run(["storescu", "-aet", "SENDER", "-aec", service.aet, *([option] if option else []), "127.0.0.1",
                    str(service.port), *map(str, files)], check=True, capture_output=True, timeout=120)  # fmt: skip


def hashes(folder):
    return sorted(pacs.content_hash(path) for path in folder.iterdir())


def through(run, where, kind, count, compressed):
    """Number of series for which everything agreed."""
    folder = where / kind.__name__
    folder.mkdir()
    model = pacs.make_model(folder / "tiny.fseg")
    series = pacs.make_series(folder, count)
    # The PACS must know the node's port and the node that of the PACS: the port is chosen before either starts.
    node = pacs.Node(folder, model, "-", "--at-release", "--settle", 2)
    with kind(folder / "pacs", node.port) as service:
        node.arguments[node.arguments.index("-")] = service.peer
        with node:
            good = sum(round_trip(run, folder, i, one, service, node, compressed) for i, one in enumerate(series))
            if node.stop() != 0:
                run.say(f"{kind.__name__}: the node did not end in order")
                good = 0
    return good


def round_trip(run, folder, index, one, service, node, compressed):
    study, uid, files = one
    option = compress(files, index) if compressed else None
    send(files, service, option)
    listed = retrieve(service.peer, "--patient", f"P{index:04d}")["series"]
    found = [s for s in listed if s["series_uid"] == uid and s["study_uid"] == study]
    if len(found) != 1 or found[0]["instances"] not in (None, len(files)):
        run.say(f"series {index}: not found as it was stored: {listed}")
        return False
    moved = retrieve(service.peer, "--study", study, "--series", uid, "--move-to", "NODE")["instances"]
    pacs.wait_until(lambda: node.states()["sent"] > index or node.states()["failed"], 60, f"SEG of series {index}")
    segs = [s for s in retrieve(service.peer, "--study", study)["series"] if s["modality"] == "SEG"]
    if moved != len(files) or len(segs) != 1:
        run.say(f"series {index}: {moved} images moved, {len(segs)} SEG found: {node.log()[-600:]}")
        return False
    out = folder / f"got{index}"
    retrieve(service.peer, "--study", study, "--series", uid, "--out", out / "source")
    retrieve(service.peer, "--study", study, "--series", segs[0]["series_uid"], "--out", out / "seg")
    kept = {pacs.content_hash(path) for path in node.queue.glob("sent/*/seg.dcm")}
    same = hashes(out / "source") == sorted(pacs.content_hash(path) for path in files)
    seg_same = all(h in kept for h in hashes(out / "seg"))
    if not (same and seg_same):
        run.say(f"series {index}: source {'same' if same else 'DIFFERS'}, SEG {'same' if seg_same else 'DIFFERS'}")
    return same and seg_same


def measure(run):
    pacs.needs_tools()
    if not shutil.which("Orthanc"):
        figure.skip("Orthanc is not installed (Debian: orthanc)")
    pacs.isolate()
    with pacs.workspace(run) as folder:
        return measure_in(run, folder)


def measure_in(run, folder):
    count = 3 if run.quick else 20
    results = {}
    for kind, compressed in ((pacs.Orthanc, True), (pacs.Dcmqrscp, False)):
        results[kind.__name__] = through(run, folder, kind, count, compressed)
        run.say(f"{kind.__name__}: {results[kind.__name__]} of {count}")
    return run.result(
        value=", ".join(f"{name} {good} of {count}" for name, good in results.items()),
        met=all(good == count for good in results.values()),
    )


if __name__ == "__main__":
    figure.main(
        "F20",
        "series stored, found, moved to the node, got back with their SEG through Orthanc and dcmqrscp: identical hashes",
        "20 of 20",
        measure,
    )
