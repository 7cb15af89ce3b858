# Every task is one word; `make` alone lists them.

PYTHON ?= python3
CXX ?= g++
FUZZ_SECONDS ?= 600
SOAK_MINUTES ?= 30

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
BUILD := build
JOBS := $(shell nproc)
export PYTHON CXX

.DEFAULT_GOAL := help
.PHONY: help demo test native-test lint types asan fuzz damage bench bench-live soak wheel docs clean \
        system-packages native-programs fuzz-programs
.DELETE_ON_ERROR:
.SECONDARY:

help:  ## list the tasks
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(VENV)/installed  ## install, make a small capture, turn it into flows and edge lists
	@mkdir -p $(BUILD)
	@$(BIN)/python examples/demo_capture.py $(BUILD)/demo.pcap
	$(BIN)/flowedge convert $(BUILD)/demo.pcap -o $(BUILD)/demo.csv
	@$(BIN)/python examples/show_flows.py $(BUILD)/demo.pcap
	@rm -rf $(BUILD)/demo_edges
	$(BIN)/flowedge capture -r $(BUILD)/demo.pcap --edges $(BUILD)/demo_edges --edge-kind pair --quiet
	@$(BIN)/python examples/show_edges.py $(BUILD)/demo_edges

test: native-test lint types $(VENV)/tools $(VENV)/installed  ## everything that must pass before a change lands
	@scripts/system-packages test
	$(BIN)/python -m pytest

# --- native -----------------------------------------------------------------------------------------------------------

NATIVE_SOURCES := $(wildcard native/src/*/*.cpp)
TEST_SOURCES := $(wildcard native/tests/test_*.cpp)
FUZZ_SOURCES := $(wildcard native/fuzz/fuzz_*.cpp)
TEST_OBJECTS := $(NATIVE_SOURCES:native/src/%.cpp=$(BUILD)/native/%.o)
FUZZ_OBJECTS := $(NATIVE_SOURCES:native/src/%.cpp=$(BUILD)/fuzz/%.o)
TEST_PROGRAMS := $(TEST_SOURCES:native/tests/%.cpp=$(BUILD)/native/%)
FUZZ_PROGRAMS := $(FUZZ_SOURCES:native/fuzz/%.cpp=$(BUILD)/fuzz/%)

# Asked when used, not when read: libpcap may be installed in between.
LIBPCAP = $(shell $(CXX) -x c++ -include pcap/pcap.h -fsyntax-only /dev/null 2>/dev/null && echo -DFLOWEDGE_HAVE_LIBPCAP=1)
LIBS = $(if $(LIBPCAP),-lpcap)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
NATIVE_FLAGS = -std=c++17 -g -O1 -fno-omit-frame-pointer -ffp-contract=off -Wall -Wextra -Werror \
                -Inative/include $(LIBPCAP) -MMD -MP

native-test: system-packages  ## the engine's own tests, under ASan and UBSan
	@$(MAKE) --no-print-directory -j$(JOBS) native-programs
	@for program in $(TEST_PROGRAMS); do echo "$${program##*/}"; $$program || exit 1; done

native-programs: $(TEST_PROGRAMS)

$(BUILD)/native/%.o: native/src/%.cpp
	@echo "  compile $<"
	@mkdir -p $(@D)
	@$(CXX) $(NATIVE_FLAGS) $(SANITIZE) -c $< -o $@

$(BUILD)/native/check.o: native/tests/check.cpp
	@echo "  compile $<"
	@mkdir -p $(@D)
	@$(CXX) $(NATIVE_FLAGS) $(SANITIZE) -c $< -o $@

$(BUILD)/native/test_%: native/tests/test_%.cpp $(BUILD)/native/check.o $(TEST_OBJECTS)
	@echo "  build $@"
	@$(CXX) $(NATIVE_FLAGS) $(SANITIZE) $(filter %.cpp %.o,$^) $(LIBS) -o $@

