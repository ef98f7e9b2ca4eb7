"""frugalseg bench --quick: the report is complete and its figures belong together. No time is
judged here: that is what `make bench-peers` and a quiet machine are for."""
import math
import os

import pytest

from conftest import CARD, make_model, run

KERNELS = {"portable", "avx2", "avx512", "avx512bf16"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Small enough for seconds."""
    path = tmp_path_factory.mktemp("bench") / "small.fseg"
    make_model(path, CARD, levels=3, widths=(4, 8, 8))
    return path


@pytest.fixture(scope="module")
def report(small):
    done = run("bench", "--quick", "--json", "--threads", 2, "--model", small)
    assert done.code == 0, done.err
    return done.json


def positive(value):
    return isinstance(value, (int, float)) and math.isfinite(value) and value >= 0


def test_the_machine_and_its_peaks_are_named(report):
    machine = report["machine"]
    assert machine["cpu"] and machine["compiler"] and machine["kernels"] in KERNELS
    assert machine["threads"] == 2 and machine["processors"] >= 1
    peak = report["peak"]
    assert peak["fma_gflops"] > 0 and peak["copy_gb_s"] > 0
    single = [v for k, v in peak["families"].items() if k != "avx512bf16"]
    assert peak["fma_gflops"] == pytest.approx(max(single))
    assert report["quick"] is True and "not a medical device" in report["notice"]


def test_every_family_of_this_machine_is_measured(report):
    families = set(report["peak"]["families"])
    assert families <= KERNELS and "portable" in families
    assert {row["kernels"] for row in report["network"]} == families
    assert {row["kernels"] for row in report["training"]} == families
    for family in families:
        runs = {(r["size"], r["batch"]) for r in report["network"] if r["kernels"] == family}
        assert len(runs) == 4


def test_rates_follow_from_times(report):
    # 2 x multiply-adds / time: the product of rate and time is the work, whatever the kernels.
    for part in ("network", "training"):
        work = {}
        for row in report[part]:
            assert row["ms_per_slice"] > 0 and row["memory_bytes"] > 0
            work.setdefault(row["size"], []).append(row["ms_per_slice"] * row["gflops"])
        for values in work.values():
            for value in values:  # both factors are rounded to three decimals
                assert value == pytest.approx(values[0], rel=0.2)


def test_layers_cover_the_network_and_operators_its_shapes(report):
    nodes = {row["node"] for row in report["layers"]}
    for node in ("enc1.conv1", "enc3.norm2", "pool1", "dec2.up", "dec1.conv1", "head.conv2"):
        assert node in nodes, nodes
    assert not any("concat" in node for node in nodes), "views take no time"
    assert all(positive(row["ms_per_slice"]) for row in report["layers"])
    rows = report["operators"]
    assert {"conv3x3", "upsample2_conv2x2", "conv1x1", "group_norm_relu", "max_pool2"} \
        <= {row["operator"] for row in rows}
    assert {row["direction"] for row in rows} == {"forward", "backward"}
    shapes = [(r["operator"], r["direction"], tuple(r["input"]), r["out_channels"]) for r in rows]
    assert len(shapes) == len(set(shapes))


def test_the_click_is_a_whole_segmentation(report):
    click = report["click"]
    assert click["seconds"] > 0 and click["peak_memory_bytes"] > 1e6
    assert click["stages_of_last"]["total"] > 0


def test_people_get_tables(small):
    done = run("bench", "--quick", "--model", small)
    assert done.code == 0, done.err
    for words in ("GFLOP/s", "Forward pass", "Training step", "Click", "head.conv2"):
        assert words in done.out


def test_nothing_is_left_in_the_temporary_folder(small, tmp_path):
    done = run("bench", "--quick", "--json", "--model", small,
               env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.code == 0, done.err
    assert list(tmp_path.iterdir()) == []


def test_bad_use_is_refused(tmp_path):
    assert run("bench", "--quick", "--model", tmp_path / "none.fseg").failed(3, "none.fseg")
    assert run("bench", "--quick", "extra").code == 2
    assert run("bench", "--threads", "-1").code == 2
