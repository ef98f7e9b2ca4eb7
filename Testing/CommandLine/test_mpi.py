"""frugalseg under mpirun: two processes on this machine, loopback and shared memory only."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from conftest import PROGRAM, Result, bright_ball, run, write_image

LIBRARY = pathlib.Path(PROGRAM).parent.parent / "lib" / "libfrugalseg_mpi.so"
pytestmark = pytest.mark.skipif(
    not shutil.which("mpirun") or not LIBRARY.exists(),
    reason="needs Open MPI (openmpi-bin, libopenmpi-dev) and a build with FRUGALSEG_MPI")

SMALL = ["--size", 64, "--batch", 4, "--volumes", 2, "--partitions", 2, "--spacing", 3,
         "--threads", 1]
ENVIRONMENT = dict(os.environ, OMPI_MCA_btl="self,vader",
                   OMPI_MCA_btl_vader_single_copy_mechanism="none",
                   OMPI_MCA_mpi_yield_when_idle="1", OMPI_MCA_oob_tcp_if_include="lo")


def mpirun(*arguments, program=PROGRAM):
    return ["mpirun", "-n", "2", "--oversubscribe", "--allow-run-as-root", "--bind-to", "none",
            str(program), *map(str, arguments)]


def together(*arguments, timeout=240):
    return Result(subprocess.run(mpirun(*arguments), env=ENVIRONMENT, capture_output=True,
                                 text=True, timeout=timeout))


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for i in range(3):
        write_image(folder / f"s{i}.nii.gz", bright_ball(seed=i)[0])
    return folder


def events(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def losses(log):
    return [e["loss"] for e in events(log) if e["event"] == "steps"]


@pytest.mark.parametrize("options", [
    ["--loss", "both", "--contrast", "partition"],
    # All vectors take part: which ones are the most similar would hang on rounding.
    ["--loss", "contrastive", "--contrast", "constrained", "--neighbours", 256]])
def test_two_processes_give_the_losses_and_the_updates_of_one(options, scans, tmp_path):
    start = tmp_path / "start.fseg"
    assert run("pretrain", "--data", scans, *SMALL, "--steps", 1, "--out", start).code == 0
    # A rate so low, and an epsilon so high, that Adam does not turn what rounding leaves of small
    # gradients into steps that count: two instruction sets, too, differ by 1e-4 after 20 steps at
    # 2e-5. Whether the updates are right is seen in the weights.
    options = ["--data", scans, *SMALL, *options, "--init", start, "--steps", 20, "--lr", 1e-6,
               "--epsilon", 1e-5, "--report-every", 1]
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert run("pretrain", *options, "--out", tmp_path / "one.fseg", "--log", one).code == 0
    result = together("pretrain", *options, "--out", tmp_path / "two.fseg", "--log", two, "--json")
    assert result.code == 0, result.err
    assert result.json["scans"] == 3  # one process speaks
    assert losses(two) == pytest.approx(losses(one), abs=1e-5, rel=1e-5)
    assert len(losses(two)) == 20
    began, alone, both = (load_file(str(tmp_path / f"{n}.fseg")) for n in ("start", "one", "two"))
    moved = sum(np.square(alone[k] - began[k]).sum() for k in began)
    apart = sum(np.square(both[k] - alone[k]).sum() for k in began)
    assert moved > 0 and apart < 0.01 ** 2 * moved
    begin = events(two)[0]
    assert begin["processes"] == 2 and begin["read_by_process"] == [2, 1]


def test_bad_input_is_told_once(scans, tmp_path):
    out = tmp_path / "m.fseg"
    result = together("pretrain", "--data", scans, "--out", out, *SMALL, "--batch", 5)
    assert result.code == 2
    lines = [l for l in result.err.splitlines() if l.startswith("frugalseg: ")]
    assert len(lines) == 1 and "divide" in lines[0]
    (scans / "s1.nii.gz").write_bytes(b"broken")  # the second process reads it
    result = together("pretrain", "--data", scans, "--out", out, *SMALL, "--steps", 2, "--json")
    assert result.code == 0, result.err
    assert result.json["scans"] == 2 and result.json["left_out"] == 1
    assert result.err.count("Scan 2 is left out") == 1


def process_of_rank(rank, parent):
    """The process that mpirun has started as this rank, once it has."""
    for _ in range(600):
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if f"PPid:\t{parent}\n" in (process / "status").read_text() and \
                        f"OMPI_COMM_WORLD_RANK={rank}\0" in (process / "environ").read_text():
                    return int(process.name)
            except OSError:
                pass
        time.sleep(0.05)
    raise AssertionError("the process did not start")


def test_a_process_that_dies_ends_the_job_and_the_checkpoint_is_good(scans, tmp_path):
    out = tmp_path / "m.fseg"
    options = ["--data", scans, "--out", out, *SMALL, "--steps", 12, "--lr", 1e-6, "--epsilon", 1e-5,
               "--checkpoint-every", 1, "--report-every", 1]
    process = subprocess.Popen(mpirun("pretrain", *options), env=ENVIRONMENT, text=True,
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    line = ""
    while "step      2/12" not in line:
        line = process.stderr.readline()
        assert line, process.wait(60)
    os.kill(process_of_rank(1, process.pid), signal.SIGKILL)
    message = process.stderr.read()
    assert process.wait(60) != 0
    assert "signal 9" in message or "killed" in message.lower()
    assert not out.exists() and (tmp_path / "m.fseg.checkpoint").exists()
    result = run("pretrain", *options, "--resume", "--log", tmp_path / "rest.jsonl")
    assert result.code == 0, result.err
    assert run("pretrain", *options[:2], "--out", tmp_path / "whole.fseg", *options[4:], "--log",
               tmp_path / "whole.jsonl").code == 0
    rest = losses(tmp_path / "rest.jsonl")
    assert 0 < len(rest) < 12
    assert rest == pytest.approx(losses(tmp_path / "whole.jsonl")[-len(rest):], abs=1e-5, rel=1e-5)


def test_a_build_without_mpi_says_so_instead_of_writing_twice(scans, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(PROGRAM, alone / "frugalseg")
    result = subprocess.run(
        mpirun("pretrain", "--data", scans, "--out", tmp_path / "m.fseg", *SMALL, "--steps", 1,
               program=alone / "frugalseg"),
        env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert result.returncode != 0
    assert "built without MPI" in result.stderr
    assert not (tmp_path / "m.fseg").exists()


def test_fine_tuning_refuses_to_run_twice_over(scans, tmp_path):
    result = together("train", "--data", scans, "--out", tmp_path / "m.fseg")
    assert result.code == 2 and "one process" in result.err
    assert not (tmp_path / "m.fseg").exists()
