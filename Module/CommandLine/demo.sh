#!/bin/sh
# The main job from end to end; called by `make demo`, which sets BUILD, MODEL, SEED, OUT and SCAN.
#
# Without SCAN: an abdominal phantom is written as a DICOM series, so that the truth is known.
# Leaves in OUT: overlay.png, segmentation.dcm (DICOM input), mask.nii.gz, report.json.
set -eu

frugalseg=$BUILD/bin/frugalseg
overlay=$BUILD/bin/frugalseg-overlay

say() { printf '[demo] %s\n' "$*"; }

# The results of an earlier run go away only here, never a folder of the user's.
mkdir -p "$OUT"
rm -rf "$OUT/phantom"
rm -f "$OUT/overlay.png" "$OUT/segmentation.dcm" "$OUT/mask.nii.gz" "$OUT/report.json"

if [ -n "$SCAN" ]; then
    image=$SCAN
    set --
else
    say "making an abdominal phantom (seed $SEED) as a DICOM series"
    "$frugalseg" synth --out "$OUT/phantom" --seed "$SEED"
    image=$OUT/phantom/dicom
    set -- --truth "$OUT/phantom/truth.nii.gz"
fi

say "segmenting with the model $MODEL"
"$frugalseg" segment --model "$MODEL" --in "$image" --out "$OUT" "$@"

say "drawing the overlay"
"$overlay" --image "$image" --mask "$OUT/mask.nii.gz" --out "$OUT/overlay.png"

say "results in $OUT (research use only - not a medical device):"
for file in overlay.png segmentation.dcm mask.nii.gz report.json; do
    if [ -f "$OUT/$file" ]; then
        printf '  %s\n' "$OUT/$file"
    fi
done