fuzz: system-packages  ## run each libFuzzer target for FUZZ_SECONDS
	@scripts/system-packages fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) fuzz-programs
	@for program in $(FUZZ_PROGRAMS); do \
	  target=$${program##*/fuzz_}; log=$(BUILD)/fuzz/$$target.log; \
	  found=$(BUILD)/fuzz/corpus/$$target; seeds=native/fuzz/corpus/$$target; \
	  mkdir -p $$found; [ -d $$seeds ] || seeds=; \
	  echo "$$target: $(FUZZ_SECONDS) s"; \
	  $$program -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    -artifact_prefix=$(BUILD)/fuzz/$$target- $$found $$seeds >$$log 2>&1 || { tail -n 60 $$log; exit 1; }; \
	  sed -n 's/^stat::number_of_executed_units: */  inputs run: /p' $$log; \
	done

fuzz-programs: $(FUZZ_PROGRAMS)

$(BUILD)/fuzz/%.o: native/src/%.cpp
	@echo "  compile $< for fuzzing"
	@mkdir -p $(@D)
	@clang++ $(NATIVE_FLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -c $< -o $@

$(BUILD)/fuzz/fuzz_%: native/fuzz/fuzz_%.cpp $(FUZZ_OBJECTS)
	@echo "  build $@"
	@clang++ $(NATIVE_FLAGS) $(SANITIZE) -fsanitize=fuzzer $(filter %.cpp %.o,$^) $(LIBS) -o $@

-include $(wildcard $(BUILD)/native/*.d $(BUILD)/native/*/*.d $(BUILD)/fuzz/*.d $(BUILD)/fuzz/*/*.d)

# --- Python -----------------------------------------------------------------------------------------------------------

# Directories too, so that a removed file counts as a change.
PACKAGE_SOURCES := pyproject.toml $(wildcard setup.py) \
                   $(shell find src/flowedge native/include native/src -name __pycache__ -prune -o \
                     \( -type d -o -name '*.[ch]pp' -o -name '*.py*' -o -name '*.px[di]' \) ! -name _core.cpp -print)

system-packages:
	@scripts/system-packages build

$(VENV)/created: | system-packages
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade 'pip>=25.1'
	@touch $@

# What is tested is what users install: never the checkout itself.
$(VENV)/installed: $(PACKAGE_SOURCES) | $(VENV)/created
	rm -rf $(BUILD)/lib.* $(BUILD)/lib
	$(PIP) install .
	@touch $@

$(VENV)/tools: pyproject.toml | $(VENV)/created
	$(PIP) install --group test --group lint
	@touch $@

NATIVE_FILES := $(wildcard native/*/*.[ch]pp native/src/*/*.[ch]pp native/include/flowedge/*.hpp bench/*.c bench/*.cpp)

lint: $(VENV)/tools $(VENV)/installed  ## style and layering: ruff, clang-format, clang-tidy, import-linter
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	@$(BIN)/clang-format --dry-run --Werror $(NATIVE_FILES)
	@printf '%s\n' $(NATIVE_SOURCES) | xargs -P $(JOBS) -n 1 sh -c \
	  '$(BIN)/clang-tidy --quiet "$$0" -- -std=c++17 -Inative/include $(LIBPCAP) 2>/dev/null'
	$(BIN)/lint-imports

types: $(VENV)/tools $(VENV)/installed  ## mypy --strict, and the stubs of the native module against the module
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --concise --mypy-config-file pyproject.toml flowedge._core

# pcapy-ng reads the message of a wrong filter after freeing it; what is light is not so under ASan.
UNDER_ASAN := not bad_filters_by_pcapy and not conversion_is_light

asan: $(VENV)/tools  ## the Python unit tests with the extension built under ASan and UBSan
	rm -rf $(BUILD)/asan $(BUILD)/lib.* $(BUILD)/temp.*
	FLOWEDGE_SANITIZE=1 $(PIP) install --no-deps --target $(BUILD)/asan .
	rm -rf $(BUILD)/lib.* $(BUILD)/temp.*
	PYTHONPATH=$(BUILD)/asan PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	  LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	  $(BIN)/python -m pytest tests/unit -k '$(UNDER_ASAN)'

damage: $(VENV)/tools $(VENV)/installed  ## 100,000 random corruptions of captures, and of messages
	cd tests && ../$(BIN)/python -m integration.corrupt --count 100000
	cd tests && ../$(BIN)/python -m integration.corrupt_messages --count 100000

bench: $(VENV)/installed  ## speed and memory, next to nfstream and netflower
	$(BIN)/python bench/run.py

bench-live: $(VENV)/installed  ## loss, cost and memory on a link of its own, next to others; as root
	@scripts/system-packages bench
	PYTHONPATH=tests $(BIN)/python bench/live.py

soak: $(VENV)/installed  ## SOAK_MINUTES of traffic, flapping links and signals; as root
	@scripts/system-packages bench
	PYTHONPATH=tests $(BIN)/python bench/soak.py --minutes $(SOAK_MINUTES)

wheel: $(VENV)/created  ## sdist and wheel in dist/, the wheel's stable ABI checked
	$(PIP) install --group build
	rm -rf dist $(BUILD)/lib.*
	$(BIN)/python -m build >/dev/null
	$(BIN)/abi3audit --strict dist/*.whl

docs: $(VENV)/installed  ## write the pages that are made from lists in the code: columns, configuration
	$(BIN)/python docs/write_columns.py
	$(BIN)/python docs/write_configuration.py

clean:  ## remove everything that was built, the environment included
	rm -rf $(BUILD) dist $(VENV) src/flowedge.egg-info src/flowedge/_core.cpp
	find src tests examples docs -name __pycache__ -prune -exec rm -rf {} +
