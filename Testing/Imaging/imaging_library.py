"""The built library libfrugalseg_imaging, called through its C interface (imaging.h)."""
import ctypes as C
import os
import types

import numpy as np


class Geometry(C.Structure):
    _fields_ = [("size", C.c_size_t * 3), ("ijk_to_lps", (C.c_double * 4) * 4)]

    @staticmethod
    def make(size, matrix):
        geometry = Geometry()
        geometry.size[:] = [int(n) for n in size]
        for row in range(4):
            geometry.ijk_to_lps[row][:] = [float(x) for x in matrix[row]]
        return geometry

    @property
    def matrix(self):
        return np.array([list(row) for row in self.ijk_to_lps])

    @property
    def shape(self):
        return tuple(reversed(list(self.size)))


class Volume(C.Structure):
    _fields_ = [("geometry", Geometry), ("voxels", C.POINTER(C.c_float)), ("modality", C.c_char * 17)]


class Mask(C.Structure):
    _fields_ = [("geometry", Geometry), ("voxels", C.POINTER(C.c_uint8))]


class Error(C.Structure):
    _fields_ = [("status", C.c_int), ("message", C.c_char * 512)]


class SeriesInfo(C.Structure):
    _fields_ = [("uid", C.c_char * 65), ("description", C.c_char * 129), ("modality", C.c_char * 17),
                ("body_part", C.c_char * 17), ("columns", C.c_size_t), ("rows", C.c_size_t),
                ("slices", C.c_size_t), ("spacing_mm", C.c_double * 3), ("verdict", C.c_int),
                ("reason_id", C.c_char * 33), ("reason", C.c_char * 257),
                ("repetition_ms", C.c_double), ("echo_ms", C.c_double), ("protocol", C.c_char * 129),
                ("scan_options", C.c_char * 65), ("volume", C.c_size_t), ("volumes", C.c_size_t),
                ("label", C.c_char * 97), ("key", C.c_char * 97)]


class EnhancedVolume(C.Structure):
    _fields_ = [("volume", C.c_void_p), ("echo_ms", C.c_double), ("repetition_ms", C.c_double),
                ("temporal_position", C.c_int), ("diffusion", C.c_int), ("b_value", C.c_double)]


class SeriesWriteOptions(C.Structure):
    _fields_ = [("description", C.c_char_p), ("patient_id", C.c_char_p), ("body_part", C.c_char_p),
                ("seed", C.c_uint64)]


class SegOptions(C.Structure):
    _fields_ = [("structure", C.c_char_p), ("model_name", C.c_char_p), ("model_version", C.c_char_p),
                ("model_sha256", C.c_char_p), ("edited", C.c_int),
                ("predecessor_instance_uid", C.c_char_p), ("predecessor_series_uid", C.c_char_p),
                ("segments", C.c_void_p), ("segment_count", C.c_size_t), ("type", C.c_int),
                ("uid_root", C.c_char_p), ("creator", C.c_char_p), ("predecessor_class_uid", C.c_char_p)]


class SegSegment(C.Structure):
    _fields_ = [("structure", C.c_char_p), ("value", C.c_int), ("edited", C.c_int)]


class SegNote(C.Structure):
    _fields_ = [("attribute", C.c_char * 48), ("kind", C.c_int), ("text", C.c_char * 176)]


class SegReport(C.Structure):
    _fields_ = [("instance_uid", C.c_char * 65), ("series_uid", C.c_char * 65), ("note_count", C.c_int),
                ("notes", SegNote * 24)]


class SegSegmentInfo(C.Structure):
    _fields_ = [("number", C.c_int), ("structure", C.c_char * 64), ("label", C.c_char * 65),
                ("code_value", C.c_char * 65), ("code_scheme", C.c_char * 17), ("code_meaning", C.c_char * 65),
                ("algorithm_type", C.c_char * 17), ("algorithm_name", C.c_char * 65), ("has_color", C.c_int),
                ("rgb", C.c_uint8 * 3)]


class Code(C.Structure):
    _fields_ = [("value", C.c_char_p), ("scheme", C.c_char_p), ("meaning", C.c_char_p)]


class Structure(C.Structure):
    _fields_ = [("name", C.c_char_p), ("label", C.c_char_p), ("category", Code), ("type", Code), ("side", Code),
                ("retired", C.c_char_p), ("rgb", C.c_uint8 * 3)]


class SegContent(C.Structure):
    _fields_ = [("instance_uid", C.c_char * 65), ("series_uid", C.c_char * 65),
                ("source_series_uid", C.c_char * 65), ("structure", C.c_char * 64),
                ("model_name", C.c_char * 65), ("model_version", C.c_char * 65),
                ("model_sha256", C.c_char * 65), ("edited", C.c_int), ("ours", C.c_int), ("type", C.c_char * 17),
                ("segment_count", C.c_size_t), ("frame_count", C.c_size_t),
                ("frame_of_reference_uid", C.c_char * 65), ("creator", C.c_char * 129),
                ("class_uid", C.c_char * 65)]


