# FrugalSeg in two commands: `make demo` and `make test`. See README.md.
#
#   make demo               phantom -> DICOM -> liver mask -> picture, in demo-output/
#   make demo SCAN=PATH     the same for a DICOM folder or a NIfTI/NRRD file; MODEL=... chooses the
#                           model, SERIES=UID one of several series, OUT=... another folder
#   make viewer             the same scan in the web viewer; SCAN=FOLDER, MODEL=... as above
#   make test               build everything, run all tests
#   make build              program and libraries
#   make trust              figures of trust in their full form, hours; goes on where it was interrupted;
#                           FIGURES="F7 F9" runs some; table in docs/quality/figures.md
#   make fuzz               fuzz targets for FUZZ_SECONDS each (60), resumable; TARGETS="series seg" some
#   make test-sanitized     tests under ASan, UBSan and TSan; SHORT=1 leaves out what takes minutes
#   make coverage           branches that the tests reach, by gcovr
#   make models             rebuilds the shipped models from MODELS_DATA into MODELS_OUT, hours; goes on
#                           where it was interrupted
#   make wheel              `pip install`-able wheel of all of it, in build/wheel/
#   make bench-peers        FrugalSeg against ONNX Runtime, OpenVINO and PyTorch, in $(BUILD)/benchmark
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
MODELS_DATA ?= ../shared/data
MODELS_OUT ?= $(BUILD)/models
BENCH_OUT ?= $(BUILD)/benchmark
BENCH_THREADS ?= 2
BENCH_FLAGS ?=
FIGURES ?=
FUZZ_SECONDS ?= 60
FUZZ_FLAGS ?=
TARGETS ?=
SHORT ?=
JOBS ?= $(shell nproc)

SOURCES = $(shell git ls-files -- '*.c' '*.h' '*.cc' '*.cxx' '*.cpp' '*.hpp' '*.hxx')
.DEFAULT_GOAL := build
.PHONY: demo viewer models test trust fuzz sanitized test-sanitized coverage bench-peers build wheel dependencies test-dependencies benchmark-dependencies format clean distclean

dependencies:
	@ThirdParty/bootstrap.sh

test-dependencies:
	@ThirdParty/bootstrap.sh --tests

benchmark-dependencies:
	@ThirdParty/bootstrap.sh --benchmark

build: dependencies
	@test -f $(BUILD)/CMakeCache.txt || \
	    cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=OFF $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS)

