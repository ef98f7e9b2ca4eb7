"""LOAD: many senders at once, bad peers among them: nothing lost, nothing doubled, memory flat.

Eight senders store 200 series, one association each, while bad peers do what they can: half-open connections, garbage,
a request that is never finished, a data set that trickles. Then every series must have exactly one SEG at the peer, the
queue must be empty, and the resident memory of the processes that always run must not be larger in the last quarter of the time
than in the second.
"""

import os
import random
import socket
import statistics
import threading
import time

import figure
import pacs

SENDERS = 8


class BadPeers:
    """Threads that misbehave until told to stop."""

    def __init__(self, port):
        self.port, self.ended, self.count = port, threading.Event(), 0
        kinds = [self.half_open, self.half_open, self.garbage, self.unfinished, self.trickle, self.flood]
        self.threads = [threading.Thread(target=self.repeat, args=(kind,), daemon=True) for kind in kinds]
        for thread in self.threads:
            thread.start()

    def repeat(self, kind):
        while not self.ended.is_set():
            try:
                kind()
                self.count += 1
            except OSError:
                pass  # the node has hung up, as it should
            self.ended.wait(0.05)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 5)

    def half_open(self):
        with self.connect():
            self.ended.wait(3)

    def garbage(self):
        with self.connect() as peer:
            peer.sendall(os.urandom(random.randrange(1, 100000)))

    def unfinished(self):
        with self.connect() as peer:
            peer.sendall(b"\x01\x00\x00\x00\xff\xf0\x00\x01" + b"\0" * 40)  # promises a long request
            self.ended.wait(2)

    def trickle(self):
        with self.connect() as peer:
            for byte in b"\x01\x00\x00\x00\x00\xd0\x00\x01":
                peer.sendall(bytes([byte]))
                self.ended.wait(0.5)

    def flood(self):
        peers = []
        try:
            for _ in range(40):
                peers.append(self.connect())
            self.ended.wait(1)
        finally:
            for peer in peers:
                peer.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(10)


class MemoryWatch:
    """Samples of the node's resident memory."""

    def __init__(self, node):
        self.node, self.samples, self.ended = node, [], threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.25):
            self.samples.append(self.node.memory())

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.samples


def quarter(samples, which):
    size = max(1, len(samples) // 4)
    return statistics.median(samples[which * size:(which + 1) * size])


def deliver(files, port, refusals):
    """As a modality would: again until all is acknowledged."""
    for attempt in range(20):
        acknowledged, ended_well = pacs.store(files, port)
        if ended_well and len(acknowledged) == len(files):
            return
        refusals.append(1)
        time.sleep(0.2 * (attempt + 1))
    raise RuntimeError("a series was not accepted in 20 attempts")


def measure(run):
    pacs.needs_tools()
    with pacs.workspace(run) as folder:
        return measure_in(run, folder)


def measure_in(run, folder):
    pacs.isolate()
    count = 16 if run.quick else 200
    series = pacs.make_series(folder, count, size=32, slices=6)
    model = pacs.make_model(folder / "tiny.fseg")
    refusals, started = [], time.monotonic()
    with pacs.Receiver(folder) as receiver:
        node = pacs.Node(folder, model, receiver.peer, "--at-release", "--settle", 2, "--associations", 6,
                         "--request-limit", 3, "--idle-limit", 10)  # fmt: skip
        with node:
            bad, watch = BadPeers(node.port), MemoryWatch(node)
            pacs.in_parallel([lambda files=files: deliver(files, node.port, refusals) for _, _, files in series], SENDERS)
            delivered = time.monotonic() - started
            pacs.wait_until(lambda: sum(node.states()[s] for s in ("sent", "failed")) >= count, 300, "all are sent")
            bad.stop()
            samples = watch.stop()
            states, code = node.states(), node.stop()
        segs = receiver.files()
    sources = [pacs.pydicom.dcmread(p, stop_before_pixels=True).ReferencedSeriesSequence[0].SeriesInstanceUID
               for p in segs]  # fmt: skip
    missing = {uid for _, uid, _ in series} - set(sources)
    doubled = len(sources) - len(set(sources))
    lasting = [resident for _, resident in samples]
    growth = quarter(lasting, 3) / quarter(lasting, 1) - 1
    run.say(f"states {states}; exit {code}; {bad.count} bad connections; {len(refusals)} deliveries refused and repeated")
    peak = max(everything for everything, _ in samples) / 1e6
    value = (f"{count - len(missing)} of {count} series with a SEG, {doubled} doubled, {bad.count} bad connections; memory "
             f"peak {peak:.0f} MB, last quarter {growth:+.0%} of the second; delivered in {delivered:.0f} s")  # fmt: skip
    flat = peak < 400 and (run.quick or growth < 0.1)
    met = not missing and doubled == 0 and states["sent"] == count and code == 0 and flat
    return run.result(value=value, met=met)


if __name__ == "__main__":
    figure.main("LOAD", "the node under 200 series of 8 senders at once, and bad peers",
                "every series one SEG, memory below 400 MB and flat", measure)  # fmt: skip
