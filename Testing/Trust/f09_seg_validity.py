"""F9: SEGs of many different sources, judged by dciodvfy and read back by dcmqi, highdicom and our own reader."""

import sys

import figure

sys.path.insert(0, str(figure.SOURCE / "Testing" / "Imaging"))
SOURCES = ("Logic/Imaging", "Testing/Imaging")


def measure(run):
    import imaging_library as lib
    import pydicom
    import seg_judges
    import seg_sources

    counts, faults, uncoded, judge_failed, refused, inherited = {}, [], 0, 0, 0, 0
    coded = {s.type.value.decode() for s in lib.structures()}
    for number, source in enumerate(seg_sources.every(run.folder, figure.SHARED / "data", lib, run.quick)):
        path = run.folder / f"seg{number}.dcm"
        try:
            source.found.write_seg(source.labels, source.geometry, path, index=source.index, segments=source.segments)
        except lib.Failure as failure:
            # Some test files of pydicom are made without what a reference needs; they are no sources.
            run.say(f"{source.origin}, {source.name}: refused: {failure}")
            refused += 1
            if "UID" not in str(failure) or source.origin != "pydicom's test files":
                faults.append(f"{source.name}: {failure}")
            continue
        problems = []
        try:
            problems += seg_judges.dciodvfy(path)
            # A study whose UID is also that of its frame of reference: the segmentation has to carry both as they are.
            kept = [line for line in problems if "same value as FrameOfReferenceUID" in line]
            data = pydicom.dcmread(path, stop_before_pixels=True)
            if kept and problems == kept and data.StudyInstanceUID == data.FrameOfReferenceUID:
                run.say(f"{source.origin}, {source.name}: not counted, {kept[0]}")
                inherited += 1
                seg_sources.clear(run.folder, number)
                continue
        except seg_judges.JudgeFailed as failure:
            judge_failed += 1
            problems.append(str(failure))
        problems += seg_judges.differences(path, source.geometry, source.labels, run.folder / f"dcmqi{number}")
        if not (lib.SegFile(path).read_labels(source.geometry) == source.labels).all():
            problems.append("our reader reads other voxels")
        for segment in pydicom.dcmread(path, stop_before_pixels=True).SegmentSequence:
            uncoded += segment.SegmentedPropertyTypeCodeSequence[0].CodeValue not in coded
        counts[source.origin] = counts.get(source.origin, 0) + 1
        faults += [f"{source.name}: {problem}" for problem in problems]
        run.say(f"{source.origin}, {source.name}: {'; '.join(problems) or 'valid, read back identically'}")
        seg_sources.clear(run.folder, number)
    total = sum(counts.values())
    value = (f"{total} sources ({', '.join(f'{n} {origin}' for origin, n in counts.items())}): {len(faults)} errors or "
             f"differences, {uncoded} uncoded segments, {judge_failed} without a verdict of dciodvfy, {refused} more "
             f"refused by name, {inherited} more not counted (source with one UID for study and frame of reference)")  # fmt: skip
    return run.result("; ".join([value, *faults[:3]]),
                      not faults and uncoded == 0 and (run.quick or total >= 60))  # fmt: skip


if __name__ == "__main__":
    figure.main("F9", "DICOM SEGs from different sources: dciodvfy errors, read back by dcmqi and highdicom",
                "60 sources; 0, identical", measure)  # fmt: skip
