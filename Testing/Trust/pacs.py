"""What the figures about the node share: a tiny model and series, the node itself, a PACS beside it.

Everything runs on this computer, in a network namespace of its own where the system allows that: nothing outside can
reach the PACS, which knows no way to listen on loopback only.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import figure

try:
    import pydicom
except ImportError:  # a figure then says so
    pydicom = None


def needs_tools():
    for tool in ("storescu", "storescp", "dcmqrscp"):
        if not shutil.which(tool):
            figure.skip(f"{tool} is not installed (Debian: dcmtk)")
    if pydicom is None:
        figure.skip("pydicom is not installed")


def isolate():
    """A network namespace with loopback only; False where the system does not allow it."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:  # CLONE_NEWNET
        return False
    with socket.socket() as any_socket:
        flags = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, flags)  # SIOCSIFFLAGS
    return True


def workspace(run):
    """Where to work: in memory for the short form, so that it need not wait for the disk; on the disk for the full one."""
    if not run.quick or not os.access("/dev/shm", os.W_OK):
        return contextlib.nullcontext(run.folder)
    return in_memory()


@contextlib.contextmanager
def in_memory():
    with tempfile.TemporaryDirectory(prefix="frugalseg-trust-", dir="/dev/shm") as folder:
        yield pathlib.Path(folder)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise RuntimeError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.05)


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ---- model and series ------------------------------------------------------------------------------------


def make_model(path):
    """A network of few weights that finds something in every image."""
    sys.path.insert(0, str(figure.SOURCE / "Testing" / "CommandLine"))
    import conftest

    conftest.make_model(path, conftest.CARD)
    return path


def make_series(folder, count, size=64, slices=8, bases=4):
    """`count` series of the same few phantoms, each with UIDs and a patient of its own; [(study, series, [files])]."""
    templates = []
    for seed in range(min(bases, count)):
        out = folder / f"phantom{seed}"
        figure.program("synth", "--out", out, "--seed", seed + 1, "--size", size, "--spacing", 320 / size,
                       "--slices", slices, "--quiet")  # fmt: skip
        templates.append([pydicom.dcmread(p) for p in sorted((out / "dicom").iterdir())])
    made = []
    for i in range(count):
        root = f"2.25.{int(hashlib.sha256(f'{folder.name} {i}'.encode()).hexdigest()[:28], 16)}"
        where = folder / f"series{i:03d}"
        where.mkdir()
        files = []
        for j, data in enumerate(templates[i % len(templates)]):
            data.PatientID = data.PatientName = f"P{i:04d}"
            data.StudyInstanceUID, data.SeriesInstanceUID = f"{root}.1", f"{root}.2"
            data.FrameOfReferenceUID = f"{root}.3"
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{root}.4.{j + 1}"
            data.save_as(where / f"{j:03d}.dcm")
            files.append(where / f"{j:03d}.dcm")
        made.append((f"{root}.1", f"{root}.2", files))
    return made


def content_hash(path):
    """SHA-256 of all attributes of a data set, whatever its transfer syntax; pixels included, file header not."""
    digest = hashlib.sha256()

    def add(data):
        for element in data:
            if element.tag.element == 0:  # lengths of groups
                continue
            digest.update(f"{int(element.tag):08x}".encode())
            if element.VR == "SQ":
                for item in element.value:
                    digest.update(b"{")
                    add(item)
                    digest.update(b"}")
            else:
                value = element.value
                digest.update(value if isinstance(value, bytes) else repr(value).encode())

    add(pydicom.dcmread(path))
    return digest.hexdigest()


# ---- the node --------------------------------------------------------------------------------------------


STATES = ("received", "ready", "working", "segmented", "sent", "failed")


class Node:
    """`frugalseg node` in a queue folder; can be killed and started again."""

    def __init__(self, folder, model, peer, *arguments):
        self.queue, self.log_path = folder / "queue", folder / "node.log"
        self.port = free_port()
        self.arguments = [figure.PROGRAM, "node", "--aet", "NODE", "--port", str(self.port), "--model", str(model),
                          "--peer", peer, "--queue", str(self.queue), "--free-mb", "0", "--threads", "1",
                          *map(str, arguments)]  # fmt: skip
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: listens(self.port) or self.process.poll() is not None, 60, "the node listens")
        if self.process.poll() is not None:
            raise RuntimeError(f"the node ended: {self.log()[-500:]}")
        return self

    def kill(self, whole_group=False):
        """kill -9 of the node, or of all its processes at once."""
        (os.killpg if whole_group else os.kill)(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill(True)
            return None

    def log(self):
        return self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""

    def status(self):
        return json.loads(figure.program("node", "--status", "--json", "--queue", self.queue).stdout)

    def states(self):
        """How many series are in which state: the folders themselves, since starting a program to ask takes long on a
        busy machine."""
        return {state: sum(1 for p in (self.queue / state).glob("*") if len(p.name) == 32) for state in STATES}

    def memory(self):
        """(Bytes of all processes of the node, pages that they share counted once; resident bytes of those that always
        run: the node itself, the segmenting and the sending one)."""
        everyone = [self.process.pid, *children(self.process.pid)]
        proportional = {pid: memory_of(pid, "Pss") for pid in everyone}
        return sum(proportional.values()), sum(memory_of(pid, "Rss") for pid in sorted(everyone)[:3])

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.stop()


def children(pid):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def memory_of(pid, what):
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(rf"^{what}:\s+(\d+)", text, re.M)[1]) * 1024
    except (OSError, TypeError):
        return 0  # has just ended


