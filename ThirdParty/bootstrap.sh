#!/bin/bash
# Obtain everything that FrugalSeg is built from, on Debian 12 with root, python3 and gcc.
#
# usage: bootstrap.sh [--tests|--benchmark|--fuzz]
#   --tests: also what only `make test` needs; --benchmark: also what only `make bench-peers` needs;
#   --fuzz: also what only `make fuzz` needs
#
# Three steps, each skipped when it is done (a second call takes well under a second):
#   1. Debian packages that are missing
#   2. a Python environment with pinned wheels        -> $FRUGALSEG_DEPS/venv
#   3. VTK's headers and wrapping tools               -> $FRUGALSEG_DEPS/vtk-sdk
# Nothing else on the system is touched; the rest lies in the build tree.
#
# Environment:
#   FRUGALSEG_DEPS         where to put steps 2 and 3 (default: build/deps)
#   FRUGALSEG_VTK_DEBS     folder with libvtk9-dev, vtk9, python3-vtk9 (9.6.*) and libc6 .deb files;
#                          without it they are fetched from Debian testing, through the mirror that
#                          this machine's apt already uses
#   FRUGALSEG_PYTHON       interpreter for the environment (default: Debian's python3)
#   FRUGALSEG_TORCH_INDEX  extra package index for PyTorch's CPU wheel (see requirements-test.txt)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deps=$(realpath -m "${FRUGALSEG_DEPS:-$here/../build/deps}")
with_tests=no
with_benchmark=no
with_fuzz=no
case "${1:-}" in
'') ;;
--tests) with_tests=yes ;;
--benchmark) with_tests=yes with_benchmark=yes ;;
--fuzz) with_tests=yes with_fuzz=yes ;;
*) echo "usage: bootstrap.sh [--tests|--benchmark|--fuzz]" >&2; exit 2 ;;
esac

say() { echo "[dependencies] $*"; }
fail() { echo "[dependencies] error: $*" >&2; exit 1; }

# Two builds at once wait for each other instead of unpacking over each other.
mkdir -p "$deps"
exec 9>"$deps/.lock"
flock 9

# ---- 1. Debian packages --------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
works() { "$@" >/dev/null 2>&1; }
cmake_is_new_enough() {
    local version
    version=$(cmake --version 2>/dev/null | sed -n '1s/[^0-9]*//p')
    [ -n "$version" ] && [ "$(printf '3.25\n%s\n' "$version" | sort -V | head -n 1)" = 3.25 ]
}

