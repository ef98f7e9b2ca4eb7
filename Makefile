# FrugalSeg in two commands: `make demo` and `make test`. See README.md.
#
#   make demo               phantom -> DICOM -> liver mask -> picture, in demo-output/
#   make demo SCAN=PATH     the same for a DICOM folder or a NIfTI/NRRD file; MODEL=... chooses the
#                           model, SERIES=UID one of several series, OUT=... another folder
#   make test               build everything, run all tests
#   make build              program and libraries
#   make format             clang-format on our sources
#   make clean              remove what was built; `make distclean` removes the dependencies too
#
# Research software, not a medical device.

BUILD ?= build/release
MODEL ?= liver-t2
SEED ?= 1
OUT ?= demo-output
SCAN ?=
SERIES ?=
CMAKE_FLAGS ?=
JOBS ?= $(shell nproc)

SOURCES = $(shell git ls-files -- '*.c' '*.h' '*.cc' '*.cxx' '*.cpp' '*.hpp' '*.hxx')
.DEFAULT_GOAL := build
.PHONY: demo test build dependencies test-dependencies format clean distclean

dependencies:
	@ThirdParty/bootstrap.sh

test-dependencies:
	@ThirdParty/bootstrap.sh --tests

build: dependencies
	@test -f $(BUILD)/CMakeCache.txt || \
	    cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=OFF $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS)

test: test-dependencies
	@cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=ON $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure --parallel $(JOBS)

demo: build
	@BUILD="$(BUILD)" MODEL="$(MODEL)" SEED="$(SEED)" OUT="$(OUT)" SCAN="$(SCAN)" SERIES="$(SERIES)" \
	    sh Module/CommandLine/demo.sh

format:
	@clang-format -i $(SOURCES)

clean:
	rm -rf $(BUILD) $(OUT)

distclean:
	rm -rf build $(OUT)