def store(files, port, aet="NODE", timeout=120):
    """Send files by storescu. ({files that were acknowledged}, whether it ended well)."""
    process = subprocess.run(["storescu", "-v", "-aet", "SENDER", "-aec", aet, "-to", "10", "-td", "60", "127.0.0.1",
                              str(port), *map(str, files)], capture_output=True, text=True, errors="replace",
                             timeout=timeout)  # fmt: skip
    acknowledged, current = set(), None
    for line in (process.stdout + process.stderr).splitlines():
        if match := re.search(r"Sending file: (.+)$", line):
            current = match[1]
        elif "Received Store Response (Success)" in line and current:
            acknowledged.add(current)
    return acknowledged, process.returncode == 0


def associate(port, caller="SENDER", called="NODE"):
    """Ask for an association to verify, by bytes of our own (PS3.8 section 9.3). (Socket, answer): the answer's first
    byte is 2 when it was accepted; 3 when not, then bytes 7 to 9 say why."""

    def item(kind, body):
        return struct.pack(">BBH", kind, 0, len(body)) + body

    syntax = item(0x30, b"1.2.840.10008.1.1") + item(0x40, b"1.2.840.10008.1.2")
    user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.826.0.1.77.9")
    body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + caller.ljust(16).encode() + bytes(32)
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, b"\x01\0\0\0" + syntax) + item(0x50, user)
    peer = socket.create_connection(("127.0.0.1", port), 10)
    peer.sendall(struct.pack(">BBI", 1, 0, len(body)) + body)
    return peer, peer.recv(4096)


# ---- peers -----------------------------------------------------------------------------------------------


class Service:
    """A program that listens on a port; ended by its process id."""

    def __init__(self, command, port, folder):
        self.port = port
        with open(folder / "service.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
        wait_until(lambda: listens(port) or self.process.poll() is not None, 60, f"{command[0]} listens")
        if self.process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended: {(folder / 'service.log').read_text('utf-8', 'replace')[-500:]}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Receiver(Service):
    """storescp: takes what it is sent, one file an object, named by its UID."""

    aet = "PACS"

    def __init__(self, folder):
        self.folder = folder / "received"
        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        super().__init__(["storescp", "-aet", self.aet, "-od", str(self.folder), "--fork", str(port)], port, folder)
        self.peer = f"{self.aet}@127.0.0.1:{port}"

    def files(self):
        return sorted(self.folder.iterdir())


class Dcmqrscp(Service):
    aet = "QRSCP"

    def __init__(self, folder, node_port):
        port = free_port()
        (folder / "database").mkdir(parents=True)
        (folder / "dcmqrscp.cfg").write_text(f"""
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
node = (NODE, 127.0.0.1, {node_port})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
{self.aet} {folder / "database"} RW (500, 1024mb) ANY
AETable END
""")
        super().__init__(["dcmqrscp", "-c", str(folder / "dcmqrscp.cfg"), str(port)], port, folder)
        self.peer = f"{self.aet}@127.0.0.1:{port}"


class Orthanc(Service):
    aet = "ORTHANC"

    def __init__(self, folder, node_port):
        port = free_port()
        configuration = {
            "Name": "pacs", "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "storage"),
            "HttpServerEnabled": False, "DicomServerEnabled": True, "DicomAet": self.aet, "DicomPort": port,
            "DicomCheckCalledAet": True, "DicomAlwaysAllowEcho": True, "DicomAlwaysAllowStore": False,
            "DicomModalities": {
                "node": {"AET": "NODE", "Host": "127.0.0.1", "Port": node_port, "AllowStore": True},
                "sender": {"AET": "SENDER", "Host": "127.0.0.1", "Port": 1, "AllowStore": True},
                "client": {"AET": "CLIENT", "Host": "127.0.0.1", "Port": 1, "AllowFind": True, "AllowMove": True,
                           "AllowGet": True},
            },
            "DicomAssociationCloseDelay": 1, "Plugins": [], "StableAge": 1,
        }  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "orthanc.json").write_text(json.dumps(configuration))
        super().__init__(["Orthanc", str(folder / "orthanc.json")], port, folder)
        self.peer = f"{self.aet}@127.0.0.1:{port}"


def in_parallel(jobs, workers):
    """Run functions on threads; raises the first exception."""
    failures, line, lock = [], list(jobs), threading.Lock()

    def work():
        while True:
            with lock:
                if not line or failures:
                    return
                job = line.pop(0)
            try:
                job()
            except Exception as failure:  # noqa: BLE001 - handed on below
                failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
