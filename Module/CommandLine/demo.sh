#!/bin/sh
# The main job from end to end; called by `make demo`, which sets BUILD, MODEL, SEED, OUT, SCAN, SERIES.
#
# Without SCAN: an abdominal phantom is written as a DICOM series, so that the truth is known.
# Leaves in OUT: overlay.png, segmentation.dcm (DICOM input), mask.nii.gz, report.json.
set -eu

frugalseg=$BUILD/bin/frugalseg
overlay=$BUILD/bin/frugalseg-overlay

say() { printf '[demo] %s\n' "$*"; }

# A failure must not leave the results of an earlier run behind.
mkdir -p "$OUT"
rm -f "$OUT/overlay.png" "$OUT/segmentation.dcm" "$OUT/mask.nii.gz" "$OUT/report.json"

if [ -n "$SCAN" ]; then
    image=$SCAN
    set -- ${SERIES:+--series "$SERIES"}
else
    say "making an abdominal phantom (seed $SEED) as a DICOM series"
    rm -rf "$OUT/phantom"
    "$frugalseg" synth --out "$OUT/phantom" --seed "$SEED"
    image=$OUT/phantom/dicom
    set -- --truth "$OUT/phantom/truth.nii.gz"
fi

say "segmenting with the model $MODEL"
"$frugalseg" segment --model "$MODEL" --in "$image" --out "$OUT" "$@"

say "drawing the overlay"
structure=$(sed -n 's/.*"structure": *"\([^"]*\)".*/\1/p' "$OUT/report.json" | head -n 1)
"$overlay" --image "$image" ${SERIES:+--series "$SERIES"} --mask "$OUT/mask.nii.gz" \
    --label "${structure:-mask}" --out "$OUT/overlay.png"

say "results in $OUT (research use only - not a medical device):"
for file in overlay.png segmentation.dcm mask.nii.gz report.json; do
    if [ -f "$OUT/$file" ]; then
        printf '  %s\n' "$OUT/$file"
    fi
done
