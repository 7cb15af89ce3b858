"""The command: exit codes, what it says and where, and that it starts quickly."""

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reference.frames import pcap

from flowedge.cli import run

from .conftest import make_capture, udp_flows

FLOWEDGE = [sys.executable, "-m", "flowedge"]
Said = pytest.CaptureFixture[str]


def convert(*arguments: str | Path) -> int:
    return run(["convert", *map(str, arguments)])


def test_a_conversion_is_summed_up(capture: Path, tmp_path: Path, capsys: Said) -> None:
    assert convert(capture, "-o", tmp_path / "flows.csv") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("flowedge: 3 packets read, 3 in 3 flows, 0 skipped; ")
    assert said.err.count("\n") == 1


def test_every_option_reaches_the_engine(tmp_path: Path) -> None:
    capture, output = tmp_path / "x.pcap", tmp_path / "flows.csv"
    (first, frame), *_ = udp_flows(1)
    capture.write_bytes(pcap([(first + second * 10**9, frame) for second in (0, 1, 4, 5, 6, 7)]))
    options = "--mode corrected --names cse-cic-ids2018 --extra end_reason,label --label benign --idle-timeout 2"
    options += " --max-duration 2.5 --filter udp --protocols all --decapsulate --max-flows 9 --jobs 2 --quiet"
    assert convert(capture, "-o", output, *options.split(), "--columns", "Src IP,Tot Fwd Pkts") == 0
    assert output.read_text() == "Src IP,Tot Fwd Pkts,end_reason,Label\n10.0.0.1,2,1,benign\n10.0.0.1,3,2,benign\n" + (
        "10.0.0.1,1,4,benign\n"
    )


def test_skipped_packets_are_told_by_reason(tmp_path: Path, capsys: Said) -> None:
    capture = make_capture(tmp_path / "usb.pcap", link_type=189)
    assert convert(capture, "-o", tmp_path / "flows.csv", "-v") == 0
    said = capsys.readouterr().err
    assert "3 skipped (3 link)" in said
    assert "flowedge: warning: no packet is in a flow" in said
    assert "3 packets skipped as link: link type not known" in said
    assert f"reading {capture}" in said


def test_stats_are_json(capture: Path, tmp_path: Path) -> None:
    assert convert(capture, "-o", tmp_path / "flows.csv", "--stats", tmp_path / "stats.json") == 0
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert (stats["packets"], stats["in_flows"], stats["flows"]) == (3, 3, 3)
    assert stats["skipped"]["link"] == 0
    assert stats["seconds"] > 0


def test_messages_as_json(capture: Path, tmp_path: Path, capsys: Said) -> None:
    capture.write_bytes(capture.read_bytes()[:-5])
    assert convert(capture, "-o", tmp_path / "flows.csv", "--log-format", "json") == 1
    problem, summary = map(json.loads, capsys.readouterr().err.splitlines())
    assert problem["level"] == "error"
    assert "cut short" in problem["message"]
    assert (summary["level"], summary["packets"]) == ("info", 3)


def test_quiet_leaves_errors_alone(capture: Path, tmp_path: Path, capsys: Said) -> None:
    assert convert(capture, "-o", tmp_path / "flows.csv", "--quiet") == 0
    assert capsys.readouterr().err == ""
    assert convert(tmp_path / "absent.pcap", "-o", tmp_path / "flows.csv", "--quiet") == 2
    assert capsys.readouterr().err == f"flowedge: {tmp_path}/absent.pcap: no such file\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("absent.pcap -o x.csv", 2, "absent.pcap: no such file"),
        ("empty.pcap -o x.csv", 1, "empty.pcap: "),
        ("text.pcap -o x.csv", 1, "text.pcap: "),
        ("cut.pcap -o x.csv", 1, "cut.pcap: cut short"),
        ("folder -o x.csv", 2, "folder: holds no capture"),
        ("good.pcap -o absent/x.csv", 4, "absent/x.csv: cannot be written: No such file"),
        ("good.pcap -o /dev/full --format csv", 4, "/dev/full: cannot be written: No space left"),
        ("good.pcap -o x.csv --stats absent/x.json", 4, "absent/x.json: cannot be written"),
        ("good.pcap -o x.txt", 2, "x.txt: its suffix names no format"),
        ("good.pcap -o x.csv --mode engelen --names cicids2017", 2, "use the names netflower or cicflowmeter"),
        ("good.pcap -o x.csv --columns src_up", 2, 'the nearest name is "src_ip"'),
        ("good.pcap -o x.csv --extra vlam", 2, "vlan"),
        ("good.pcap -o x.csv --filter tcp_or", 2, "tcp_or"),
        ("good.pcap -o x.csv --idle-timeout=-3", 2, "--idle-timeout: '-3' is not a time"),
        ("good.pcap -o x.csv --idle-timeout nan", 2, "--idle-timeout: 'nan' is not a time"),
        ("good.pcap -o x.csv --max-duration 1e400", 2, "--max-duration: '1e400' is not a time"),
        ("good.pcap -o x.csv --jobs 0", 2, "'--jobs': 0 is not in the range"),
        ("good.pcap -o x.csv --mode java", 2, "'java' is not one of"),
        ("good.pcap -o x.csv --moed java", 2, "--moed"),
        ("good.pcap", 2, "'--output'"),
        ("-o x.csv", 2, "IN..."),
    ],
)
def test_errors_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said, arguments: str, code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    good = make_capture(tmp_path / "good.pcap")
    Path("empty.pcap").touch()
    Path("text.pcap").write_text("This is no capture.")
    Path("cut.pcap").write_bytes(good.read_bytes()[:-5])
    Path("folder").mkdir()
    assert convert(*arguments.split()) == code
    said = [line for line in capsys.readouterr().err.splitlines() if "packets read" not in line]
    assert len(said) == 1
    assert said[0].startswith("flowedge: ")
    assert words in said[0]
    assert Path("x.csv").exists() == words.startswith("cut.pcap")


