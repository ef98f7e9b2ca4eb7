#!/bin/sh
# Rebuilds liver-t2.fseg and its cross-validation from the labelled cases.
#
#   Resources/Models/liver-t2.sh validate DATA OUT   four subject-level folds; Dice and HD95 per case
#   Resources/Models/liver-t2.sh train DATA OUT      all cases -> OUT/liver-t2.fseg
#
# DATA holds NAME_image.nii.gz and NAME_label.nii.gz (liver = 1). Both go on where they were stopped.
# About 10 minutes a fold on two cores with AVX-512. Research use only - not a medical device.
set -eu
usage="usage: $0 validate|train DATA OUT"
what=${1:?$usage} data=${2:?$usage} out=${3:?$usage}
here=$(cd "$(dirname "$0")" && pwd)
frugalseg=${FRUGALSEG:-$here/../../build/release/bin/frugalseg}
mkdir -p "$out"

# run NAME OPTION...: one training run, skipped when its result is there.
run() {
    name=$1
    shift
    [ -s "$out/$name.json" ] && { echo "$name: done before"; return; }
    resume=
    [ -e "$out/$name.checkpoint" ] && resume=--resume
    "$frugalseg" train --data "$data" --label 1 --card "$here/liver-t2.json" \
        --size 160 --batch 8 --steps 2500 --weight-decay 0.01 \
        --phantoms 8 --phantom-share 0.15 --seed 1 \
        --checkpoint "$out/$name.checkpoint" $resume --log "$out/$name.jsonl" \
        --out "$out/$name.fseg" --json "$@" > "$out/$name.part"
    mv "$out/$name.part" "$out/$name.json"
}

case $what in
validate)
    for fold in 1 2 3 4; do
        run "fold$fold" --fold "$fold/4"
    done
    cat "$out"/fold?.json
    ;;
train) run liver-t2 ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
