"""F14, the node's part: kill -9 at random moments while series are received, segmented and sent.

Senders store series again and again until every instance of a series was acknowledged, as a modality does; what was
acknowledged is not sent a second time unless the sender could not know. Meanwhile the node, or all of its processes at
once, is killed at random moments and started again. In the end every series must have exactly one SEG at the peer,
made from all of its images, and the queue must hold nothing else.
"""

import collections
import random
import threading
import time

import figure
import pacs


class Deliveries:
    """Series that are stored one after the other; each counts as delivered when all images were acknowledged."""

    def __init__(self, series, port):
        self.series, self.port = series, port
        self.delivered, self.repeated, self.failure = 0, 0, None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for _, _, files in self.series:
                self.deliver({str(path) for path in files})
                self.delivered += 1
        except Exception as failure:  # noqa: BLE001 - handed on by finish()
            self.failure = failure
        self.ended.set()

    def deliver(self, missing):
        limit = time.monotonic() + 120
        while missing:
            acknowledged, _ = pacs.store(sorted(missing), self.port)
            missing -= acknowledged  # never sent again: the node has promised to keep them
            if missing:
                self.repeated += 1
                if time.monotonic() > limit:
                    raise RuntimeError("a series was not accepted for 120 s")
                time.sleep(0.05)

    def finish(self):
        self.thread.join()
        if self.failure:
            raise self.failure


def kill_until_delivered(run, node, deliveries, kills, random_source):
    done, states = 0, collections.Counter()
    while done < kills:
        time.sleep(random_source.uniform(0.02, 0.9))
        states.update({name: n for name, n in node.states().items() if n and name != "sent"})
        whole = random_source.random() < 0.5
        node.kill(whole)
        done += 1
        node.start()
    run.say(f"{done} kills; states met at them: {dict(states)}")
    return done


def measure(run):
    pacs.needs_tools()
    with pacs.workspace(run) as folder:
        return measure_in(run, folder)


def measure_in(run, folder):
    pacs.isolate()
    kills, per_sender = (4, 4) if run.quick else (60, 50)
    senders = 2 if run.quick else 4
    random_source = random.Random(20260727)
    series = pacs.make_series(folder, senders * per_sender, size=32, slices=8)
    model = pacs.make_model(folder / "tiny.fseg")
    with pacs.Receiver(folder) as receiver:
        node = pacs.Node(folder, model, receiver.peer, "--settle", 0.5, "--cut-settle", 3)
        with node:
            deliveries = [Deliveries(series[i::senders], node.port) for i in range(senders)]
            done = kill_until_delivered(run, node, deliveries, kills, random_source)
            for delivery in deliveries:
                delivery.finish()
            pacs.wait_until(
                lambda: sum(node.states()[s] for s in ("received", "ready", "working", "segmented")) == 0, 180, "all sent"
            )
            states, failed, code = node.states(), node.status()["series"], node.stop()
        segs = [pacs.pydicom.dcmread(path, stop_before_pixels=True) for path in receiver.files()]
    references = {seg.SOPInstanceUID: seg.ReferencedSeriesSequence[0] for seg in segs}
    sources = collections.Counter(r.SeriesInstanceUID for r in references.values())
    partial = [uid for _, uid, files in series for r in references.values()
               if r.SeriesInstanceUID == uid and len(r.ReferencedInstanceSequence) != len(files)]  # fmt: skip
    missing = [uid for _, uid, _ in series if not sources[uid]]
    doubled = [uid for uid, n in sources.items() if n > 1]
    repeated = sum(delivery.repeated for delivery in deliveries)
    run.say(f"states {states}; {repeated} deliveries went on after a kill; reasons {[s for s in failed if s['state'] == 'failed']}")
    value = (f"{done} kills, {len(series)} series: {len(missing)} lost, {len(doubled)} with two SEGs, "
             f"{len(partial)} SEGs of part of the images")  # fmt: skip
    met = done == kills and not missing and not doubled and not partial and states["sent"] == len(series) and code == 0
    return run.result(value=value, met=met)


if __name__ == "__main__":
    figure.main("F14", "kill -9 of the node while it receives, segments and sends: series lost or doubled",
                "60 kills; 0", measure)  # fmt: skip
