"""The configuration: what is read, what is refused and how, and that whatever is made from the settings fits them."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowedge import Selection
from flowedge.cli.options import (
    SectionedCommand,
    as_flags,
    as_paths,
    configuration_of,
    configuration_options,
    flow_options_of,
)
from flowedge.config import (
    SETTINGS,
    Configuration,
    FlowSettings,
    Setting,
    as_toml,
    changed_settings,
    contradictions,
    flow_options,
    read_configuration,
    sample,
    with_settings,
)
from flowedge.config.kinds import NANOSECONDS, Boolean, Choice, Duration, Kind, Names, Octets, Text, Whole
from flowedge.errors import ConfigurationError
from flowedge.pipeline.engines import make_engine

from .test_docs import module_at

DOCS = Path(__file__).parents[2] / "docs"
TIME = "give seconds, or a text such as 500ms, 90s, 10m, 1h or 7d"
SIZE = "give octets, or a text such as 64KiB, 128MiB or 1GB"


def read(folder: Path, octets: str | bytes) -> Configuration:
    path = folder / "edge.toml"
    path.write_bytes(octets if isinstance(octets, bytes) else octets.encode())
    return read_configuration(path)


def refusals(folder: Path, octets: str | bytes) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, octets)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(f"{folder}/edge.toml: ") for problem in caught.value.problems]


def test_a_file_is_read(tmp_path: Path) -> None:
    configuration = read(
        tmp_path,
        """
        [capture]
        interfaces = ["eth0", "eth1"]
        buffer_size = "1MB"
        promiscuous = false
        duration = 0.1
        [flows]
        idle_timeout = "1.5m"
        max_duration = 1_000.000_000_001
        columns = [" Flow Duration", "src_ip"]
        [rows]
        keep_age = "7d"
        keep_size = 1_000_000
        [log]
        format = "json"
        """,
    )
    assert configuration.capture.interfaces == ("eth0", "eth1")
    assert configuration.capture.buffer_size == 10**6
    assert configuration.capture.promiscuous is False
    assert configuration.capture.duration == Decimal("0.1")
    assert configuration.flows.idle_timeout == 90
    assert configuration.flows.max_duration == Decimal("1000.000000001")
    assert configuration.flows.columns == (" Flow Duration", "src_ip")
    assert configuration.rows.keep_age == 7 * 86400
    assert configuration.rows.keep_size == 10**6
    assert configuration.log.format == "json"
    assert len(changed_settings(Configuration(), configuration)) == 10


@pytest.mark.parametrize(
    ("toml", "problems"),
    [
        ("[flows]\nmode = 'java'", ["flows.mode: 'java' is not one of netflower, cicflowmeter, engelen or corrected"]),
        ("[flows]\nmode = ''", ["flows.mode: '' is not one of netflower, cicflowmeter, engelen or corrected"]),
        ("[flows]\nidle_timeout = 0", [f"flows.idle_timeout: 0 is not a time from 1ns to 1073741824s; {TIME}"]),
        ("[flows]\nidle_timeout = '3 weeks'", ["flows.idle_timeout: '3 weeks' is not a time from 1ns"]),
        ("[flows]\nidle_timeout = '1.5ns'", ["flows.idle_timeout: '1.5ns' is not a time"]),
        ("[flows]\nidle_timeout = true", ["flows.idle_timeout: true is not a time"]),
        ("[flows]\nidle_timeout = nan", ["flows.idle_timeout: nan is not a time"]),
        ("[flows]\nidle_timeout = -inf", ["flows.idle_timeout: -inf is not a time"]),
        ("[flows]\nidle_timeout = 1e999999999", ["flows.idle_timeout: 1e999999999 is not a time"]),
        ("[flows]\nidle_timeout = 1e-999999999", ["flows.idle_timeout: 1e-999999999 is not a time"]),
        ("[flows]\nidle_timeout = " + "9" * 4000, ["flows.idle_timeout: so large a number is not a time"]),
        ("[flows]\nidle_timeout = 0x" + "f" * 9000, ["flows.idle_timeout: so large a number is not a time"]),
        ("[flows]\nidle_timeout = '" + "e" * 90 + "'", [f"flows.idle_timeout: '{'e' * 59}... is not a time"]),
        ("[flows]\nidle_timeout = '" + "0" * 70 + "5'", [f"flows.idle_timeout: '{'0' * 59}... is not a time"]),
        ("[flows]\nmax_duration = -1", [f"flows.max_duration: -1 is not a time from 1ns to 1073741824s, or 0; {TIME}"]),
        ("[flows]\nmax_flows = 0", ["flows.max_flows: 0 is not a whole number from 1 to 1073741824"]),
        ("[flows]\nmax_flows = '9'", ["flows.max_flows: '9' is not a whole number from 1 to 1073741824"]),
        ("[flows]\nmax_flows = 9.0", ["flows.max_flows: 9.0 is not a whole number from 1 to 1073741824"]),
        ("[flows]\nextra = 'vlan'", ['flows.extra: \'vlan\' is not a list of names, such as ["a", "b"]']),
        ("[flows]\nextra = ['vlan', '']", ["flows.extra: a name is empty"]),
        ("[flows]\nextra = ['vlan', 3]", ["flows.extra: 3 is not a name"]),
        ("[flows]\nlabel = 3.5", ["flows.label: 3.5 is not a text"]),
        ("[flows]\nlabel = 2020-01-01", ["flows.label: 2020-01-01 is not a text"]),
        ('[flows]\nlabel = "a\\u0000b"', ["flows.label: 'a\\x00b' is not a text"]),
        ("[flows.label]", ["flows.label: a table is not a text"]),
        ("[capture]\npromiscuous = 'yes'", ["capture.promiscuous: 'yes' is not true or false"]),
        ("[capture]\npromiscuous = 1", ["capture.promiscuous: 1 is not true or false"]),
        ("[capture]\nfanout = true", ["capture.fanout: true is not a whole number from 1 to 64"]),
        ("[capture]\nfanout = 65", ["capture.fanout: 65 is not a whole number from 1 to 64"]),
        ("[capture]\nbuffer_size = 1", [f"capture.buffer_size: 1 is not a size from 64KiB to 1GiB; {SIZE}"]),
        ("[capture]\nbuffer_size = '1M'", ["capture.buffer_size: '1M' is not a size from 64KiB to 1GiB"]),
        (
            "[capture]\ntimestamp_type = 'gps'",
            [
                "capture.timestamp_type: 'gps' is not one of "
                "host, host_lowprec, host_hiprec, adapter or adapter_unsynced, or empty"
            ],
        ),
        (
            "[capture]\nidle_timout = 3",
            ["capture.idle_timout: there is no such key; the nearest is flows.idle_timeout"],
        ),
        ("[rows]\ncvs = 'x/'", ["rows.cvs: there is no such key; the nearest is rows.csv"]),
        (
            "[packets]\nzzzzz = 1",
            ["packets.zzzzz: there is no such key; there are save_pcap, save_pcap_size, save_pcap_age"],
        ),
        ('[packets]\n"a\\nb" = 1', ["packets.'a\\nb': there is no such key"]),
        ("[flow]\nmode = 'java'", ["flow: there is no such section; the nearest is [flows]"]),
        ("idle_timeout = 3", ["idle_timeout: there is no such section; the nearest is flows.idle_timeout"]),
        (
            "[zzzzz]",
            ["zzzzz: there is no such section; there are [capture], [flows], [rows], [packets], [edges], [mqtt], "],
        ),
        ("flows = 3", ["flows: 3 is not a section; write [flows] on a line of its own"]),
        ("[[flows]]", ["flows: a list is not a section; write [flows] on a line of its own"]),
        (
            "[flows]\nmode = 1\nlabel = 2\n[log]\nlevel = 3",
            [
                "flows.mode: 1 is not one of",
                "flows.label: 2 is not a text",
                "log.level: 3 is not one of quiet, normal or verbose",
            ],
        ),
        (
            "[flows]\nmode = 'corrected'\nmode 3",
            ["is not TOML: Expected '=' after a key in a key/value pair (at line 3"],
        ),
        ("[flows]\nmode = 1\nmode = 2", ["is not TOML: Cannot overwrite a value (at "]),
        (b"[flows]\nlabel = 'a\xff'", ["line 2 is not UTF-8; save the file in that encoding"]),
        ("a = " + "[" * 100_000, ["is nested too deeply"]),
        ("a = " + "9" * 5000, ["is not TOML: Exceeds the limit (4300 digits) for integer string conversion"]),
        ("[log]\n" + "".join(f"x{number} = 1\n" for number in range(50_000)), ["log.x"] * 20),
        ("#" * ((1 << 20) + 1), ["is larger than 1 MiB; give a TOML file"]),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_refusals_name_key_value_and_remedy(tmp_path: Path, toml: str | bytes, problems: list[str]) -> None:
    said = refusals(tmp_path, toml)
    assert len(said) == len(problems)
    for problem, expected in zip(said, problems, strict=True):
        assert problem.startswith(expected)
        assert "\n" not in problem


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"/absent\.toml: cannot be read: No such file or directory$"):
        read_configuration(tmp_path / "absent.toml")
    with pytest.raises(ConfigurationError, match=r"cannot be read: Is a directory$"):
        read_configuration(tmp_path)


VALUES: dict[type[Kind[Any]], Callable[[Any], st.SearchStrategy[Any]]] = {
    Boolean: lambda _: st.booleans(),
    Text: lambda _: st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    Choice: lambda kind: st.sampled_from(kind.choices),
    Names: lambda _: st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)),
    Whole: lambda kind: st.integers(kind.least, kind.most),
    Duration: lambda kind: within(kind).map(kind.from_base),
    Octets: lambda kind: within(kind).map(kind.from_base) | st.sampled_from([2 * 10**6, 3 << 20]),
}


def within(kind: Any) -> st.SearchStrategy[int]:
    """Quantities that such a setting may have, in base units."""
    return st.integers(*(kind.to_base(kind.read(bound)) for bound in (kind.least, kind.most)))


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    chosen = draw(st.lists(st.sampled_from(SETTINGS), unique=True))
    values = {setting: setting.kind.read(draw(VALUES[type(setting.kind)](setting.kind))) for setting in chosen}
    return Configuration().replaced(values)


@given(configurations())
@example(Configuration())
@example(with_settings(Configuration(), {"label": '"\\\x7f\x1f\t\u2028é😀', "duration": "0.001000001"}))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, configuration: Configuration) -> None:
    toml = as_toml(configuration)
    assert read(tmp_path_factory.getbasetemp(), toml) == configuration
    assert toml.count("  # default: ") >= len(changed_settings(Configuration(), configuration))


LINE = st.sampled_from([f"[{name}]" for name in ("capture", "flows", "rows", "log", "nothing")]) | st.builds(
    "{} = {}".format, st.sampled_from([setting.key for setting in SETTINGS]), st.text() | st.integers() | st.floats()
)


@given(st.lists(LINE).map("\n".join).map(str.encode) | st.binary())
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    problems: tuple[str, ...] = ()
    try:
        read(tmp_path_factory.getbasetemp(), octets)
    except ConfigurationError as error:
        problems = error.problems
    assert all(problem.isprintable() for problem in problems)


@given(st.integers(1, 2**30 * NANOSECONDS))
def test_times_are_exact(count: int) -> None:
    kind = Duration("1ns", "1073741824s")
    value = kind.from_base(count)
    assert kind.to_base(value) == count
    assert kind.parse(kind.text(value)) == kind.parse(str(value)) == kind.read(f"{count}ns") == value


@pytest.mark.parametrize(
    ("text", "octets"),
    [("65536", 65536), ("64KiB", 65536), ("64 kib", 65536), ("1GB", 10**9), ("1.5MiB", 3 << 19), ("1e6", 10**6)],
)
def test_sizes(text: str, octets: int) -> None:
    kind = Octets("1B", "1024TiB")
    assert kind.parse(text) == octets
    assert kind.parse(kind.text(octets)) == octets


def test_the_largest_unit_is_written() -> None:
    duration, octets = Duration("1ns", "1073741824s"), Octets("1B", "1024TiB")
    assert [duration.text(value) for value in (90, 120, 3600, 7 * 86400, Decimal("0.5"))] == (
        ["90s", "2m", "1h", "7d", "500ms"]
    )
    assert [octets.text(value) for value in (1500, 10**9, 1 << 20, 1000)] == ["1500B", "1GB", "1MiB", "1kB"]
    assert duration.write(0) == octets.write(0) == "0"


def test_settings_by_name() -> None:
    configuration = with_settings(Configuration(), {"extra": "vlan,label", "columns": ["src_ip"], "log_format": "json"})
    configuration = with_settings(configuration, {"idle_timeout": 0.1, "max_duration": Decimal("1E+3")})
    assert (configuration.flows.idle_timeout, configuration.flows.max_duration) == (Decimal("0.1"), 1000)
    assert configuration.flows.extra == ("vlan", "label")
    assert configuration.flows.columns == ("src_ip",)
    assert configuration.log.format == "json"
    with pytest.raises(ConfigurationError) as caught:
        with_settings(configuration, {"idle_timout": 3, "fanout": "two", "extra": "a,,b", "csv": "\udc80"})
    assert caught.value.problems == (
        "idle_timout: there is no such setting; the nearest is idle_timeout",
        "fanout: 'two' is not a whole number from 1 to 64",
        "extra: a name is empty; give names separated by single commas",
        "csv: '\\udc80' is not a text",
    )


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({}, []),
        ({"interfaces": ["a", "b", "a"]}, ["capture.interfaces: a is given twice; its flows would be too"]),
        ({"csv": "-", "jsonl": "-"}, ["rows.jsonl: - is that of rows.csv already; give another"]),
        ({"csv": "x", "stats": "./x"}, ["log.stats: ./x is that of rows.csv already; give another"]),
        ({"csv": "x/", "jsonl": "x/"}, []),
        ({"keep_size": "1MiB", "rotate_size": "1MiB"}, []),
        (
            {"keep_size": "1MiB"},
            ["rows.keep_size: is less than rows.rotate_size, so that no file would stay; give more, or 0"],
        ),
    ],
)
def test_contradictions(values: dict[str, object], problems: list[str]) -> None:
    assert contradictions(with_settings(Configuration(), values)) == problems


def test_flow_options_are_what_an_engine_takes() -> None:
    assert make_engine(flow_options(FlowSettings()), batch_size=1).selection.headers == Selection().headers
    given = with_settings(Configuration(), {"mode": "corrected", "names": "cicids2017", "max_duration": "1m"}).flows
    options = flow_options(given)
    assert (options["names"], options["max_duration"], options["columns"]) == ("cicids2017", 60, None)


def test_captures_that_end_have_no_bound_on_flows_unless_asked() -> None:
    parameters = dict.fromkeys(["filter", *(setting.name for setting in SETTINGS if setting.section == "flows")])
    assert flow_options_of(parameters) == {**flow_options(FlowSettings()), "filter": None, "max_flows": None}
    given = flow_options_of({**parameters, "max_flows": "9", "filter": "udp"})
    assert (given["max_flows"], given["filter"]) == (9, "udp")


def test_the_label_is_the_engine_s_own() -> None:
    frame = bytes.fromhex("00" * 12 + "0800" + "4500001c000000004011000001010101020202020001000200080000")
    rows = [
        [batch.csv() for batch in (engine.feed([(1, frame)]), engine.flush())[1]]
        for engine in (
            make_engine({"extra": ["label"]}, batch_size=1),
            make_engine({"extra": ["label"], "label": FlowSettings().label}, batch_size=1),
        )
    ]
    assert rows[0] == rows[1] != []


# --- what is made from the settings -----------------------------------------------------------------------------------


def test_no_name_is_given_twice() -> None:
    names = [setting.name for setting in SETTINGS]
    flags = [flag for setting in SETTINGS for flag in (setting.flag, *(f for s in setting.switches for f in s.flags))]
    assert len(set(names)) == len(names)
    assert len(set(filter(None, flags))) == len(list(filter(None, flags)))


def uncommented(text: str) -> str:
    return re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)


def test_the_sample_holds_every_key_with_its_default(tmp_path: Path) -> None:
    assert read(tmp_path, sample()) == Configuration()
    assert read(tmp_path, uncommented(sample())) == Configuration()
    assert re.findall(r"^(\w+) = ", uncommented(sample()), re.MULTILINE) == [setting.key for setting in SETTINGS]


def test_sample_file_and_page_are_fresh() -> None:
    assert (DOCS / "flowedge.toml").read_text(encoding="utf-8") == sample(), "run: make docs"
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert page == module_at(DOCS / "write_configuration.py").page(), "run: make docs"


def test_the_page_s_example_is_right(tmp_path: Path) -> None:
    example_of_page = (DOCS / "configuration.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert contradictions(read(tmp_path, example_of_page)) == []


# --- the command line -------------------------------------------------------------------------------------------------


def configured(*arguments: str) -> Configuration:
    """What a command makes of its arguments."""
    result: list[Configuration] = []

    @click.command(cls=SectionedCommand)
    @configuration_options
    def command(**parameters: Any) -> None:
        result.append(configuration_of(parameters))

    command.main(list(arguments), standalone_mode=False)
    return result[0]


ANOTHER: dict[str, tuple[list[str], object]] = {
    "interfaces": (["eth0", "eth1"], ("eth0", "eth1")),
    "level": (["-v"], "verbose"),
    "promiscuous": (["--no-promiscuous"], False),
    "decapsulate": (["--decapsulate"], True),
    "compress": (["--compress"], True),
    "tls_insecure": (["--tls-insecure"], True),
    "max_payload": (["--max-payload", "1MiB"], 1 << 20),
    "spool_size": (["--spool-size", "512MiB"], 512 << 20),
}


def another(setting: Setting) -> tuple[list[str], object]:
    """Arguments that give it a value that is not the default, and that value."""
    if setting.name in ANOTHER:
        return ANOTHER[setting.name]
    kind = setting.kind
    if isinstance(kind, Choice):
        word = next(word for word in kind.words if word != setting.default)
        return [setting.flag, word], word
    by_kind: dict[type, tuple[str, object]] = {
        Text: ("some text", "some text"),
        Names: ("a,b", ("a", "b")),
        Whole: ("7", 7),
        Duration: ("2.5s", Decimal("2.5")),
        Octets: ("256MiB", 256 << 20),
    }
    text, value = by_kind[type(kind)]
    return [setting.flag, text], value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_every_setting_has_its_flag(setting: Setting) -> None:
    arguments, value = another(setting)
    configuration = configured(*arguments)
    assert changed_settings(Configuration(), configuration) == [setting.path]
    assert configuration[setting] == value


def test_a_flag_overrides_a_key(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(
        "[capture]\ninterfaces = ['lo']\npromiscuous = false\n[log]\nlevel = 'quiet'\n"
        "[flows]\nlabel = 'x'\nidle_timeout = 5\ndecapsulate = true\n"
    )
    assert configured("-c", str(path)) == read_configuration(path)
    flags = "eth0 --promiscuous --no-decapsulate --idle-timeout 7 -v --label"
    configuration = configured("-c", str(path), *flags.split(), "")
    assert configuration.capture.interfaces == ("eth0",)
    assert (configuration.capture.promiscuous, configuration.flows.decapsulate) == (True, False)
    assert (configuration.flows.idle_timeout, configuration.flows.label) == (7, "")
    assert configuration.log.level == "verbose"


def test_the_command_line_is_refused_all_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured("--max-flows", "0", "--log-format", "xml", "--idle-timeout=-3")
    assert caught.value.problems == (
        f"--idle-timeout: '-3' is not a time from 1ns to 1073741824s; {TIME}",
        "--max-flows: '0' is not a whole number from 1 to 1073741824",
        "--log-format: 'xml' is not one of text or json",
    )
    with pytest.raises(ConfigurationError, match=r"rows\.jsonl: - is that of rows\.csv"):
        configured("--csv", "-", "--jsonl", "-")


def test_messages_under_other_names() -> None:
    assert as_flags("idle_timeout: is odd") == "--idle-timeout: is odd"
    assert as_paths("idle_timeout: is odd") == "flows.idle_timeout: is odd"
    assert as_flags("somewhere: is odd") == as_paths("somewhere: is odd") == "somewhere: is odd"


def test_help_shows_every_setting_in_its_section() -> None:
    @click.command(cls=SectionedCommand)
    @configuration_options
    def command(**_: Any) -> None: ...

    text = re.sub(r"\s+", " ", command.get_help(click.Context(command)))
    assert [text.count(f"Options, [{name}]: ") for name in ("capture", "flows", "rows", "packets", "log")] == [1] * 5
    for setting in SETTINGS:
        if setting.flag:
            assert f"{setting.flag} " in text
            assert setting.meaning.replace("-", "- ") in text or setting.meaning in text or "pcap-" in setting.meaning