def test_no_output_takes_the_place_of_an_input(capture: Path, capsys: Said) -> None:
    before = capture.read_bytes()
    link = capture.with_name("link.csv")
    link.symlink_to(capture)
    assert convert(capture, "-o", link) == 2
    assert convert(capture, "-o", capture, "--format", "csv") == 2
    assert convert(capture, "-o", "-", "--stats", capture) == 2
    assert convert(capture, "-o", capture.with_name("x.csv"), "--stats", capture.with_name("x.csv")) == 2
    assert capture.read_bytes() == before
    assert capsys.readouterr().err.count("give another") == 4


def test_an_output_keeps_its_permissions(capture: Path, tmp_path: Path) -> None:
    output = tmp_path / "private.csv"
    output.touch(mode=0o600)
    assert convert(capture, "-o", output) == 0
    assert output.stat().st_mode & 0o777 == 0o600


def test_an_output_may_have_the_longest_name(capture: Path, tmp_path: Path) -> None:
    assert convert(capture, "-o", tmp_path / f"{'x' * 251}.csv") == 0


def test_options_without_effect_are_named(capture: Path, tmp_path: Path, capsys: Said) -> None:
    assert convert(capture, "-o", tmp_path / "x.csv", "--mode", "engelen", "--protocols", "all") == 0
    assert "protocols has no effect in mode engelen" in capsys.readouterr().err


def test_an_unknown_command(capsys: Said) -> None:
    assert run(["transmogrify"]) == 2
    assert capsys.readouterr().err.startswith("flowedge: No such command 'transmogrify'")


def test_version_and_help(capsys: Said) -> None:
    assert run([]) == 0
    assert "Commands:" in capsys.readouterr().out
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("flowedge ")
    assert run(["convert", "--help"]) == 0
    assert "--idle-timeout" in capsys.readouterr().out


def test_from_a_pipe_to_a_pipe() -> None:
    done = subprocess.run(
        [*FLOWEDGE, "convert", "-", "-o", "-"], input=pcap(udp_flows(3000)), capture_output=True, check=True
    )
    assert len(list(csv.DictReader(done.stdout.decode().splitlines()))) == 3000
    assert b"3,000 packets read" in done.stderr


def test_a_broken_pipe_is_no_error(large: Path) -> None:
    with subprocess.Popen(
        [*FLOWEDGE, "convert", str(large), "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("magic", [b"", b"\x1f\x8b"], ids=["plain", "gzip"])
def test_a_signal_removes_the_temporary_file(tmp_path: Path, magic: bytes, number: signal.Signals) -> None:
    with subprocess.Popen(
        [*FLOWEDGE, "convert", "-", "-o", "flows.csv"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        process.stdin.write(magic or pcap(udp_flows(1)))
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not os.listdir(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(os.listdir(tmp_path)) == 1
        time.sleep(0.2)  # it waits for more
        process.send_signal(number)
        assert process.wait(10) == 128 + number
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal to be had: {error}")
    with subprocess.Popen(
        [*FLOWEDGE, "convert", "-", "-o", "flows.csv"], stdin=subprocess.PIPE, stderr=theirs, cwd=tmp_path
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        process.stdin.write(pcap(udp_flows(3000)))
        for _ in range(20):
            time.sleep(0.05)
            process.stdin.write(pcap(udp_flows(3000))[24:])
        process.stdin.close()
        said = b""
        while chunk := _read_terminal(ours):
            said += chunk
    os.close(ours)
    assert process.returncode == 0
    assert b"packets/s" in said
    assert b"standard input" in said


def _read_terminal(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


HEAVY = {"numpy", "pandas", "pyarrow", "polars", "rich", "concurrent.futures", "decimal", "gzip", "lzma", "json"}
LOADED = f"""
import sys
from flowedge.cli import run
code = run(["convert", "three.pcap", "-o", "flows.csv", "--quiet"])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(code, peak, *({HEAVY!r} & set(sys.modules)))
"""


def test_a_short_conversion_is_light(capture: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=capture.parent, capture_output=True, check=True)
    code, peak_kib, *loaded = done.stdout.decode().split()
    assert code == "0"
    assert loaded == []
    assert int(peak_kib) < 25 * 1024