class Agreement(C.Structure):
    _fields_ = [("dice", C.c_double), ("hd95_mm", C.c_double), ("volume_ml", C.c_double),
                ("truth_ml", C.c_double)]


library = C.CDLL(os.environ["FRUGALSEG_IMAGING_LIBRARY"])
library.fseg_series_list_info.restype = C.POINTER(SeriesInfo)
library.fseg_series_list_info.argtypes = [C.c_void_p, C.c_size_t]
library.fseg_series_list_count.restype = C.c_size_t
library.fseg_series_list_count.argtypes = [C.c_void_p]
library.fseg_series_list_free.argtypes = [C.c_void_p]
library.fseg_series_reason_id.restype = C.c_char_p
library.fseg_series_reason_id.argtypes = [C.c_size_t]
library.fseg_series_list_choose_volume.argtypes = [C.c_void_p, C.c_char_p, C.c_size_t, C.c_void_p, C.c_void_p]
library.fseg_series_read.argtypes = [C.c_void_p, C.c_size_t, C.c_void_p, C.c_void_p, C.c_void_p]
library.fseg_seg_write_with.argtypes = [C.c_void_p, C.c_size_t, C.c_void_p, C.c_void_p, C.c_char_p, C.c_void_p,
                                        C.c_void_p]
library.fseg_seg_file_free.argtypes = [C.c_void_p]
library.fseg_seg_file_content.argtypes = [C.c_void_p]
library.fseg_seg_file_content.restype = C.POINTER(SegContent)
library.fseg_seg_file_segment.argtypes = [C.c_void_p, C.c_size_t]
library.fseg_seg_file_segment.restype = C.POINTER(SegSegmentInfo)
library.fseg_seg_file_read.argtypes = [C.c_void_p, C.c_size_t, C.c_void_p, C.c_double, C.c_void_p, C.c_void_p]
library.fseg_seg_file_read_labels.argtypes = [C.c_void_p, C.c_void_p, C.c_double, C.c_void_p, C.c_void_p]
library.fseg_structure_at.argtypes = [C.c_size_t]
library.fseg_structure_at.restype = C.POINTER(Structure)
NOTE_KINDS = ("repaired", "dropped", "invented")

BAD_INPUT = 10
REFUSED = 11
UNSUPPORTED = 4
AMBIGUOUS = 12