system_packages() {
    command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
        fail "this script knows Debian's packages only; on another system install the packages that it names, a Slicer build, and give CMake its Slicer_DIR"
    local missing=() package
    # tools count as present wherever they come from
    works g++ --version || missing+=(g++)
    works make --version || missing+=(make)
    works ninja --version || missing+=(ninja-build)
    works pkg-config --version || missing+=(pkg-config)
    cmake_is_new_enough || missing+=(cmake)
    local wanted=(libopenblas-dev libjansson-dev libmd-dev libarchive-dev libonnx-dev libprotobuf-c-dev
        protobuf-c-compiler gnuplot-nox fonts-dejavu-core libegl1 libgl1 libgl1-mesa-dri)
    if [[ "$python" = /usr/bin/* ]]; then
        wanted+=(python3 python3-venv python3-dev)
    fi
    if [ $with_tests = yes ]; then
        wanted+=(googletest dicom3tools clang-format chromium
            qtbase5-dev qttools5-dev qttools5-dev-tools xvfb xauth
            libopenmpi-dev openmpi-bin
            dcmtk orthanc)
    fi
    if [ $with_fuzz = yes ]; then
        wanted+=(clang-19 libclang-rt-19-dev llvm-19)
    fi
    for package in "${wanted[@]}"; do
        installed "$package" || missing+=("$package")
    done
    if [ ${#missing[@]} = 0 ]; then
        say "Debian packages: present"
        return
    fi
    [ "$(id -u)" = 0 ] || fail "please install these packages as root: apt-get install ${missing[*]}"
    say "Debian packages: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install --no-install-recommends "${missing[@]}" >"$deps/apt.log" 2>&1 9>&- ||
        { tail -n 20 "$deps/apt.log" >&2; fail "apt-get could not install: ${missing[*]}"; }
}

# ---- 2. Python environment -----------------------------------------------------------------------

# install_wheels NAME REQUIREMENTS...: the stamp holds what was asked for, so that a changed file or
# interpreter is noticed
install_wheels() {
    local name=$1 stamp=$venv/.frugalseg-$1 wish file arguments=()
    shift
    wish=$("$python" --version; cat "$@")
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wish" ]; then
        say "$name wheels: present"
        return
    fi
    say "$name wheels: installing into ${venv#"$PWD"/} ($(cat "$@" | grep -c '^[^#]') pinned, about a minute)"
    if [ ! -x "$venv/bin/pip" ]; then
        rm -rf "$venv"
        "$python" -m venv "$venv" || fail "$python cannot make a virtual environment"
    fi
    for file in "$@"; do
        arguments+=(-r "$file")
    done
    if [ -n "${FRUGALSEG_TORCH_INDEX:-}" ]; then
        arguments+=(--extra-index-url "$FRUGALSEG_TORCH_INDEX")
    fi
    "$venv/bin/pip" --disable-pip-version-check install --quiet "${arguments[@]}" 2>"$deps/pip.log" 9>&- ||
        { tail -n 20 "$deps/pip.log" >&2; fail "pip could not install the $name wheels"; }
    printf '%s' "$wish" >"$stamp"
}

# ---- 3. VTK headers and wrapping tools -----------------------------------------------------------
# The wheel of VTK has libraries only. All of VTK 9.6.x has one binary interface, so headers of
# Debian's 9.6 serve. They are unpacked beside the build, never installed.

vtk_packages=(libvtk9-dev vtk9 python3-vtk9 libc6) # libc6 only to run the wrapping tools

# Download the packages from Debian testing with an apt state of its own, so that the system's
# package lists stay as they are.
download_vtk_packages() {
    local folder=$1 state=$1/apt mirror
    if ! apt-get indextargets --format '$(ORIGIN)' | grep -qx Debian; then
        [ "$(id -u)" = 0 ] || fail "apt has no package lists; please run 'apt-get update' as root first"
        apt-get -qq update
    fi
    mirror=$(apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' | sed -n 's/^Debian|//p' | head -n 1)
    [ -n "$mirror" ] || fail "apt names no Debian mirror; give the VTK packages in FRUGALSEG_VTK_DEBS"
    mkdir -p "$state"/{lists/partial,archives/partial}
    : >"$state/status"
    cat >"$state/sources.list" <<LIST
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main
LIST
    cat >"$state/apt.conf" <<CONF
Dir::Etc::SourceList "$state/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "$state";
Dir::State::Lists "$state/lists";
Dir::State::Status "$state/status";
Dir::Cache "$state";
Dir::Cache::Archives "$state/archives";
APT::Sandbox::User "root";
APT::Default-Release "";
Acquire::Languages "none";
CONF
    (
        cd "$folder"
        export APT_CONFIG=$state/apt.conf
        apt-get -qq update
        apt-get -qq download 'libvtk9-dev=9.6.*' 'vtk9=9.6.*' 'python3-vtk9=9.6.*' libc6
    ) || fail "Debian testing no longer has VTK 9.6; give a folder with its packages in FRUGALSEG_VTK_DEBS"
}

vtk_headers() {
    local wish debs package file root tool multiarch
    wish="vtk $(sed -n 's/^vtk==//p' "$here/requirements.txt") $(cksum <"$here/match_vtk_headers.py")"
    if [ -f "$sdk/.frugalseg" ] && [ "$(cat "$sdk/.frugalseg")" = "$wish" ]; then
        say "VTK headers: present"
        return
    fi
    local new=$deps/vtk-sdk.new
    rm -rf "$new" && mkdir -p "$new"/{debs,root,include,cmake,bin,lib,share}
    if [ -n "${FRUGALSEG_VTK_DEBS:-}" ]; then
        debs=$FRUGALSEG_VTK_DEBS
        say "VTK headers: unpacking from FRUGALSEG_VTK_DEBS"
        if [ -f "$debs/SHA256SUMS" ]; then
            (cd "$debs" && sha256sum --quiet --check SHA256SUMS) || fail "a package in FRUGALSEG_VTK_DEBS is damaged"
        fi
    else
        debs=$new/debs
        say "VTK headers: fetching from Debian testing (17 MB)"
        download_vtk_packages "$debs"
    fi
    for package in "${vtk_packages[@]}"; do
        file=$(find "$debs" -maxdepth 1 -name "${package}_*.deb" | sort -V | tail -n 1)
        [ -n "$file" ] || fail "no ${package}_*.deb in $debs"
        dpkg-deb -x "$file" "$new/unpacked" || fail "cannot unpack $file"
    done

    root=$new/unpacked/usr
    multiarch=$(dirname "$(dirname "$(find "$root/lib" -type d -path '*/cmake/vtk-9.6')")")
    [ -d "$root/include/vtk-9.6" ] && [ -d "$multiarch/cmake/vtk-9.6" ] ||
        fail "the packages in $debs are not of VTK 9.6"
    mv "$root/include/vtk-9.6" "$new/include/"
    mv "$multiarch/cmake/vtk-9.6" "$new/cmake/"
    cp "$root/share/doc/libvtk9-dev/copyright" "$new/share/vtk-copyright"
    # The wrapping tools want the C library that they were built with: they get it, and only they.
    cp "$multiarch"/ld-linux-*.so.* "$multiarch/libc.so.6" "$new/lib/"
    for tool in WrapHierarchy WrapPython WrapPythonInit; do
        cp "$root/bin/vtk$tool-9.6" "$new/lib/"
        cat >"$new/bin/vtk$tool" <<'WRAPPER'
#!/bin/sh
lib=$(dirname "$0")/../lib
name=$(basename "$0")
exec "$lib"/ld-linux-*.so.* --library-path "$lib" "$lib/$name-9.6" "$@"
WRAPPER
        chmod +x "$new/bin/vtk$tool"
    done
    ln -s "$("$venv/bin/python" -c 'import vtkmodules; print(vtkmodules.__path__[0])')/libvtkWrappingTools.so" \
        "$new/lib/libvtkWrappingTools-9.6.so.1"
    "$venv/bin/python" "$here/match_vtk_headers.py" "$new/include/vtk-9.6"
    rm -rf "$new/unpacked" "$new/debs" "$sdk"
    printf '%s' "$wish" >"$new/.frugalseg"
    mv "$new" "$sdk"
}

python=${FRUGALSEG_PYTHON:-}
if [ -z "$python" ]; then
    python=/usr/bin/python3
    [ -x "$python" ] || python=$(command -v python3) || fail "no python3 found; install it or set FRUGALSEG_PYTHON"
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is older than 3.11; set FRUGALSEG_PYTHON to a newer one"
venv=$deps/venv
sdk=$deps/vtk-sdk

system_packages
run_time=("$here/requirements.txt" "$here/requirements-build.txt")
install_wheels run-time "${run_time[@]}"
if [ $with_tests = yes ]; then
    install_wheels test "${run_time[@]}" "$here/requirements-test.txt"
fi
if [ $with_benchmark = yes ]; then
    install_wheels benchmark "${run_time[@]}" "$here/requirements-test.txt" "$here/requirements-benchmark.txt"
fi
vtk_headers
