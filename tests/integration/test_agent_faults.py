"""What may go wrong around an agent must not cost it a row. On a capture that is played slowly; needs no privileges."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from integration.agent_process import PATIENCE, flowedge, rows_in, wait_until
from integration.made_captures import query
from reference.frames import pcap

FLOWS = 400
PLAYED_FOR = 2_000_000_000  # ns between the first and the last


@pytest.fixture
def slow(folder: Path) -> Path:
    """A capture of some seconds; each flow is closed half a second after its last packet."""
    path = folder / "slow.pcap"
    step = PLAYED_FOR // FLOWS
    frames = [(1_700_000_000 * 10**9 + place * step, frame) for place in range(FLOWS) for frame in query(1000 + place)]
    path.write_bytes(pcap(frames))
    return path


@contextmanager
def playing(capture: Path, *arguments: str, said: int | IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    command = flowedge("capture", "-r", capture, "--speed", "1", "--idle-timeout", "0.5", *arguments)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def config_playing(capture: Path, folder: Path, rows: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path, Path]]:
    """An agent with a configuration file of these [rows]; its process, the file, and its log."""
    config, log = folder / "flowedge.toml", folder / "log"
    config.write_text(f"[rows]\n{rows}\n")
    with log.open("wb") as said, playing(capture, "-c", str(config), said=said) as process:
        wait_until(lambda: "capturing" in log.read_text(), "the agent runs")
        yield process, config, log


def all_rows(*tables: Path) -> int:
    return sum(len(rows_in(table)) for table in tables)


def test_what_is_said_may_be_lost(slow: Path, folder: Path) -> None:
    table = folder / "flows.csv"
    with open("/dev/full", "wb") as full, playing(slow, "--csv", str(table), said=full) as process:
        assert process.wait(PATIENCE) == 0
    assert all_rows(table) == FLOWS


def test_a_reader_of_the_log_may_go(slow: Path, folder: Path) -> None:
    table = folder / "flows.csv"
    with playing(slow, "--csv", str(table), "--stats-interval", "1s", said=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        process.stderr.close()
        process.send_signal(signal.SIGUSR1)
        assert process.wait(PATIENCE) == 0
    assert all_rows(table) == FLOWS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_come_together_are_one(slow: Path, folder: Path, number: int) -> None:
    """timeout(1) signals a program and then its group."""
    table, stats = folder / "flows.csv", folder / "stats.json"
    arguments = ["--csv", str(table), "--stats", str(stats), "--idle-timeout", "100"]
    with (folder / "log").open("wb") as said, playing(slow, *arguments, said=said) as process:
        wait_until(lambda: "capturing" in (folder / "log").read_text(), "the agent runs")
        time.sleep(0.3)
        process.send_signal(number)
        time.sleep(0.001)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    assert json.loads(stats.read_text())["rows"] == all_rows(table) > 0


@pytest.mark.parametrize("broken", ["[rows]\ncsv = 3\n", "not TOML", None])
def test_files_are_reopened_whatever_the_configuration(slow: Path, folder: Path, broken: str | None) -> None:
    table, moved = folder / "a.csv", folder / "a.csv.1"
    with config_playing(slow, folder, f'csv = "{table}"') as (process, config, log):
        table.rename(moved)
        config.unlink()
        if broken is not None:
            config.write_text(broken)
        process.send_signal(signal.SIGHUP)
        wait_until(table.exists, "a new file")
        assert process.wait(PATIENCE) == 0
        assert "the configuration stays as it was" in log.read_text()
    assert all_rows(table, moved) == FLOWS
    assert rows_in(table)


def test_other_settings_for_the_same_file(slow: Path, folder: Path) -> None:
    table = folder / "a.csv"
    with config_playing(slow, folder, f'csv = "{table}"') as (process, config, log):
        config.write_text(f'[rows]\ncsv = "{table}"\nfsync = "always"\n')
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
        assert "the configuration is read anew" in log.read_text()
        assert "is being written to already" not in log.read_text()
    assert all_rows(table) == FLOWS


def test_other_files_one_after_the_other(slow: Path, folder: Path) -> None:
    tables = [folder / f"{name}.csv" for name in "abcd"]
    with config_playing(slow, folder, f'csv = "{tables[0]}"') as (process, config, _):
        for table in tables[1:]:
            config.write_text(f'[rows]\ncsv = "{table}"\n')
            process.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        wait_until(tables[-1].exists, "the last file")
        open_files = {os.readlink(each) for each in Path(f"/proc/{process.pid}/fd").iterdir() if each.is_symlink()}
        assert str(tables[-1]) in open_files
        assert not open_files & {str(table) for table in tables[:-1]}
        assert process.wait(PATIENCE) == 0
    assert all_rows(*tables) == FLOWS


def test_a_new_output_that_cannot_be_opened(slow: Path, folder: Path) -> None:
    table = folder / "a.csv"
    with config_playing(slow, folder, f'csv = "{table}"') as (process, config, log):
        config.write_text(f'[rows]\ncsv = "{folder / "absent" / "b.csv"}"\n')
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
        assert "rows go on to where they went" in log.read_text()
    assert all_rows(table) == FLOWS


def test_a_configuration_of_interfaces_can_be_tried(slow: Path, folder: Path) -> None:
    config, table = folder / "flowedge.toml", folder / "flows.csv"
    config.write_text('[capture]\ninterfaces = ["eth0"]\n')
    with playing(slow, "-c", str(config), "--csv", str(table), said=subprocess.DEVNULL) as process:
        assert process.wait(PATIENCE) == 0
    assert all_rows(table) == FLOWS
