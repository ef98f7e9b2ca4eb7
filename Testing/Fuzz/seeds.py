"""Seeds of the fuzz targets, made by recipe: our own writers and the files that pydicom brings along.

usage: seeds.py FOLDER      writes FOLDER/TARGET/NAME for every target
environment: FRUGALSEG_IMAGING_LIBRARY, FRUGALSEG_COMPUTE_LIBRARY, FRUGALSEG_SOURCE_DIR, FRUGALSEG_PROGRAM
"""
import ctypes
import gzip
import json
import os
import pathlib
import struct
import sys
import tempfile
import warnings

import numpy as np

SOURCE = pathlib.Path(os.environ.get("FRUGALSEG_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path[:0] = [str(SOURCE / "Testing/Imaging"), str(SOURCE / "Testing/Compute/parity")]
MARK = b"\0\0FILE\0\0"  # between files of one folder: splitFiles of fuzz_target.h
LARGEST = 60_000
PYDICOM = """MR_small.dcm MR_small_RLE.dcm MR_small_bigendian.dcm MR_small_expb.dcm MR_small_implicit.dcm
MR_small_jp2klossless.dcm MR_small_jpeg_ls_lossless.dcm MR_small_padded.dcm MR_truncated.dcm badVR.dcm no_meta.dcm
no_meta_group_length.dcm nested_priv_SQ.dcm priv_SQ.dcm UN_sequence.dcm CT_small.dcm ExplVR_BigEnd.dcm
ExplVR_BigEndNoMeta.dcm ExplVR_LitEndNoMeta.dcm meta_missing_tsyntax.dcm empty_charset_LEI.dcm image_dfl.dcm
JPGExtended.dcm SC_rgb_small_odd.dcm SC_rgb_small_odd_jpeg.dcm SC_rgb_rle_16bit.dcm reportsi.dcm rtplan.dcm
liver_1frame.dcm liver_expb_1frame.dcm test-SR.dcm rtdose_rle_1frame.dcm""".split()


def _volume(seed=1):
    voxels = np.random.default_rng(seed).integers(0, 900, (4, 8, 10)).astype(np.float32)
    matrix = np.diag([3.0, 3.0, 6.0, 1.0])
    matrix[:3, 3] = [-15, -12, 40]
    return voxels, matrix


def dicom():
    """{name: bytes} of single DICOM files (and what only looks like one)."""
    import imaging_library as lib
    import pydicom

    root = pathlib.Path(pydicom.__file__).parent / "data/test_files"
    found = {}
    for name in PYDICOM:
        if (root / name).exists():
            found[name] = (root / name).read_bytes()[:LARGEST]
    if (root / "zipMR.gz").exists():
        found["zipMR.gz"] = (root / "zipMR.gz").read_bytes()
        found["unzipped_zipMR"] = gzip.decompress(found["zipMR.gz"])[:LARGEST]
    directory = root / "dicomdirtests/DICOMDIR"
    if directory.exists():
        found["DICOMDIR"] = directory.read_bytes()[:LARGEST]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        voxels, matrix = _volume()
        lib.write_series(voxels, matrix, folder / "series")
        found["own_slice"] = sorted((folder / "series").iterdir())[0].read_bytes()
        values = [(voxels, matrix, {"echo_ms": echo}) for echo in (80.0, 120.0)]
        lib.write_enhanced(values, folder / "enhanced")
        found["own_enhanced"] = sorted((folder / "enhanced").iterdir())[0].read_bytes()
        found.update(seg_files(lib, folder, voxels, matrix))
    found["empty"] = b""
    found["preamble_only"] = bytes(128) + b"DICM"
    found["nifti_renamed"] = volumes()["int16.nii"]
    return found


def seg_files(lib, folder, voxels, matrix):
    """Our own segmentation of the series in `folder`."""
    series = lib.SeriesList(folder / "series")
    _, geometry = series.read()
    mask = (voxels > 400).astype(np.uint8)
    series.write_seg(mask, geometry, folder / "own_seg.dcm")
    return {"own_seg": (folder / "own_seg.dcm").read_bytes()}


def folders():
    """{name: bytes} of whole series, their files joined by MARK."""
    import imaging_library as lib

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1, 2):
            path = pathlib.Path(folder) / str(seed)
            voxels, matrix = _volume(seed)
            if seed == 2:
                matrix[:3, :3] = np.linalg.qr(np.array([[1, 0.2, 0], [-0.2, 1, 0.3], [0, -0.3, 1]]))[0] * [3, 3, 6]
            lib.write_series(voxels, matrix, path, seed=seed)
            found[f"series_{seed}"] = MARK.join(p.read_bytes() for p in sorted(path.iterdir()))
    return found


def volumes():
    """{name: bytes} of NIfTI and NRRD files."""
    import nibabel

    found = {}
    voxels = np.random.default_rng(3).integers(0, 200, (6, 5, 4))
    affine = np.array([[-2.0, 0, 0, 5], [0, -2, 0, 6], [0, 0, 4, -7], [0, 0, 0, 1]])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for kind in ("int16", "uint8", "float32", "float64"):
            image = nibabel.Nifti1Image(voxels.astype(kind), affine)
            image.header["scl_slope"], image.header["scl_inter"] = 1.5, -3
            nibabel.save(image, folder / f"{kind}.nii")
            found[f"{kind}.nii"] = (folder / f"{kind}.nii").read_bytes()
        nibabel.save(nibabel.Nifti1Image(np.stack([voxels] * 2, -1).astype("int16"), affine), folder / "4d.nii")
        found["4d.nii"] = (folder / "4d.nii").read_bytes()
        found["int16.nii.gz"] = gzip.compress(found["int16.nii"], mtime=0)
        import imaging_library as lib

        data = np.ascontiguousarray(voxels.T, dtype=np.float32)
        volume = lib.Volume(lib.Geometry.make(data.shape[::-1], affine), data.ctypes.data_as(
            ctypes.POINTER(ctypes.c_float)), b"MR")  # fmt: skip
        lib.check(lib.library.fseg_volume_write, ctypes.byref(volume), os.fsencode(folder / "own.nrrd"))
        found["own.nrrd"] = (folder / "own.nrrd").read_bytes()
    header = b"NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 3 3 2\n" \
        b"space directions: (1,0,0) (0,1,0) (0,0,2)\nendian: little\nencoding: raw\nspace origin: (0,0,0)\n\n"  # fmt: skip
    found["raw.nrrd"] = header + bytes(range(36))
    return found


CARD = {"name": "seed", "version": "1.0", "structure": "liver", "modality": "MR", "spacing_mm": 2.0,
        "context_slices": 1, "percentile_low": 1, "percentile_high": 99, "threshold": 0.5,
        "volume_ml_low": 300, "volume_ml_high": 4000, "contrast": "T2 fat-suppressed",
        "orientation": "axial", "body_parts": ["ABDOMEN", "LIVER"], "pixel_mm_low": 0.5,
        "pixel_mm_high": 3, "slice_mm_low": 2, "slice_mm_high": 12, "field_mm_low": 200,
        "field_mm_high": 500, "entropy_high": 0.6, "island_share": 0.1}  # fmt: skip


def models():
    """{name: bytes} of small model files."""
    import frugalseg_library as lib

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for levels, widths in ((2, (4, 4)), (3, (4, 8, 8))):
            config = lib.library.fseg_unet_default_config(1, 2)
            config.levels = levels
            for i, width in enumerate(widths):
                config.widths[i] = width
            model = lib.Model(config, 3)
            error = lib.Error()
            lib.check(lib.library.fseg_model_set_card(
                model.handle, json.dumps(CARD).encode(), lib.c.byref(error)), error)  # fmt: skip
            path = pathlib.Path(folder) / "model.fseg"
            model.save(path)
            found[f"model_{levels}"] = path.read_bytes()
    return found


def checkpoints():
    """{name: bytes}: model files relabelled as what a run leaves, with moments ('t' and 'p' before them)."""
    found = {}
    for name, data in models().items():
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        payload = data[8 + length :]
        weights = {k: v for k, v in header.items() if k != "__metadata__"}
        size = max(v["data_offsets"][1] for v in weights.values())
        entries = dict(weights)
        for number, prefix in enumerate(("adam.m.", "adam.v.", "best."), 1):
            for key, value in weights.items():
                begin, end = value["data_offsets"]
                entries[prefix + key] = {**value, "data_offsets": [begin + number * size, end + number * size]}
        meta = {k: v for k, v in header["__metadata__"].items() if "sha" not in k and "hash" not in k}
        meta |= {"kind": "checkpoint", "steps_done": "3", "early_stop": "2 1 2 0.5"}
        text = json.dumps({"__metadata__": meta, **entries}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        blob = struct.pack("<Q", len(text)) + text + payload[:size] * 4
        found["t_" + name] = b"t" + blob
        found["p_" + name] = b"p" + blob.replace(b'"checkpoint"', b'"pretraining"', 1)
    return found


def labels():
    """{name: bytes} of the files beside labels; the first byte says which (fuzz_labels.cc)."""
    dataset = {"name": "liver", "numTraining": 2, "file_ending": ".nii.gz", "channel_names": {"0": "MR"},
               "labels": {"background": 0, "liver": 1, "left kidney": 2},
               "training": [{"image": "./imagesTr/case_0001_0000.nii.gz", "label": "./labelsTr/case_0001.nii.gz"}]}
    decathlon = {"name": "MSD", "labels": {"0": "background", "1": "liver"}, "numTraining": 1,
                 "training": [{"image": "./imagesTr/case_0002_0000.nii.gz", "label": "./labelsTr/case_0002.nii.gz"}]}
    provenance = {"identities": ["00ff", "ab" * 32], "labels": [
        {"structure": "liver", "edited": True, "volume_ml": 1432.5, "version": 2, "value": 1,
         "model": {"name": "liver-t2", "version": "1.0", "sha256": "0" * 64}}]}
    history = {"current": "liver-t2-learned-001", "former": ["liver-t2", "none"]}
    journal = {"moves": [["0-case_0001.nii.gz", "labelsTr/case_0001.nii.gz"]]}
    texts = {"d_nnunet": dataset, "d_msd": decathlon, "s_splits": [{"train": ["case_0001"], "val": ["case_0002"]}],
             "p_provenance": provenance, "h_history": history, "j_journal": journal}
    found = {name: name[:1].encode() + json.dumps(value, indent=1).encode() for name, value in texts.items()}
    found["t_salt"] = b"tc2FsdHNhbHRzYWx0\n"
    return found


def reports():
    """{name: bytes} of a training log, a study's record and configuration (fuzz_reports.cc)."""
    log = [{"event": "start", "steps": 4}, {"event": "steps", "step": 1, "loss": 1.25, "rate": 1e-3},
           {"event": "steps", "step": 2, "loss": 0.75}, {"event": "validation", "step": 2, "dice": 0.5},
           {"event": "steps", "stage": 1, "step": 1, "loss": 0.5}, {"event": "end", "seconds": 3.5}]
    record = {"task": {"kind": "finetune", "arm": "scratch", "fold": 0, "labels": 1, "subset": 0, "seed": 0,
                       "rate": 1e-3, "steps": 3, "cases": ["c"]},
              "result": {"dice": 0.8, "validation_dice": 0.7, "hd95_mm": 10.5, "seconds": 3,
                         "cases": {"a": {"dice": 0.8, "hd95_mm": 10.5, "volume_ml": 1200}}}}
    configuration = json.loads((SOURCE / "docs/study/liver.json").read_text("utf-8"))
    return {"l_log": b"l" + "\n".join(json.dumps(entry) for entry in log).encode() + b"\n",
            "r_record": b"r" + json.dumps(record).encode(),
            "c_liver": b"c" + json.dumps(configuration).encode()}


def cards():
    shipped = [json.dumps(CARD).encode(), b"{}"]
    shipped += [path.read_bytes() for path in sorted((SOURCE / "Resources/Models").glob("*.json"))]
    return {f"card_{number}": data for number, data in enumerate(shipped)}


TARGETS = {
    "card": cards,
    "checkpoint": checkpoints,
    "labels": labels,
    "model": models,
    "reports": reports,
    "seg": dicom,
    "series": lambda: {**dicom(), **folders()},
    "volume": volumes,
}


def load(target):
    """{name: bytes}: made anew, or those that this script wrote to the folder FRUGALSEG_SEEDS."""
    stored = os.environ.get("FRUGALSEG_SEEDS")
    if stored:
        return {path.name: path.read_bytes() for path in sorted((pathlib.Path(stored) / target).iterdir())}
    return TARGETS[target]()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    warnings.simplefilter("ignore")
    for target, make in TARGETS.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in make().items():
            (folder / name).write_bytes(data)
        print(f"{target}: {len(list(folder.iterdir()))} seeds")


if __name__ == "__main__":
    main()