class Failure(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def check(call, *arguments):
    error = Error()
    status = call(*arguments, C.byref(error))
    if status:
        assert error.status == status and error.message
        raise Failure(status, error.message.decode())


class SeriesList:
    """The series below a folder."""

    def __init__(self, folder, allow_uneven=False):
        self.handle = C.c_void_p()
        options = C.c_int(int(allow_uneven))
        check(library.fseg_series_list_scan_with, os.fsencode(str(folder)), C.byref(options), None,
              C.byref(self.handle))

    def __del__(self):
        library.fseg_series_list_free(self.handle)

    def __len__(self):
        return library.fseg_series_list_count(self.handle)

    def info(self, index=0):
        return library.fseg_series_list_info(self.handle, index).contents

    def infos(self):
        return [self.info(index) for index in range(len(self))]

    def choose(self, uid=None, volume=0):
        index = C.c_size_t()
        check(library.fseg_series_list_choose_volume, self.handle, uid and uid.encode(), volume,
              C.byref(index))
        return index.value

    def read(self, index=0):
        """(voxels [slices, rows, columns], geometry)"""
        volume = C.POINTER(Volume)()
        check(library.fseg_series_read, self.handle, index, None, C.byref(volume))
        geometry = Geometry.from_buffer_copy(volume.contents.geometry)
        voxels = np.ctypeslib.as_array(volume.contents.voxels, geometry.shape).copy()
        library.fseg_volume_free(volume)
        return voxels, geometry

    def write_seg(self, mask, geometry, path, structure="liver", name="liver-t2", version="1.0",
                  sha256="0123456789abcdef" * 4, edited=0, index=0, predecessor=(None, None), segments=(),
                  labelmap=False, uid_root=None, creator=None):
        """`segments`: (structure, value[, edited]) each. Returns the report: UIDs, and as `notes` what was
        repaired or left out, as {attribute: (kind, text)}."""
        def text(value):
            return None if value is None else value.encode()
        natives = (SegSegment * len(segments))(*[
            SegSegment(text(s[0]), s[1], s[2] if len(s) > 2 else 0) for s in segments])
        options = SegOptions(text(structure), text(name), text(version), text(sha256), edited,
                             *map(text, predecessor), C.addressof(natives) if segments else None,
                             len(segments), int(labelmap), text(uid_root), text(creator), None)
        voxels = np.ascontiguousarray(mask, dtype=np.uint8)
        native = Mask(geometry, voxels.ctypes.data_as(C.POINTER(C.c_uint8)))
        report = SegReport()
        check(library.fseg_seg_write_with, self.handle, index, C.byref(native), C.byref(options),
              os.fsencode(str(path)), C.byref(report))
        notes = {n.attribute.decode(): (NOTE_KINDS[n.kind], n.text.decode()) for n in report.notes[:report.note_count]}
        return types.SimpleNamespace(instance_uid=report.instance_uid.decode(),
                                     series_uid=report.series_uid.decode(), notes=notes)


def write_series(voxels, matrix, folder, description="phantom", patient="PHANTOM", body_part="ABDOMEN",
                 seed=1):
    """Write voxels [slices, rows, columns] as a DICOM series."""
    data = np.ascontiguousarray(voxels, dtype=np.float32)
    geometry = Geometry.make(data.shape[::-1], matrix)
    volume = Volume(geometry, data.ctypes.data_as(C.POINTER(C.c_float)), b"MR")
    options = SeriesWriteOptions(description.encode(), patient.encode(), body_part.encode(), seed)
    check(library.fseg_series_write, C.byref(volume), C.byref(options), os.fsencode(str(folder)))


def read_seg(path, geometry):
    """(voxels [slices, rows, columns], what the file says about itself)"""
    mask = C.POINTER(Mask)()
    content = SegContent()
    check(library.fseg_seg_read, os.fsencode(str(path)), C.byref(geometry), C.byref(mask), C.byref(content))
    voxels = np.ctypeslib.as_array(mask.contents.voxels, geometry.shape).copy()
    library.fseg_mask_free(mask)
    return voxels, content


class SegFile:
    """An opened DICOM Segmentation."""

    def __init__(self, path):
        self.handle = C.c_void_p()
        check(library.fseg_seg_file_open, os.fsencode(str(path)), C.byref(self.handle))

    def __del__(self):
        library.fseg_seg_file_free(self.handle)

    @property
    def content(self):
        return SegContent.from_buffer_copy(library.fseg_seg_file_content(self.handle).contents)

    @property
    def segments(self):
        count = self.content.segment_count
        assert not library.fseg_seg_file_segment(self.handle, count)
        return [SegSegmentInfo.from_buffer_copy(library.fseg_seg_file_segment(self.handle, i).contents)
                for i in range(count)]  # copies: they outlive the file

    def _voxels(self, call, geometry, *arguments):
        mask = C.POINTER(Mask)()
        check(call, self.handle, *arguments, C.byref(mask))
        voxels = np.ctypeslib.as_array(mask.contents.voxels, geometry.shape).copy()
        library.fseg_mask_free(mask)
        return voxels

    def read(self, geometry, index=0, threshold=0.0):
        return self._voxels(library.fseg_seg_file_read, geometry, index, C.byref(geometry), threshold)

    def read_labels(self, geometry, threshold=0.0):
        return self._voxels(library.fseg_seg_file_read_labels, geometry, C.byref(geometry), threshold)


def structures():
    """The table of coded structures."""
    found = []
    while pointer := library.fseg_structure_at(len(found)):
        found.append(pointer.contents)
    return found


IN_ORDER, REVERSED, SHUFFLED = range(3)


def write_enhanced(volumes, folder, order=IN_ORDER, description="phantom", body_part="ABDOMEN", seed=1):
    """Write [(voxels [slices, rows, columns], matrix, {"echo_ms": ..., ...})] as one Enhanced MR file."""
    native = (EnhancedVolume * len(volumes))()
    kept = []
    for one, (voxels, matrix, values) in zip(native, volumes):
        data = np.ascontiguousarray(voxels, dtype=np.float32)
        volume = Volume(Geometry.make(data.shape[::-1], matrix),
                        data.ctypes.data_as(C.POINTER(C.c_float)), b"MR")
        kept += [data, volume]
        one.volume = C.addressof(volume)
        for name, value in values.items():
            setattr(one, name, value)
    options = SeriesWriteOptions(description.encode(), b"PHANTOM", body_part.encode(), seed)
    check(library.fseg_series_write_enhanced, native, C.c_size_t(len(volumes)), C.byref(options), order,
          os.fsencode(str(folder)))


def compare(mask, truth, matrix):
    def native(values):
        data = np.ascontiguousarray(values, dtype=np.uint8)
        pointer = data.ctypes.data_as(C.POINTER(C.c_uint8))
        return Mask(Geometry.make(data.shape[::-1], matrix), pointer), data
    (a, _a), (b, _b) = native(mask), native(truth)
    agreement = Agreement()
    check(library.fseg_mask_compare, C.byref(a), C.byref(b), C.byref(agreement))
    return agreement
