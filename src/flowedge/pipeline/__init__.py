"""Wires sources to engines and engines to sinks: captures that are read to their end, and packets as they come.

The only package with threads.
"""
