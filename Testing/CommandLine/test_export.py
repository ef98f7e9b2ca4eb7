"""frugalseg export: ONNX Runtime is the judge of the exported network."""
import resource

import frugalseg_library
import numpy as np
import onnxruntime
import pytest
from conftest import CARD, SOURCE, entries, make_model, run

TOLERANCE = 1e-4


def export(model, out, *more, **options):
    return run("export", "--onnx", "--model", model, "--out", out, *more, **options)


def onnx_logits(path, images):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"image": images})[0]


@pytest.mark.parametrize("in_channels, levels, widths, count, height, width", [
    (1, 6, (16, 32, 64, 128, 128, 128), 2, 96, 64),
    (3, 6, (16, 32, 64, 128, 128, 128), 1, 64, 160),
    (1, 2, (4, 8), 3, 10, 6),
])
def test_onnx_runtime_gives_our_logits(in_channels, levels, widths, count, height, width, tmp_path):
    model = make_model(tmp_path / "m.fseg", dict(CARD, context_slices=in_channels), in_channels,
                       levels, widths)
    assert export(tmp_path / "m.fseg", tmp_path / "m.onnx").code == 0
    images = np.random.default_rng(0).random((count, in_channels, height, width), np.float32)
    ours = model.logits(frugalseg_library.Context(), images)
    theirs = onnx_logits(tmp_path / "m.onnx", images)
    assert ours.std() > 0.01
    assert np.abs(ours - theirs).max() <= TOLERANCE * max(1, np.abs(ours).max())


def load_model(path):
    c, library = frugalseg_library.c, frugalseg_library.library
    handle, error = c.c_void_p(), frugalseg_library.Error()
    frugalseg_library.check(library.fseg_model_load(str(path).encode(), c.byref(handle),
                                                    c.byref(error)), error)
    library.fseg_model_config.restype = c.POINTER(frugalseg_library.UnetConfig)
    model = object.__new__(frugalseg_library.Model)
    model.handle, model.config = handle, library.fseg_model_config(handle).contents
    return model


def test_the_shipped_model_gives_our_logits(tmp_path):
    path = SOURCE / "Resources" / "Models" / "liver-t2.fseg"
    if not path.is_file():
        pytest.skip("the model liver-t2 is not in Resources/Models")
    assert export("liver-t2", tmp_path / "m.onnx").code == 0
    model = load_model(path)
    images = np.random.default_rng(1).random((2, model.config.in_channels, 96, 128), np.float32)
    ours = model.logits(frugalseg_library.Context(), images)
    assert np.abs(ours - onnx_logits(tmp_path / "m.onnx", images)).max() <= \
        TOLERANCE * max(1, np.abs(ours).max())


def test_the_file_describes_itself(model, tmp_path):
    result = export(model, tmp_path / "m.onnx", "--json")
    assert result.json["size_multiple"] == 4
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert session.get_inputs()[0].shape == ["batch", 1, "height", "width"]
    assert session.get_outputs()[0].shape == ["batch", 2, "height", "width"]
    metadata = session.get_modelmeta()
    assert metadata.producer_name == "frugalseg"
    assert "Research use only" in metadata.custom_metadata_map["notice"]
    assert metadata.custom_metadata_map["source_sha256"] == result.json["model_sha256"]
    assert '"test-liver"' in metadata.custom_metadata_map["card"]


def test_failures_leave_no_file(model, tmp_path):
    assert export(tmp_path / "absent.fseg", tmp_path / "m.onnx").failed(3)
    assert export(model, tmp_path / "no" / "m.onnx").failed(3, "folder")
    assert run("export", "--model", model, "--out", tmp_path / "m.onnx").failed(2, "--onnx")

    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    assert export(model, tmp_path / "m.onnx", preexec_fn=full).failed(3, "full")
    assert entries(tmp_path) == []
