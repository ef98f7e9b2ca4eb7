"""F2: malformed model files: every byte of the header at four values, every truncation, counts that overflow."""

import json
import struct

import batch
import figure

SOURCES = ("Logic/Compute", "Testing/Fuzz", "Testing/Trust/batch.py")
FULL, QUICK = 10_000, 500
# A single request may be at most twice the file, and what a reader of an empty file takes anyway.
ALLOWANCE = 64 * 1024


def overflows(data, random):
    """Counts, shapes and offsets that overflow, overlap or promise what is not there."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    names = [name for name in header if name != "__metadata__"]
    odd = (0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**33, 2**62, 2**63 - 1, 1.5, "4", None, [], 10**30)
    for name in names:
        for key, positions in (("shape", range(4)), ("data_offsets", range(2))):
            for position in positions:
                for value in odd:
                    entry = json.loads(json.dumps(header[name]))
                    if position >= len(entry[key]):
                        entry[key].append(value)
                    else:
                        entry[key][position] = value
                    text = json.dumps({**header, name: entry}).encode()
                    yield struct.pack("<Q", len(text)) + text + data[8 + length :]
    for value in (0, 1, 2, 9, length - 1, length + 1, len(data), 2**20, 2**20 + 1, 2**32, 2**63, 2**64 - 1):
        yield struct.pack("<Q", value) + data[8:]
    for key in ("architecture", "card", "kind", "format", "format_version"):
        for value in ("", "{}", "[]", "x", "9" * 400, "{" * 3000, "\\u0000", '{"widths": [' + "1024," * 7 + "1024]}"):
            meta = {**header["__metadata__"], key: value}
            text = json.dumps({**header, "__metadata__": meta}).encode()
            yield struct.pack("<Q", len(text)) + text + data[8 + length :]


def inputs(wanted, quick):
    import mutate
    import numpy as np
    import seeds

    random = np.random.default_rng(2)
    good = seeds.load("model")
    tiny = min(good.values(), key=len)
    length = struct.unpack("<Q", tiny[:8])[0]
    step = 1 if not quick else 97
    for data in good.values():
        yield data
    for at in range(0, 8 + length, step):
        for value in (0x00, 0x22, 0x7F, 0xFF):
            if tiny[at] != value:
                yield tiny[:at] + bytes([value]) + tiny[at + 1 :]
    for end in range(0, len(tiny), step if quick else 1):
        yield tiny[:end]
    made = list(overflows(tiny, random))
    yield from made[:: 7 if quick else 1]
    for _ in range(wanted // 4):
        data = list(good.values())[int(random.integers(len(good)))]
        yield mutate.binary(data, random)


def measure(run):
    outcome = batch.feed(run, "model", inputs(QUICK if run.quick else FULL, run.quick),
                         greed=lambda size: 2 * size + ALLOWANCE)  # fmt: skip
    run.say(outcome.text())
    for line in outcome.greedy[:5]:
        run.say(line)
    statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(outcome.statuses.items()))
    few = outcome.inputs < (QUICK if run.quick else FULL)
    met = outcome.clean and not few and (run.quick or outcome.sanitizer != "none")
    return run.result(f"{outcome.text()}; {len(outcome.greedy)} above twice the file's size (and 64 KiB); "
                      f"by status {statuses}", met)  # fmt: skip


if __name__ == "__main__":
    figure.main("F2", "malformed model files: crashes, allocations above twice the file's size",
                "10,000 tried; 0, 0", measure)  # fmt: skip
