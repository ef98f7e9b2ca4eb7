#!/bin/sh
# Rebuilds liver-t2-free.fseg: from phantoms alone, no image of a person.
#
#   Resources/Models/liver-t2-free.sh train OUT           -> OUT/liver-t2-free.fseg
#   Resources/Models/liver-t2-free.sh evaluate DATA OUT   Dice and HD95 on labelled cases
#
# Goes on where it was stopped. About 5 minutes of two cores with AVX-512 BF16.
# Research use only - not a medical device.
set -eu
usage="usage: $0 train OUT, or $0 evaluate DATA OUT"
what=${1:?$usage}
here=$(cd "$(dirname "$0")" && pwd)
frugalseg=${FRUGALSEG:-$here/../../build/release/bin/frugalseg}
precision=float32
grep -q avx512_bf16 /proc/cpuinfo 2>/dev/null && precision=bfloat16

case $what in
train)
    out=${2:?$usage}
    mkdir -p "$out"
    [ -s "$out/liver-t2-free.json" ] && { echo "liver-t2-free: done before"; exit 0; }
    resume=
    [ -e "$out/liver-t2-free.checkpoint" ] && resume=--resume
    "$frugalseg" train --card "$here/liver-t2-free.json" --label 1 --size 160 --batch 8 \
        --steps 2000 --stop-at 1000 --weight-decay 0.01 --phantoms 48 --recolour 3 --recolour-share 0.6 \
        --average 0.99 --deep-supervision 0.5 --precision "$precision" --seed 1 \
        --checkpoint "$out/liver-t2-free.checkpoint" $resume --log "$out/liver-t2-free.jsonl" \
        --out "$out/liver-t2-free.fseg" --json > "$out/liver-t2-free.part"
    mv "$out/liver-t2-free.part" "$out/liver-t2-free.json"
    ;;
evaluate)
    data=${2:?$usage} out=${3:?$usage}
    "$frugalseg" evaluate --model "$out/liver-t2-free.fseg" --data "$data" --label 1 --json
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