# Packs what is built; `pip wheel --no-deps .` would build it once more.
wheel: build
	@$(or $(FRUGALSEG_DEPS),build/deps)/venv/bin/python -m pip --disable-pip-version-check wheel --quiet \
	    --no-deps --no-build-isolation --wheel-dir build/wheel . \
	    --config-settings=cmake.define.FRUGALSEG_WHEEL_FROM="$(abspath $(BUILD))"
	@ls build/wheel/*.whl

test: test-dependencies
	@cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=ON $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS)
	@cd $(BUILD) && ctest --output-on-failure --parallel $(JOBS)

trust: test-dependencies
	@cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=ON $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS)
	@$(or $(FRUGALSEG_DEPS),build/deps)/venv/bin/python -B Testing/Trust/trust.py --build $(BUILD) $(FIGURES)

demo: build
	@BUILD="$(BUILD)" MODEL="$(MODEL)" SEED="$(SEED)" OUT="$(OUT)" SCAN="$(SCAN)" SERIES="$(SERIES)" \
	    sh Module/CommandLine/demo.sh

# Minutes of a machine on which nothing else runs. The library as a shared object is part of the tests.
bench-peers: benchmark-dependencies
	@cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=ON $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS) --target frugalseg_program frugalseg_compute_shared
	@FRUGALSEG_PROGRAM="$(abspath $(BUILD))/bin/frugalseg" FRUGALSEG_SOURCE_DIR="$(CURDIR)" \
	    FRUGALSEG_COMPUTE_LIBRARY="$(abspath $(BUILD))/lib/libfrugalseg_compute_shared.so" \
	    OMP_NUM_THREADS=$(BENCH_THREADS) FRUGALSEG_BENCH_THREADS=$(BENCH_THREADS) PYTHONDONTWRITEBYTECODE=1 \
	    $(or $(FRUGALSEG_DEPS),build/deps)/venv/bin/python Testing/Benchmark/peers.py \
	    --out $(BENCH_OUT) $(BENCH_FLAGS)

# The seeds are made by the ordinary build, the targets by clang with AddressSanitizer.
fuzz: test-dependencies
	@ThirdParty/bootstrap.sh --fuzz
	@cmake -Wno-deprecated -S . -B $(BUILD) -G Ninja -DFRUGALSEG_BUILD_TESTS=ON $(CMAKE_FLAGS)
	@cmake --build $(BUILD) --parallel $(JOBS) --target frugalseg_compute_shared frugalseg_imaging
	@cmake -Wno-deprecated -S . -B build/fuzz -G Ninja -DFRUGALSEG_FUZZ=ON -DCMAKE_BUILD_TYPE=None \
	    -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 $(CMAKE_FLAGS)
	@cmake --build build/fuzz --parallel $(JOBS) --target fuzz_targets
	@FRUGALSEG_COMPUTE_LIBRARY="$(abspath $(BUILD))/lib/libfrugalseg_compute_shared.so" \
	    FRUGALSEG_IMAGING_LIBRARY="$(abspath $(BUILD))/lib/libfrugalseg_imaging.so" FRUGALSEG_SOURCE_DIR="$(CURDIR)" \
	    $(or $(FRUGALSEG_DEPS),build/deps)/venv/bin/python -B Testing/Fuzz/fuzz.py --build build/fuzz \
	    --seconds $(FUZZ_SECONDS) $(FUZZ_FLAGS) $(TARGETS)

sanitized: test-dependencies
	@for kind in address thread; do \
	    cmake -Wno-deprecated -S . -B build/$$kind -G Ninja -DFRUGALSEG_SANITIZE=$$kind \
	        -DCMAKE_BUILD_TYPE=None $(CMAKE_FLAGS) && \
	    cmake --build build/$$kind --parallel $(JOBS) --target sanitized_tests || exit 1; done

test-sanitized: sanitized
	@$(or $(FRUGALSEG_DEPS),build/deps)/venv/bin/python -B Testing/Trust/f05_sanitizers.py $(if $(SHORT),--quick)

coverage: test-dependencies
	@cmake -Wno-deprecated -S . -B build/coverage -G Ninja -DFRUGALSEG_COVERAGE=ON -DCMAKE_BUILD_TYPE=None \
	    $(CMAKE_FLAGS)
	@cmake --build build/coverage --parallel $(JOBS) --target compute_tests test_imaging \
	    test_scene frugalseg_program frugalseg_compute_shared
	@$(or $(FRUGALSEG_DEPS),build/deps)/venv/bin/python -B Testing/Coverage/coverage.py --build build/coverage

# Hours; each model goes on where it was stopped.
models: build
	@FRUGALSEG="$(abspath $(BUILD))/bin/frugalseg" sh Resources/Models/rebuild.sh "$(MODELS_DATA)" "$(MODELS_OUT)"

viewer: build
	@if [ -z "$(SCAN)" ] && [ ! -d "$(OUT)/phantom/dicom" ]; then \
	    "$(BUILD)/bin/frugalseg" synth --out "$(OUT)/phantom" --seed "$(SEED)"; fi
	@"$(BUILD)/bin/frugalseg-viewer" "$(if $(SCAN),$(SCAN),$(OUT)/phantom/dicom)" --out "$(OUT)" \
	    $(if $(filter file,$(origin MODEL)),,--model "$(MODEL)")

format:
	@clang-format -i $(SOURCES)

clean:
	rm -rf $(BUILD) $(OUT)

distclean:
	rm -rf build $(OUT)
