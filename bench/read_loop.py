"""read_loop.py CAPTURE: times flowedge.read_flows() alone, its batches thrown away, and prints one line of JSON."""

import json
import sys
import time

import flowedge

wall_start, cpu_start = time.perf_counter_ns(), time.process_time_ns()
for _ in flowedge.read_flows(sys.argv[1]):
    pass
print(json.dumps({"wall_ns": time.perf_counter_ns() - wall_start, "cpu_ns": time.process_time_ns() - cpu_start}))
