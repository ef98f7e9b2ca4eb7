"""`frugalseg node` and `frugalseg retrieve`, as peers on this computer meet them. The judges are DCMTK's tools."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pydicom
import pytest

from conftest import CARD, SOURCE, make_model, run

os.environ.setdefault("FRUGALSEG_BUILD_DIR", os.environ["FRUGALSEG_PROGRAM"].rsplit("/bin/", 1)[0])
sys.path.insert(0, str(SOURCE / "Testing" / "Trust"))
import pacs  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("storescu"), reason="needs Debian's dcmtk")
PLANTED = ["DOE^JANE", "PID-4711", "Saint Elsewhere", "19610203", "1.2.826.0.1.77"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """In memory where possible: what a disk is slow at is not tested here."""
    with pacs.in_memory() if os.access("/dev/shm", os.W_OK) else pacs.contextlib.nullcontext(
            tmp_path_factory.mktemp("node")) as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="module")
def receiver(place):
    with pacs.Receiver(place / "peer") as running:
        yield running


@pytest.fixture(scope="module")
def phantom(place):
    out = place / "phantom"
    assert run("synth", "--out", out, "--seed", 2, "--size", 32, "--spacing", 10, "--slices", 6).code == 0
    return [pydicom.dcmread(path) for path in sorted((out / "dicom").iterdir())]


@pytest.fixture(scope="module")
def node(place, receiver):
    model = place / "tiny.fseg"
    make_model(model, CARD)
    (place / "n").mkdir()
    with pacs.Node(place / "n", model, receiver.peer, "--settle", 0.5, "--at-release", "--allow-aet",
                   "SENDER,OTHER", "--request-limit", 1, "--quota-mb", 1, "--instance-mb", 0.1) as running:
        yield running


def series(phantom, folder, name, **changes):
    folder.mkdir(parents=True)
    files = []
    for i, data in enumerate(phantom):
        data = pydicom.dcmread(data.filename)
        data.StudyInstanceUID, data.SeriesInstanceUID = f"1.2.826.0.1.77.{name}.1", f"1.2.826.0.1.77.{name}.2"
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.77.{name}.3.{i + 1}"
        for key, value in changes.items():
            setattr(data, key, value)
        data.save_as(folder / f"{i}.dcm", enforce_file_format=False)
        files.append(folder / f"{i}.dcm")
    return files


def tool(*arguments):
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60)


def send(node, files, caller="SENDER", *options):
    return tool("storescu", "-v", "-aet", caller, "-aec", "NODE", *options, "127.0.0.1", node.port, *files)


def wait(node, state, count):
    pacs.wait_until(lambda: node.states()[state] >= count, 60, f"{count} {state}: {node.log()[-800:]}")


def test_echo_is_answered(node):
    assert tool("echoscu", "-aet", "SENDER", "-aec", "NODE", "127.0.0.1", node.port).returncode == 0


def test_strangers_and_wrong_names_are_refused_by_name(node):
    stranger = tool("echoscu", "-aet", "STRANGER", "-aec", "NODE", "127.0.0.1", node.port)
    assert stranger.returncode and "Calling AE Title Not Recognized" in stranger.stderr + stranger.stdout
    wrong = tool("echoscu", "-aet", "SENDER", "-aec", "ANY-SCP", "127.0.0.1", node.port)
    assert wrong.returncode and "Called AE Title Not Recognized" in wrong.stderr + wrong.stdout


def test_a_series_comes_back_as_a_seg_and_nothing_names_the_patient(node, receiver, phantom, place):
    before, sent = set(receiver.files()), node.states()["sent"]
    files = series(phantom, place / "named", "50", PatientName="DOE^JANE", PatientID="PID-4711",
                   InstitutionName="Saint Elsewhere", PatientBirthDate="19610203")
    assert send(node, files).returncode == 0
    wait(node, "sent", sent + 1)
    new = [pydicom.dcmread(path) for path in set(receiver.files()) - before]
    assert [seg.Modality for seg in new] == ["SEG"]
    assert len(new[0].ReferencedSeriesSequence[0].ReferencedInstanceSequence) == len(files)
    assert new[0].PatientID == "PID-4711"  # it belongs to the patient; log, status and names of files do not say so
    names = " ".join(str(path) for path in node.queue.rglob("*"))
    status = json.dumps(node.status())
    for word in PLANTED:
        assert word not in node.log() and word not in status and word not in names
    assert not list(node.queue.glob("sent/*/instances"))


def test_the_same_series_again_brings_the_same_seg(node, receiver, phantom, place):
    files = series(phantom, place / "again", "51")
    sent = node.states()["sent"]
    for _ in range(2):
        assert send(node, files).returncode == 0
        wait(node, "sent", sent + 1)
        pacs.wait_until(lambda: node.states()["received"] == 0, 30, "taken up")
    wait(node, "sent", sent + 1)
    segs = [pydicom.dcmread(p) for p in receiver.files()]
    assert sum(s.ReferencedSeriesSequence[0].SeriesInstanceUID.startswith("1.2.826.0.1.77.51") for s in segs) == 1


def test_a_faulty_series_fails_with_its_reason_and_can_be_sent_again(node, phantom, place):
    files = series(phantom, place / "gap", "52")
    failed, sent = node.states()["failed"], node.states()["sent"]
    assert send(node, files[:2] + files[4:]).returncode == 0
    wait(node, "failed", failed + 1)
    entry = next(s for s in node.status()["series"] if s["state"] == "failed" and s["instances"] == 4)
    assert entry["reason_id"] == "missing-slice" and entry["reason"]
    text = run("node", "--status", "--queue", node.queue)
    assert entry["series"] in text.out and "missing-slice" in text.out
    assert send(node, files[2:4]).returncode == 0  # the rest completes it
    wait(node, "sent", sent + 1)
    assert not any(s["series"] == entry["series"] and s["state"] == "failed" for s in node.status()["series"])


@pytest.mark.parametrize("changes", [
    {"SeriesInstanceUID": "../../../etc/x"},
    {"StudyInstanceUID": ""},
])  # fmt: skip
def test_hostile_identifiers_are_refused_and_become_no_path(node, phantom, place, changes):
    name = str(60 + len(list(place.glob("hostile*"))))
    files = series(phantom, place / f"hostile{name}", name, **changes)[:1]
    before = {path for path in node.queue.rglob("*")}
    sent = send(node, files)
    output = (sent.stdout + sent.stderr).lower()
    assert "store response (success)" not in output
    assert {path for path in node.queue.rglob("*") if path.suffix == ".dcm"} <= before


def test_other_objects_than_mr_images_are_not_agreed_on(node, receiver, phantom, place):
    files = series(phantom, place / "ct", "53", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    for path in files:
        data = pydicom.dcmread(path)
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.save_as(path)
    assert send(node, files, "SENDER", "-R").returncode != 0
    assert "no MR images" in node.log()


def test_an_image_above_the_limit_is_refused_and_the_association_goes_on(node, phantom, place):
    files = series(phantom, place / "large", "54")
    data = pydicom.dcmread(files[0])
    data.add_new(0x00091001, "OB", b"\0" * 300000)
    data.add_new(0x00090010, "LO", "TEST")
    data.save_as(files[0])
    sent = send(node, files[:2], "SENDER", "--no-halt")
    assert "store response (success)" in (sent.stdout + sent.stderr).lower()
    assert "larger than the node accepts" in node.log()


def test_a_full_queue_says_out_of_resources(place, receiver, phantom):
    (place / "full").mkdir()
    with pacs.Node(place / "full", place / "tiny.fseg", receiver.peer, "--quota-mb", 0.01, "--settle", 60) as small:
        files = series(phantom, place / "fullseries", "55")
        acknowledged, good = pacs.store(files, small.port)
        assert not good and len(acknowledged) < len(files)
        assert "queue is full" in small.log()
        assert small.status()["bytes"] < 40000
        assert small.stop() == 0


def test_too_many_associations_are_refused_politely(place, receiver):
    (place / "few").mkdir()
    with pacs.Node(place / "few", place / "tiny.fseg", receiver.peer, "--associations", 1) as few:
        silent = [pacs.socket.create_connection(("127.0.0.1", few.port)) for _ in range(30)]  # take no association away
        first, answer = pacs.associate(few.port)
        assert answer[0] == 2
        second, answer = pacs.associate(few.port)
        assert answer[0] == 3 and tuple(answer[7:10]) == (2, 3, 2)  # transient; presentation; local limit exceeded
        first.close()
        pacs.wait_until(lambda: pacs.associate(few.port)[1][:1] == b"\x02", 10, "the place is free again")
        for peer in [second, *silent]:
            peer.close()


def test_a_silent_association_is_ended(place, receiver):
    (place / "idle").mkdir()
    with pacs.Node(place / "idle", place / "tiny.fseg", receiver.peer, "--idle-limit", 1.5) as idle:
        peer, answer = pacs.associate(idle.port)
        assert answer[0] == 2
        peer.settimeout(10)
        assert peer.recv(100)[:1] in (b"\x07", b"")  # aborted, or hung up
        pacs.wait_until(lambda: "broken off" in idle.log() or "time was over" in idle.log(), 10, "it is said")


def test_one_node_a_queue(node, place, receiver):
    second = run("node", "--aet", "NODE", "--port", 0, "--model", place / "tiny.fseg", "--peer", receiver.peer,
                 "--queue", node.queue)  # fmt: skip
    assert second.failed(3, "another node")


def test_an_unreachable_peer_delays_and_loses_nothing(place, phantom):
    (place / "alone").mkdir()
    port = pacs.free_port()
    with pacs.Node(place / "alone", place / "tiny.fseg", f"PACS@127.0.0.1:{port}", "--at-release") as alone:
        assert send(alone, series(phantom, place / "aloneseries", "56")).returncode == 0
        wait(alone, "segmented", 1)
        pacs.wait_until(lambda: "cannot be reached" in alone.log(), 30, "it is said")
        assert alone.stop() == 0
        assert alone.states()["segmented"] == 1


def test_the_node_ends_in_order_and_says_what_it_is(node):
    assert "research use only" in node.log()
    started = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - started < 15
    node.start()


@pytest.mark.parametrize("options, word", [
    (["--aet", "NODE", "--peer", "PACS@127.0.0.1:104"], "--queue"),
    (["--queue", "q", "--peer", "PACS@127.0.0.1:104"], "--aet"),
    (["--queue", "q", "--aet", "NODE", "--peer", "nobody"], "AET@HOST:PORT"),
    (["--queue", "q", "--aet", "NODE", "--peer", "P@h:1", "--allow-aet", "A,,B"], "list"),
])  # fmt: skip
def test_wrong_options_are_named(options, word, tmp_path):
    assert run("node", *options, cwd=tmp_path).failed(2, word)
    assert not list(tmp_path.iterdir())


def test_listening_beyond_this_computer_needs_lists(place, tmp_path):
    assert run("node", "--queue", tmp_path / "q", "--aet", "N", "--peer", "P@127.0.0.1:104", "--bind", "0.0.0.0",
               "--model", place / "tiny.fseg").failed(2, "which AE titles and which addresses")  # fmt: skip


def test_tls_is_not_pretended(tmp_path):
    assert run("node", "--queue", tmp_path / "q", "--aet", "N", "--peer", "P@127.0.0.1:104", "--tls-key", "k",
               "--tls-cert", "c").failed(3, "TLS", "stunnel")  # fmt: skip


def test_status_of_no_queue_is_a_sentence(tmp_path):
    assert run("node", "--status", "--queue", tmp_path).failed(3, "not the queue")
    assert not list(tmp_path.iterdir())


def test_retrieve_needs_a_peer_that_answers_and_leaves_nothing(tmp_path):
    result = run("retrieve", "--peer", f"PACS@127.0.0.1:{pacs.free_port()}", "--study", "1.2", "--series", "1.2.3",
                 "--out", tmp_path / "out")  # fmt: skip
    assert result.failed(3, "cannot be reached")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options, word", [
    (["--study", "1.2"], "--peer"),
    (["--peer", "P@127.0.0.1:1"], "--patient"),
    (["--peer", "P@127.0.0.1:1", "--study", "../1"], "UID"),
    (["--peer", "P@127.0.0.1:1", "--patient", "*"], "whole pseudonym"),
    (["--peer", "P@127.0.0.1:1", "--out", "x"], "--series"),
])  # fmt: skip
def test_wrong_questions_are_named(options, word, tmp_path):
    assert run("retrieve", *options, cwd=tmp_path).failed(2, word)


def test_retrieve_overwrites_nothing(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("kept")
    assert run("retrieve", "--peer", "P@127.0.0.1:1", "--study", "1.2", "--series", "1.2.3", "--out",
               tmp_path / "out").failed(3, "not an empty folder")  # fmt: skip
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "precious"]
