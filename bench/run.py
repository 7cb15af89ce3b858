"""Measures flowedge against floors, rivals and its own bars; exit code 1 if a bar is missed."""

from rows import FULL, QUICK, ROWS
from table import main

if __name__ == "__main__":
    raise SystemExit(main(__doc__, ROWS, FULL, QUICK))
