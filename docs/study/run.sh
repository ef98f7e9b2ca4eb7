#!/bin/bash
# Do, or go on with, the liver study, and renew its results in this folder.
#
# usage: docs/study/run.sh [FOLDER]     (default: build/study/liver; a few hours of two processors)
#   FRUGALSEG  the program (default: build/release/bin/frugalseg)
#   JOBS       runs side by side (default 2)
#   FRESH=1    begin anew instead of from the finished runs in runs.tar.gz
#
# Nothing is lost when it is stopped, at any time; the same command goes on.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here/../../build/study/liver}")
program=${FRUGALSEG:-$here/../../build/release/bin/frugalseg}
mkdir -p "$out"
if [ ! -d "$out/runs" ] && [ "${FRESH:-0}" != 1 ] && [ -f "$here/runs.tar.gz" ]; then
    tar -xzf "$here/runs.tar.gz" -C "$out"
fi
# Each process computes on one thread.
export OPENBLAS_NUM_THREADS=1 ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=1
code=0
"$program" study "$here/liver.json" --out "$out" --jobs "${JOBS:-2}" ${REPORT:+--report} || code=$?
for name in results.csv choices.csv pretraining.csv summary.json results.md plot.png plot.svg; do
    if [ -f "$out/$name" ]; then
        cp "$out/$name" "$here/$name"
    fi
done
# All finished runs, the same bytes for the same runs.
tar --sort=name --mtime='2000-01-01 00:00Z' --owner=0 --group=0 --numeric-owner -C "$out" -cf - \
    --mode=u=rwX,go=rX runs | gzip -9n >"$here/runs.tar.gz.new"
mv "$here/runs.tar.gz.new" "$here/runs.tar.gz"
exit $code
