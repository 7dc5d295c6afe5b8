"""The program as the shell sees it: time, pipes, signals, encodings, terminals."""

from __future__ import annotations

import os
import pty
import re
import resource
import signal
import subprocess
import sys
import threading

import pytest

from edversion.cli import cli

PROGRAM = "from edversion.cli import main; main()"
LARGE = bytes(range(256)) * 16_384


@pytest.fixture
def large(work, call):
    """A version with a file that fits into no pipe."""
    (work / "large.bin").write_bytes(LARGE)
    call("log", "large.bin")
    return work


def start(*arguments: str, **more) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, **more
    )


def test_help_starts_fast(empty):
    """Seconds of the processor, of which others cannot take any; best of several."""

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", PROGRAM, "--help"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.4


def test_help_loads_neither_rich_nor_the_catalog(empty):
    code = (
        "import sys\nfrom edversion.cli import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'rich', 'sqlalchemy', 'alembic', 'fsspec', 'lark'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_does_without_rich(work):
    code = (
        "import sys\nfrom edversion.cli import cli\n"
        "try: cli.main(['show', 'model', '--json'])\n"
        "except SystemExit: pass\n"
        "print('rich' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stderr == "False\n"


def test_open_is_binary_safe(large, process):
    answer = process("open", "large", "large.bin")
    assert (answer.code, answer.out, answer.err) == (0, LARGE, "")


def test_a_closed_pipe_is_quiet(large):
    with start("cat", "large", "large.bin") as program:
        assert program.stdout.read(3) == LARGE[:3]
        program.stdout.close()
        assert program.wait(timeout=30) == 128 + signal.SIGPIPE
        assert program.stderr.read() == b""


def test_a_closed_pipe_is_quiet_for_tables_too(work):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", PROGRAM, "ls"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_control_c(large):
    with start("cat", "large", "large.bin") as program:
        assert program.stdout.read(1) == LARGE[:1]  # it is at work, and waits for us to read on
        program.send_signal(signal.SIGINT)
        rest, errors = program.communicate(timeout=30)
    assert program.returncode == 130
    assert len(rest) < len(LARGE) - 1
    assert errors.decode().strip() == "error: interrupted"


def test_undecodable_arguments_are_refused_by_name(work, process):
    answer = process("edit", "model", "--description", b"\xff")
    assert answer.code == 2
    assert "is not valid Unicode" in answer.err
    failed = process("log", b"no\xffwhere", "--json")
    assert failed.code == 1
    assert "\udcff" in failed.json["error"]["message"]


def test_any_encoding_of_the_terminal(work, call, process):
    (work / "x.txt").write_text("x")
    call("log", "x.txt", "--description", "größer → 日本", "--meta", "k=日本")
    assert "größer \\u2192" in process("show", "x", env={"PYTHONIOENCODING": "latin-1"}).out.decode(
        "latin-1"
    )
    document = process("show", "x", "--json", env={"PYTHONIOENCODING": "latin-1"})
    assert document.json["description"] == "größer → 日本"


def test_pipes_get_plain_unbroken_lines(work, process):
    long = "word " * 60
    (work / "x.txt").write_text("x")
    process("log", "x.txt", "--meta", f"long={long}x", "--meta", "lines=one\ntwo")
    answer = process("show", "x", env={"COLUMNS": "40", "FORCE_COLOR": "1"})
    assert f"long   {long}x" in answer.lines
    assert "lines  one two" in answer.lines
    assert "\x1b" not in answer.text
    assert all(line == line.rstrip() for line in answer.lines)


def on_terminal(*arguments: str, columns: int, **environment: str) -> str:
    """Run the program on a pseudo-terminal; give all that it wrote there."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", PROGRAM, *arguments]
    terminal = {"TERM": "xterm-256color", "COLUMNS": str(columns)}
    with subprocess.Popen(
        command,
        stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | terminal | environment,
    ):  # fmt: skip
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 1 << 16):
                shown += block
        except OSError:  # Linux says so that the other end is closed
            pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(monkeypatch):
    """Call the program in this process, but on a pseudo-terminal of so many columns."""

    def run(*arguments: str, columns: int) -> list[str]:
        ours, theirs = pty.openpty()
        shown: list[bytes] = []
        reader = threading.Thread(target=lambda: shown.extend(iter(lambda: _read(ours), b"")))
        reader.start()
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm-256color")
        with open(theirs, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            with pytest.raises(SystemExit):
                cli.main(list(arguments))
        reader.join(timeout=60)
        os.close(ours)
        return _STYLE.sub("", b"".join(shown).decode()).replace("\r\n", "\n").splitlines()

    return run


_STYLE = re.compile("\x1b\\[[0-9;]*m")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux says so that the other end is closed
        return b""


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "arguments",
    [["ls"], ["ls", "scores"], ["show", "model"], ["runs"], ["events"], ["alias", "model"],
     ["diff", "scores:v0", "scores:v1"], ["compare", "scores:v0", "model"],
     ["lineage", "model"], ["search"], ["metrics"]],
    ids=" ".join,
)  # fmt: skip
def test_tables_fit_the_terminal(work, terminal, columns, arguments):
    lines = terminal(*arguments, columns=columns)
    assert len(lines) > 1
    assert max(map(len, lines)) <= columns


def test_no_column_is_lost_on_a_narrow_terminal(work, call, terminal):
    (work / "x.txt").write_text("x")
    tags = ["--tag", "one-quite-long-tag", "--tag", "another-quite-long-tag"]
    call("log", "x.txt", *tags, "--project", "a-project-with-quite-a-long-name")
    lines = terminal("search", columns=80)
    assert lines[0].split() == ["version", "type", "aliases", "tags", "size", "created", "(UTC)"]
    for line in lines[2:]:
        assert not line.startswith("school") or re.search(r" \d{4}-\d\d-\d\d \d\d:\d\d$", line)
    assert max(map(len, terminal("search", columns=40))) <= 40


def test_identifiers_are_not_broken_on_a_narrow_terminal(work, call, terminal):
    run = call("runs", "--json").json[0]["id"]
    assert any(line.startswith(run) for line in terminal("runs", columns=70))
    assert any(line.startswith("school/scores:v0 ") for line in terminal("search", columns=70))


def test_a_diff_keeps_the_column_of_every_version(work, call, terminal):
    call("edit", "scores:v1", "--replace")
    lines = terminal("diff", "scores:v0", "scores:v1", columns=100)
    start = lines.index("Metadata")
    assert lines[start + 1].split() == ["key", "change", "v0", "v1"]


def test_a_terminal_is_spared_empty_columns(work, terminal):
    assert "tags" not in terminal("ls", "model", columns=80)[0]
    assert "tags" in terminal("ls", "scores", columns=80)[0]


def test_colours_only_where_they_are_wanted(work):
    assert "\x1b[1m" in on_terminal("ls", columns=80)
    assert "\x1b[3" not in on_terminal("ls", columns=80, NO_COLOR="1")


def test_get_shows_a_bar_on_a_terminal_and_only_there(large, process):
    assert "getting school/large:v0" in on_terminal("get", "large", "-o", "one", columns=100)
    assert process("get", "large", "-o", "two").err == ""
    assert (large / "one" / "large.bin").read_bytes() == LARGE


CALLS = [["ls"], ["--help"], ["cat", "large", "large.bin"], ["ls", "--json"], ["nope", "--json"],
         ["completion", "bash"]]  # fmt: skip


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_an_output_that_is_full(large, process, arguments):
    with open("/dev/full", "wb") as full:
        answer = process(*arguments, stdout=full)
    if arguments[0] == "nope":  # the message had nowhere to go; its exit code tells
        assert (answer.code, answer.err) == (2, "")
    else:
        assert answer.code == 1
        assert answer.err == "error: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("arguments", CALLS[:3], ids=" ".join)
def test_an_output_that_is_closed(large, process, arguments):
    answer = process(*arguments, stdout=None, preexec_fn=lambda: os.close(1))
    assert answer.code == 1
    assert answer.err == "error: cannot write the output: standard output is closed\n"
