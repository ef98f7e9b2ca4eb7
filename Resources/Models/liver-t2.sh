#!/bin/sh
# Rebuilds liver-t2.fseg and its cross-validation from the labelled cases.
#
#   Resources/Models/liver-t2.sh validate DATA OUT   four subject-level folds; Dice and HD95 per case
#   Resources/Models/liver-t2.sh shifts DATA OUT     the folds' models on changed images of their own
#                                                    held-out cases: OUT/shift-*.json
#   Resources/Models/liver-t2.sh train DATA OUT      all cases -> OUT/liver-t2.fseg
#
# DATA holds NAME_image.nii.gz and NAME_label.nii.gz (liver = 1, other organs other values). Two
# stages: 2500 steps on the images as they are, then 1250 of a schedule of 1500 steps in which two of five samples are
# recoloured (docs/theory/recolouring.md), with a moving average of the weights and deep supervision.
# All go on where they were stopped. About 15 minutes of two cores with AVX-512 BF16 a fold.
# Research use only - not a medical device.
set -eu
usage="usage: $0 validate|shifts|train DATA OUT"
what=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(cd "$(dirname "$0")" && pwd)
frugalseg=${FRUGALSEG:-$here/../../build/release/bin/frugalseg}
precision=float32
grep -q avx512_bf16 /proc/cpuinfo 2>/dev/null && precision=bfloat16
mkdir -p "$out"

# run NAME OPTION...: one training run, skipped when its result is there.
run() {
    name=$1
    shift
    [ -s "$out/$name.json" ] && { echo "$name: done before"; return; }
    resume=
    [ -e "$out/$name.checkpoint" ] && resume=--resume
    "$frugalseg" train --data "$data" --label 1 --card "$here/liver-t2.json" \
        --size 160 --batch 8 --weight-decay 0.01 --phantoms 8 --phantom-share 0.15 \
        --checkpoint "$out/$name.checkpoint" $resume --log "$out/$name.jsonl" \
        --out "$out/$name.fseg" --json "$@" > "$out/$name.part"
    mv "$out/$name.part" "$out/$name.json"
}

# both NAME OPTION...: the two stages.
both() {
    name=$1
    shift
    run "$name-plain" --steps 2500 --seed 1 "$@"
    run "$name" --init "$out/$name-plain.fseg" --steps 1500 --stop-at 1250 --lr 5e-4 --seed 2 \
        --recolour 6 --recolour-share 0.4 --average 0.99 --deep-supervision 0.5 \
        --precision "$precision" "$@"
}

# held_out K: the names that fold K of 4 leaves out, comma-separated.
held_out() {
    ls "$data" | sed -n 's/_image\.nii\.gz$//p' | LC_ALL=C sort |
        awk -v k="$1" 'NR % 4 == k % 4' | paste -s -d , -
}

case $what in
validate)
    for fold in 1 2 3 4; do
        both "fold$fold" --fold "$fold/4"
    done
    cat "$out"/fold?.json
    ;;
shifts)
    for shift in none dark bright bias noise; do
        for fold in 1 2 3 4; do
            result=$out/shift-$shift-fold$fold
            [ -s "$result.json" ] && continue
            "$frugalseg" evaluate --model "$out/fold$fold.fseg" --data "$data" --label 1 \
                --only "$(held_out "$fold")" --shift "$shift" --json > "$result.part"
            mv "$result.part" "$result.json"
        done
    done
    cat "$out"/shift-*.json
    ;;
train) both liver-t2 ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
