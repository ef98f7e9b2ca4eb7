"""Malformed files made from good ones, by rules that know the format; a seed gives the same ones again."""
import json
import re
import struct

import numpy as np

ITEM = b"\xfe\xff\x00\xe0"
LENGTHS = (0, 1, 2, 3, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFF)
# What geometry, pixels and text are read from, with values that no sane file has.
DICTIONARY = {
    (0x0028, 0x0010): (0, 1, 65535, 32768), (0x0028, 0x0011): (0, 1, 65535, 32768),
    (0x0028, 0x0002): (0, 2, 3, 65535), (0x0028, 0x0100): (0, 1, 7, 12, 32, 64, 65535),
    (0x0028, 0x0101): (0, 1, 17, 65535), (0x0028, 0x0102): (0, 31, 65535), (0x0028, 0x0103): (2, 65535),
    (0x0028, 0x0008): ("0", "-1", "2147483647", "4294967297", "1e9", "nan", ""),
    (0x0028, 0x0030): ("0\\0", "-1\\1", "1e308\\1e308", "nan\\nan", "1", "\\", "1e-320\\1"),
    (0x0028, 0x1053): ("0", "nan", "1e308", "-1e308", "inf"), (0x0028, 0x1052): ("nan", "1e308", "-inf"),
    (0x0020, 0x0032): ("nan\\0\\0", "1e308\\1e308\\1e308", "0\\0", "", "\\\\", "1e400\\0\\0"),
    (0x0020, 0x0037): ("0\\0\\0\\0\\0\\0", "1\\0\\0\\1\\0\\0", "nan\\0\\0\\0\\1\\0", "1\\0\\0\\0\\1",
                       "1e308\\1e308\\1e308\\1e308\\1e308\\1e308"),
    (0x0020, 0x0013): ("-2147483649", "99999999999999999999", "x"), (0x0018, 0x0088): ("0", "-1e308", "nan"),
    (0x0008, 0x0005): ("ISO 2022 IR 87", "\\ISO 2022 IR 149", "ISO_IR 999", "GB18030", "ISO_IR 192\\" * 40),
    (0x0008, 0x103E): ("A" * 70000, "\x1b$B\x1b(B" * 200, "\xff\xfe\xfd"), (0x0008, 0x0060): ("", "A" * 5000),
    (0x0028, 0x0004): ("PALETTE COLOR", "YBR_FULL_422", "RGB", ""), (0x0062, 0x0001): ("LABELMAP", "FRACTIONAL", ""),
    (0x0020, 0x000E): ("", "1" * 4000, "../../x"), (0x0008, 0x0016): ("", "1.2", "9" * 200),
}  # fmt: skip
SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
            "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57",
            "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.90",
            "1.2.3")  # fmt: skip


class Element:
    """Where an element lies in the file: start, length field, value."""

    def __init__(self, data, start, tag, vr, field, size, value, length):
        self.start, self.tag, self.vr = start, tag, vr
        self.field, self.field_size = field, size  # offset and width of the length
        self.value, self.length = value, length

    @property
    def end(self):
        return self.value + self.length


def elements(data):
    """The elements that can be told, nested ones included; a file that is no DICOM gives none."""
    start = 132 if data[128:132] == b"DICM" else 0
    found, at, nested = [], start, 0
    order = "<"
    while at + 8 <= len(data) and len(found) < 4000:
        group, number = struct.unpack_from(order + "HH", data, at)
        vr = data[at + 4 : at + 6]
        if group == 0xFFFE:
            length = struct.unpack_from(order + "I", data, at + 4)[0]
            found.append(Element(data, at, (group, number), b"", at + 4, 4, at + 8, 0))
            at += 8
            continue
        if re.fullmatch(rb"[A-Z]{2}", vr):
            if vr in (b"OB", b"OW", b"OF", b"OD", b"OL", b"SQ", b"UN", b"UC", b"UR", b"UT", b"SV", b"UV"):
                if at + 12 > len(data):
                    break
                field, size, value = at + 8, 4, at + 12
            else:
                field, size, value = at + 6, 2, at + 8
        else:
            vr, field, size, value = b"", at + 4, 4, at + 8
        length = struct.unpack_from(order + ("I" if size == 4 else "H"), data, field)[0]
        inside = vr == b"SQ" or length == 0xFFFFFFFF  # go on inside of it
        found.append(Element(data, at, (group, number), vr, field, size, value, 0 if inside else length))
        at = value if inside else value + length
        nested += inside
    return [e for e in found if e.end <= len(data)]


def flips(data, random):
    out = bytearray(data)
    for _ in range(int(random.integers(1, 65))):
        if out:
            out[int(random.integers(len(out)))] = int(random.integers(256))
    return bytes(out)


