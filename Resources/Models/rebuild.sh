#!/bin/sh
# Rebuilds every shipped model whose data are there, one after the other; `make models` runs it.
#
#   Resources/Models/rebuild.sh DATA OUT
#
# DATA holds chaos-t2spir-nc/ (liver) and msd-prostate-labels/ (prostate); liver-t2-free needs none.
# Goes on where it was stopped; hours on two cores. Says at the end which models differ from the
# shipped ones: with the same processor family the bytes are the same.
# Research use only - not a medical device.
set -eu
usage="usage: $0 DATA OUT"
data=${1:?$usage} out=${2:?$usage}
here=$(cd "$(dirname "$0")" && pwd)

# rebuild NAME FOLDER: by NAME.sh, from a folder of DATA ("-": from none).
rebuild() {
    name=$1 folder=$2
    [ -e "$here/$name.sh" ] && [ -e "$here/$name.json" ] || return 0
    if [ "$folder" = - ]; then
        sh "$here/$name.sh" train "$out/$name"
    elif [ -d "$data/$folder" ]; then
        sh "$here/$name.sh" train "$data/$folder" "$out/$name"
    else
        echo "$name: left out, its data $data/$folder are not there" >&2
        return 0
    fi
    built=$(sha256sum < "$out/$name/$name.fseg" | cut -d ' ' -f 1)
    if [ ! -e "$here/$name.fseg.sha256" ]; then
        echo "$name: $built"
    elif [ "$built" = "$(cut -d ' ' -f 1 "$here/$name.fseg.sha256")" ]; then
        echo "$name: the shipped model, byte for byte"
    else
        echo "$name: $built, not the shipped model"
    fi
}

rebuild liver-t2-free -
rebuild liver-t2 chaos-t2spir-nc
rebuild prostate-t2 msd-prostate-labels
