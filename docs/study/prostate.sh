#!/bin/sh
# The study's prostate section: how many labels pretraining saves on held-out synthetic subjects.
#
#   docs/study/prostate.sh LABELS OUT [study option]...
#
# LABELS: prostate_NN_label.nii.gz of the Medical Segmentation Decathlon (CC BY-SA 4.0). Subjects to
# train on, to choose and to test come from different shapes and different seeds. Cases are made in
# build/study/prostate-cases, results go to OUT; both go on where they were stopped.
# About 10 minutes of processor time. Research use only - not a medical device.
set -eu
labels=${1:?"usage: $0 LABELS OUT [option]..."} out=${2:?"usage: $0 LABELS OUT [option]..."}
shift 2
here=$(cd "$(dirname "$0")" && pwd)
frugalseg=${FRUGALSEG:-$here/../../build/release/bin/frugalseg}
cases=$here/../../build/study/prostate-cases
choose=prostate_04,prostate_17,prostate_31,prostate_41
test=prostate_10,prostate_24,prostate_37,prostate_46
mkdir -p "$cases/cases"

# make NAME COUNT SEED OPTION...: a set of subjects, listed among the cases under its name.
make() {
    name=$1 count=$2 seed=$3
    shift 3
    "$frugalseg" synth --anatomy pelvis --whole-gland --out "$cases/$name" --cases "$count" \
        --seed "$seed" --maps "$labels" --parametric-share 0 --quiet "$@"
    for file in "$cases/$name"/pelvis_*.nii.gz; do
        base=$(basename "$file")
        ln -sf "../$name/$base" "$cases/cases/${name}_${base#pelvis_}"
    done
}

make train 12 31 --exclude-maps "$choose,$test"
make choose 2 32 --only-maps "$choose" --map-variation 0.3
make test 8 33 --only-maps "$test" --map-variation 0.3
"$frugalseg" study "$here/prostate.json" --out "$out" "$@"
