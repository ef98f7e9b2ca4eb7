#!/bin/sh
# Rebuilds prostate-t2.fseg: from synthetic images around real label maps, no labelled real image.
#
#   Resources/Models/prostate-t2.sh cases LABELS OUT      training, choosing and test cases
#   Resources/Models/prostate-t2.sh train LABELS OUT      -> OUT/prostate-t2.fseg (makes the cases first)
#   Resources/Models/prostate-t2.sh evaluate LABELS OUT   Dice and HD95 on the held-out shapes
#
# LABELS holds prostate_NN_label.nii.gz (Medical Segmentation Decathlon, Task05: 1 peripheral, 2
# transition zone; CC BY-SA 4.0). Eight shapes are held out: four to choose a recipe, four to measure.
# All steps go on where they were stopped. Research use only - not a medical device.
set -eu
usage="usage: $0 cases|train|evaluate LABELS OUT"
what=${1:?$usage} labels=${2:?$usage} out=${3:?$usage}
here=$(cd "$(dirname "$0")" && pwd)
frugalseg=${FRUGALSEG:-$here/../../build/release/bin/frugalseg}
choose=prostate_04,prostate_17,prostate_31,prostate_41
test=prostate_10,prostate_24,prostate_37,prostate_46
mkdir -p "$out"

cases() {
    "$frugalseg" synth --anatomy pelvis --whole-gland --out "$out/train" --cases 240 --seed 11 \
        --maps "$labels" --exclude-maps "$choose,$test"
    "$frugalseg" synth --anatomy pelvis --whole-gland --out "$out/choose" --cases 8 --seed 12 \
        --maps "$labels" --only-maps "$choose" --parametric-share 0 --map-variation 0.3
    "$frugalseg" synth --anatomy pelvis --whole-gland --out "$out/test" --cases 16 --seed 13 \
        --maps "$labels" --only-maps "$test" --parametric-share 0 --map-variation 0.3
}

case $what in
cases) cases ;;
train)
    cases
    resume=
    [ -e "$out/prostate-t2.checkpoint" ] && resume=--resume
    "$frugalseg" train --data "$out/train" --label 1 --card "$here/prostate-t2.json" \
        --size 96 --batch 8 --steps 4000 --weight-decay 0.01 --seed 1 \
        --checkpoint "$out/prostate-t2.checkpoint" $resume --log "$out/prostate-t2.jsonl" \
        --out "$out/prostate-t2.fseg" --json
    ;;
evaluate)
    cases
    "$frugalseg" evaluate --model "$out/prostate-t2.fseg" --data "$out/test" --label 1 --json
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
