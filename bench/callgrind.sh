#!/bin/sh
# callgrind.sh CAPTURE: instructions that the native engine executes, by function.
set -eu
bench=$(dirname "$0")
engine=$(python3 "$bench/programs.py")
valgrind --tool=callgrind --callgrind-out-file="$engine.callgrind" "$engine" "$1"
callgrind_annotate "$engine.callgrind" | head -40
