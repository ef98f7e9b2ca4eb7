"""The model file is a safetensors file: the reference implementation reads and writes it."""
import json

import numpy as np
from conftest import CARD, make_model, model_checksum, run
from safetensors import safe_open
from safetensors.numpy import save_file


def test_safetensors_reads_our_file(tmp_path):
    model = make_model(tmp_path / "m.fseg", CARD)
    with safe_open(tmp_path / "m.fseg", "np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    assert metadata["format"] == "frugalseg" and metadata["format_version"] == "2"
    assert json.loads(metadata["card"]) == CARD
    assert json.loads(metadata["architecture"]) == {
        "type": "unet2d-groupnorm", "in_channels": 1, "classes": 2, "widths": [4, 8, 8],
        "group_size": 4, "norm_epsilon": 0.001}
    assert tensors.keys() == model.tensors.keys()
    for name, values in model.tensors.items():
        assert np.array_equal(tensors[name], values), name


def test_we_read_a_file_that_safetensors_wrote(tmp_path):
    model = make_model(tmp_path / "m.fseg", CARD)
    with safe_open(tmp_path / "m.fseg", "np") as file:
        metadata = file.metadata()
    save_file({k: v.copy() for k, v in model.tensors.items()}, tmp_path / "again.fseg", metadata)
    assert (tmp_path / "again.fseg").read_bytes() != (tmp_path / "m.fseg").read_bytes()
    assert run("info", tmp_path / "again.fseg", "--json").json["card"] == CARD


def test_the_checksum_is_the_one_that_the_format_page_describes(tmp_path):
    make_model(tmp_path / "m.fseg", CARD)
    with safe_open(tmp_path / "m.fseg", "np") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    expected = metadata.pop("sha256")
    assert model_checksum(metadata, tensors) == expected


def test_a_changed_weight_is_noticed(tmp_path, image):
    make_model(tmp_path / "m.fseg", CARD)
    data = bytearray((tmp_path / "m.fseg").read_bytes())
    data[-1] ^= 1
    (tmp_path / "m.fseg").write_bytes(data)
    result = run("segment", "--model", tmp_path / "m.fseg", "--in", image, "--out", tmp_path / "out", "--json")
    result.failed(3, "checksum")
    assert result.json["error"]["status"] == "model-checksum"
