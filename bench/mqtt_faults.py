"""Kills agents and restarts brokers, often, and checks that nothing is lost.

Usage: python bench/mqtt_faults.py [KILLS RESTARTS]. Needs mosquitto, and tests/ in PYTHONPATH.
"""

import sys
import tempfile
from pathlib import Path

from integration.test_mqtt_faults import check_kills, check_restarts


def main(kills: int = 50, restarts: int = 20) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_kills(Path(folder), kills)
    print(f"{kills} agents killed: every window that was in the spool has arrived, in order")
    for persistent in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            check_restarts(Path(folder), restarts, persistent=persistent)
        kind = "with" if persistent else "without"
        print(f"{restarts} restarts of a broker {kind} persistence: every window has arrived")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