def truncations(data):
    """Cut at every border of an element, and within its header."""
    ends = {0, 1, 127, 128, 131, 132, 133}
    for element in elements(data):
        ends |= {element.start, element.start + 2, element.start + 4, element.field, element.value,
                 element.value + element.length // 2}  # fmt: skip
    return [data[:end] for end in sorted(ends) if end < len(data)]


def _value(element, value):
    """An element's bytes with another value."""
    raw = value.encode("latin-1") if isinstance(value, str) else struct.pack("<H", value)
    raw += b"\0" if len(raw) % 2 else b""
    head = struct.pack("<HH", *element.tag)
    if not element.vr:
        return head + struct.pack("<I", len(raw)) + raw
    if element.field_size == 4:
        return head + element.vr + b"\0\0" + struct.pack("<I", len(raw)) + raw
    return head + element.vr + struct.pack("<H", min(len(raw), 65534)) + raw[:65534]


def _nested(depth):
    """Sequences within sequences, each of undefined length."""
    one = b"\x40\x00\x00\xa1SQ\0\0\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff"
    return one * depth


def dicom(data, random):
    """One malformed DICOM file."""
    known = elements(data)
    if not known or random.random() < 0.15:
        return flips(data, random)
    kind = int(random.integers(9))
    element = known[int(random.integers(len(known)))]
    out = bytearray(data)
    if kind == 0:  # a wrong length
        options = [*LENGTHS, max(element.length - 1, 0), element.length + 1, len(data) - element.value]
        value = options[int(random.integers(len(options)))]
        width = element.field_size
        out[element.field : element.field + width] = struct.pack("<I", value & 0xFFFFFFFF)[:width]
    elif kind in (1, 2):  # a value out of the dictionary
        wanted = [e for e in known if e.tag in DICTIONARY]
        if not wanted:
            return flips(data, random)
        element = wanted[int(random.integers(len(wanted)))]
        options = DICTIONARY[element.tag]
        out[element.start : element.end] = _value(element, options[int(random.integers(len(options)))])
    elif kind == 3:
        del out[element.start : element.end]
    elif kind == 4:  # twice, or many times
        out[element.start : element.start] = data[element.start : element.end] * int(random.choice([1, 2, 50]))
    elif kind == 5:  # two elements change places
        other = known[int(random.integers(len(known)))]
        first, second = sorted((element, other), key=lambda e: e.start)
        if first.end <= second.start:
            out[first.start : second.end] = (data[second.start : second.end] + data[first.end : second.start]
                                             + data[first.start : first.end])  # fmt: skip
    elif kind == 6:  # another value representation
        if element.vr:
            out[element.start + 4 : element.start + 6] = random.choice(
                [b"SQ", b"UN", b"OW", b"DS", b"US", b"PN", b"??", b"AT", b"OB"])  # fmt: skip
    elif kind == 7:  # another transfer syntax
        syntax = next((e for e in known if e.tag == (2, 0x10)), None)
        if syntax is None:
            return flips(data, random)
        out[syntax.start : syntax.end] = _value(syntax, str(random.choice(SYNTAXES)))
    else:
        out[element.start : element.start] = _nested(int(random.choice([1, 10, 200, 1000])))
    return flips(bytes(out), random) if random.random() < 0.1 else bytes(out)


def binary(data, random):
    """One malformed file of any format: flips, cuts, repeats, numbers at odd places."""
    kind = int(random.integers(5))
    at = int(random.integers(len(data))) if data else 0
    if kind == 0 or len(data) < 4:
        return flips(data, random)
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + data[at : at + 64] * int(random.choice([2, 3, 100])) + data[at:]
    if kind == 3:
        width = int(random.choice([1, 2, 4, 8]))
        value = int(random.choice([0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1]))
        return data[:at] + (value & (256**width - 1)).to_bytes(width, "little") + data[at + width :]
    return data[:at] + data[at + int(random.integers(1, 64)) :]


def _paths(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _paths(child, (*path, key))


ODD = (None, True, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 1e308, -0.0, 1e-320, "", "x", "\u0000", "é" * 200, "A" * 70000,
       [], {}, [[]], {"": {}}, ["x"] * 300, "../../../etc/x", "/x", "1", "1.0", "nan")  # fmt: skip


def json_text(text, random):
    """One malformed JSON text: a value replaced, removed or doubled; else bytes changed."""
    if random.random() < 0.4:
        return binary(text, random)
    try:
        value = json.loads(text)
    except ValueError:
        return binary(text, random)
    paths = [p for p in _paths(value) if p]
    if not paths:
        return binary(text, random)
    path = paths[int(random.integers(len(paths)))]
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    kind = int(random.integers(4))
    if kind == 0:
        del parent[path[-1]]
    elif kind == 1 and isinstance(parent, list):
        parent += [parent[path[-1]]] * int(random.choice([1, 300]))
    elif kind == 2 and isinstance(parent, dict):
        parent[str(random.choice(["", "x", "a" * 3000, path[-1] + " "]))] = parent.pop(path[-1])
    else:
        parent[path[-1]] = ODD[int(random.integers(len(ODD)))]
    out = json.dumps(value).encode()
    return b"[" * 5000 + out if random.random() < 0.01 else out
