"""What reaches the terminal: cleaned, whatever labels, columns and files are called; and streams that never fail."""

import os
import shlex
import subprocess
import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import PATOM, QUICK, one_line, write_csv

from patom.cli import app as command
from patom.cli.streams import printable

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\u202e\u200b\nnorth\r\x9b1A"


def clean(text):
    return all(one == "\n" or one.isprintable() or unicodedata.category(one) == "Zs" for one in text)


@pytest.mark.parametrize(
    "one",
    [
        *("\x00", "\x1b", "\x7f", "\x9b", "\u200b", "\u202e", "\u2028", "\ufeff", "\udcff", "\n", "\u00ad"),
        *("\u034f", "\u115f", "\u180e", "\u2800", "\u3164", "\ufe0f", "\uffa0", "\U000e0101"),
    ],
)
def test_what_a_terminal_acts_on_is_written_as_an_escape(one):
    assert clean(printable(f"a{one}b"))
    assert printable(f"a{one}b").startswith("a\\")


@pytest.mark.parametrize("text", ["größe [mm²]", "東京", "a\u00a0b", "Zürich – 3 %", "naïve café", "🙂", "a\\b"])
def test_plain_text_stays(text):
    assert printable(text) == text


def hostile_table(path, sizes=(24, 24)):
    rng = np.random.default_rng(0)
    site = np.repeat([HOSTILE, "south"], sizes)
    columns = {f"site{HOSTILE}": site, f"a{HOSTILE}": rng.normal(size=site.size), "b": rng.normal(size=site.size)}
    columns[f"note{HOSTILE}"] = ["x"] * site.size
    columns["y"] = columns["b"] + 0.1 * rng.normal(size=site.size)
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "arguments", [("audit", *QUICK, "--jobs", "1"), ("screen", "--lambda-1", "0.1", "--lambda-2", "0.1")]
)
def test_labels_and_columns_cannot_reach_the_terminal(run, tmp_path, arguments, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = hostile_table(tmp_path / f"sales{HOSTILE.replace(chr(10), '')}.parquet")
    name, *options = arguments
    status, out, err = run(
        name, path, "--task", f"site{HOSTILE}", "--target", "y", *options, "--out", tmp_path / f"out{HOSTILE}"
    )
    assert status == 0
    assert clean(out)
    assert clean(err)


def test_nor_can_they_from_an_error(run, tmp_path):
    path = hostile_table(tmp_path / "sales.parquet")
    for options in (
        ("--task", HOSTILE, "--target", "y"),
        ("--task", "b", "--target", f"note{HOSTILE}"),
        ("--tusk", HOSTILE),
    ):
        status, out, err = run("audit", path, *options)
        assert (status, out) == (2, "")
        assert clean(one_line(err))


def test_nor_from_far_down_in_a_csv(run, tmp_path):
    lines = ["site,a,y", *(f"north,{i % 7},{i % 5}" for i in range(20_000)), f"{HOSTILE!s}".replace("\n", "") + ",1,x"]
    (tmp_path / "long.csv").write_text("\n".join(lines))
    status, _, err = run("audit", tmp_path / "long.csv", "--task", "site", "--target", "y", "--kind", "regression")
    assert status == 2
    assert clean(one_line(err))


def patom(*arguments, **settings):
    environment = os.environ | {"PYTHONIOENCODING": settings.pop("encoding", "utf-8")}
    return subprocess.run(
        [sys.executable, "-c", PATOM, *map(str, arguments)],
        capture_output="stdout" not in settings, env=environment, timeout=120, check=False, **settings,
    )  # fmt: skip


def table(path):
    rng = np.random.default_rng(0)
    a = rng.normal(size=40)
    return write_csv(path, {"site": np.repeat(["東京", "south"], 20), "a": a, "y": a + rng.normal(size=40)})


@pytest.mark.slow
def test_an_encoding_without_the_labels_letters(tmp_path):
    arguments = (
        "screen",
        table(tmp_path / "t.csv"),
        "--task",
        "site",
        "--target",
        "y",
        "--lambda-1",
        "0.1",
        "--lambda-2",
        "0.1",
    )
    found = patom(*arguments, encoding="cp1252")
    assert found.returncode == 0
    assert b"\\u6771\\u4eac" in found.stdout
    found = patom("screen", tmp_path / "東京.csv", "--task", "a", "--target", "b", encoding="ascii")
    assert found.returncode == 2
    assert b"\\u6771" in found.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
@pytest.mark.parametrize("target", ["/dev/full", "closed"])
def test_nobody_reads(target):
    if target == "closed":
        closed = f"{sys.executable} -c {shlex.quote(PATOM)} --version >&-"
        found = subprocess.run(["sh", "-c", closed], capture_output=True, timeout=60, check=False)
    else:
        with open(target, "w") as full:
            found = patom("--version", stdout=full, stderr=subprocess.PIPE)
    assert (found.returncode, found.stderr) == (0, b"")


@pytest.mark.parametrize("error", [RuntimeError("here"), KeyError("key"), ZeroDivisionError(), AssertionError()])
def test_a_fault_of_the_program_never_has_the_gates_status(monkeypatch, capsys, error):
    def app(**_):
        raise error

    monkeypatch.setattr(command, "app", app)
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 70
    err = capsys.readouterr().err
    assert type(error).__name__ in err
    assert err.splitlines()[-1].startswith("patom: this is a fault of patom, not of what it was given; please report")


def test_a_fault_quotes_no_escapes(monkeypatch, capsys):
    def app(**_):
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr(command, "app", app)
    with pytest.raises(SystemExit):
        command.main()
    assert clean(capsys.readouterr().err)


def test_warnings_are_a_line_each(monkeypatch, capsys):
    import warnings

    def app(**_):
        warnings.simplefilter("always")
        warnings.warn(f"odd {HOSTILE}", UserWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(command, "app", app)
    with warnings.catch_warnings(), pytest.raises(SystemExit):
        command.main()
    assert clean(one_line(capsys.readouterr().err, "patom: warning: odd"))
