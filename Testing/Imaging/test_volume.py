"""NIfTI and NRRD files written by other programs."""
import ctypes as C
import os

import imaging_library as lib
import numpy as np
import pytest

NOT_FINITE = 5


def read(path):
    volume = C.POINTER(lib.Volume)()
    lib.check(lib.library.fseg_volume_read, os.fsencode(str(path)), C.byref(volume))
    geometry = lib.Geometry.from_buffer_copy(volume.contents.geometry)
    voxels = np.ctypeslib.as_array(volume.contents.voxels, geometry.shape).copy()
    lib.library.fseg_volume_free(volume)
    return voxels, geometry


def affine():
    axes, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = axes * [1.25, 0.75, 4]
    matrix[:3, 3] = [10, -20, 30]
    return matrix


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_nifti_of_nibabel(tmp_path, suffix, kind):
    import nibabel
    values = np.random.default_rng(1).integers(0, 200, (6, 7, 8)).astype(kind)
    nibabel.save(nibabel.Nifti1Image(values, affine()), tmp_path / ("a" + suffix))
    voxels, geometry = read(tmp_path / ("a" + suffix))
    assert np.array_equal(voxels, values.transpose(2, 1, 0))
    assert np.abs(np.diag([-1, -1, 1, 1]) @ affine() - geometry.matrix).max() < 1e-4


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_2_is_read_like_nifti_1(tmp_path, suffix, order):
    import nibabel
    values = np.random.default_rng(1).integers(-100, 200, (6, 7, 8)).astype(order + "i2")
    image = nibabel.Nifti2Image(values, affine(), nibabel.Nifti2Header(endianness=order))
    image.header.set_slope_inter(0.5, -3)
    nibabel.save(image, tmp_path / ("a" + suffix))
    voxels, geometry = read(tmp_path / ("a" + suffix))
    assert np.allclose(voxels, nibabel.load(tmp_path / ("a" + suffix)).get_fdata().transpose(2, 1, 0))
    assert np.abs(np.diag([-1, -1, 1, 1]) @ affine() - geometry.matrix).max() < 1e-4


def test_an_axis_too_long_for_us_is_named(tmp_path):
    import nibabel
    nibabel.save(nibabel.Nifti2Image(np.ones((40000, 2, 2), dtype=np.uint8), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(lib.Failure, match="32767"):
        read(tmp_path / "a.nii")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_promises_too_much_is_refused_before_anything_is_made_for_it(tmp_path, suffix, version):
    import gzip
    import resource
    import struct
    import nibabel
    kind = nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image
    content = bytearray(kind(np.ones((4, 5, 6), dtype=np.float32), affine()).to_bytes())
    if version == 1:
        struct.pack_into("<3h", content, 42, 32767, 32767, 32767)
    else:
        struct.pack_into("<3q", content, 24, 1 << 40, 1 << 40, 1 << 40)
    path = tmp_path / ("a" + suffix)
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    with pytest.raises(lib.Failure, match="damaged"):
        read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1 << 20  # KiB


def test_what_follows_the_last_voxel_is_not_unpacked(tmp_path):
    """A small image and 300 megabytes of zeros behind it."""
    import time
    import zlib
    import nibabel
    content = nibabel.Nifti1Image(np.ones((4, 5, 6), dtype=np.float32), affine()).to_bytes()
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    with open(tmp_path / "a.nii.gz", "wb") as file:
        file.write(packer.compress(content))
        zeros = bytes(1 << 20)
        for _ in range(300):
            file.write(packer.compress(zeros))
        file.write(packer.flush())
    start = time.process_time()
    assert read(tmp_path / "a.nii.gz")[0].shape == (6, 5, 4)
    assert time.process_time() - start < 1


def test_big_endian_and_scaled_nifti(tmp_path):
    import nibabel
    values = np.random.default_rng(1).integers(-100, 200, (6, 7, 8)).astype(">i2")
    header = nibabel.Nifti1Header(endianness=">")
    image = nibabel.Nifti1Image(values, affine(), header)
    image.header.set_slope_inter(0.5, -3)
    nibabel.save(image, tmp_path / "a.nii.gz")
    expected = nibabel.load(tmp_path / "a.nii.gz").get_fdata().transpose(2, 1, 0)
    assert np.allclose(read(tmp_path / "a.nii.gz")[0], expected)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_images_that_are_not_finite_are_refused(tmp_path, name, bad, kind):
    import SimpleITK
    import nibabel
    values = np.ones((40, 50, 60), dtype=kind)
    values[39, 49, 59] = bad
    if name.endswith("nrrd"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(tmp_path / name))
    else:
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / name)
    with pytest.raises(lib.Failure, match="not a number") as failure:
        read(tmp_path / name)
    assert failure.value.status == NOT_FINITE


@pytest.mark.parametrize("shape,text", [((5, 6, 7, 3), "several volumes"), ((5, 6), "not a 3D")])
def test_other_dimensions_are_refused(tmp_path, shape, text):
    import nibabel
    nibabel.save(nibabel.Nifti1Image(np.ones(shape, dtype=np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    with pytest.raises(lib.Failure, match=text) as failure:
        read(tmp_path / "a.nii.gz")
    assert failure.value.status == lib.BAD_INPUT


def test_one_volume_in_four_dimensions_is_read(tmp_path):
    import nibabel
    values = np.random.default_rng(1).random((5, 6, 7, 1)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    assert np.array_equal(read(tmp_path / "a.nii")[0], values[..., 0].transpose(2, 1, 0))


def test_colour_images_are_refused(tmp_path):
    import SimpleITK
    image = SimpleITK.GetImageFromArray(np.zeros((4, 5, 6, 3), dtype=np.uint8), isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"))
    with pytest.raises(lib.Failure, match="several values"):
        read(tmp_path / "a.nrrd")


def test_oblique_nrrd_of_simpleitk(tmp_path):
    import SimpleITK
    values = np.random.default_rng(1).random((6, 7, 8)).astype(np.float32)
    image = SimpleITK.GetImageFromArray(values)
    matrix = affine()
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image.SetSpacing(spacing)
    image.SetDirection((matrix[:3, :3] / spacing).ravel())
    image.SetOrigin(matrix[:3, 3])
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"))
    voxels, geometry = read(tmp_path / "a.nrrd")
    assert np.array_equal(voxels, values)
    assert np.abs(geometry.matrix - matrix).max() < 1e-9


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    import nibabel
    nibabel.save(nibabel.Nifti1Image(np.ones((5, 6, 7), dtype=np.float32), np.eye(4)), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[42:48] = np.array([30000, 30000, 30000], dtype="<i2").tobytes()
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(lib.Failure, match="damaged") as failure:
        read(tmp_path / "a.nii")
    assert failure.value.status == lib.BAD_INPUT


def test_all_chaos_images_are_read_as_nibabel_reads_them(shared):
    import nibabel
    for path in sorted((shared / "chaos-t2spir-nc").glob("*_image.nii.gz"))[:3]:
        image = nibabel.load(path)
        voxels, geometry = read(path)
        assert np.array_equal(voxels, image.get_fdata(dtype=np.float32).transpose(2, 1, 0))
        assert np.abs(np.diag([-1, -1, 1, 1]) @ image.affine - geometry.matrix).max() < 1e-3
