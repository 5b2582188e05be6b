"""An audit's files: all of them whole or none, and never two audits in one folder."""

import errno
import json
import os
import resource
import sys

import pyarrow.parquet as pq
import pytest

from patom.audit import Audit, AuditFolder, output
from patom.audit.output import FILES
from patom.folder import LOCK

AUDIT = Audit(
    report={"schema": 1, "task": "Nürnberg"},
    curves=[{"attack": "ascent-direct", "targets": ["a", "b"], "damage": float("nan")}],
    injected={"site": ["a"], "x": [0.5], "y": [2.0]},
)
OLD = Audit({"schema": 0}, [{"attack": "old"}], {"site": ["old"]})


def write(path, audit=AUDIT, page="<p>new</p>"):
    with AuditFolder(path) as folder:
        return folder.write(audit, page)


def contents(path):
    return {name: (path / name).read_bytes() for name in sorted(os.listdir(path))}


def test_four_files_and_nothing_else(tmp_path):
    out = tmp_path / "deep" / "audit"
    assert write(out) == [out / name for name in FILES]
    assert sorted(os.listdir(out)) == sorted(FILES)
    assert json.loads((out / "report.json").read_text("utf-8")) == AUDIT.report
    assert (out / "report.html").read_text("utf-8") == "<p>new</p>"
    assert pq.read_table(out / "injected.parquet").to_pydict() == AUDIT.injected
    assert pq.read_table(out / "curves.parquet")["targets"].to_pylist() == [["a", "b"]]


def test_an_earlier_audit_is_replaced_and_other_files_stay(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, OLD, "old")
    write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*FILES, "notes.txt"])
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == AUDIT.report


def test_json_that_is_none_is_not_written(tmp_path):
    write(tmp_path, OLD, "old")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="JSON compliant"):
        write(tmp_path, Audit({"damage": float("nan")}, [], {}))
    assert contents(tmp_path) == before


def test_leaving_without_writing_removes_what_entering_created(tmp_path):
    with AuditFolder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()
    assert os.listdir(tmp_path) == []
    with pytest.raises(KeyboardInterrupt), AuditFolder(tmp_path / "a" / "b"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []
    (tmp_path / "mine").mkdir()
    with AuditFolder(tmp_path / "mine"):
        pass
    assert os.listdir(tmp_path) == ["mine"]
    assert os.listdir(tmp_path / "mine") == []


def test_a_second_audit_is_refused_and_the_first_goes_on(tmp_path):
    out = tmp_path / "audit"
    with AuditFolder(out) as first:
        with pytest.raises(OSError, match=r"^Another audit is writing to .*audit; wait for it or choose another"):
            AuditFolder(out).__enter__()
        assert (out / LOCK).exists()
        first.write(AUDIT, "<p>new</p>")
    assert sorted(os.listdir(out)) == sorted(FILES)
    write(out)


def test_what_a_killed_audit_left_is_no_hindrance(tmp_path):
    write(tmp_path, OLD, "old")
    (tmp_path / LOCK).touch()
    (tmp_path / "..patom.probe.12ab34cd.partial").touch()
    (tmp_path / ".report.json.12ab34cd.partial").write_text('{"half')
    others = [".notes.partial", ".report.json.mine.partial", ".patom.probe"]
    for name in others:
        (tmp_path / name).write_text("mine")
    write(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([*FILES, *others])
    assert {(tmp_path / name).read_text() for name in others} == {"mine"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/audit", "Not a directory"),
        ("file", "File exists"),
        ("taken", r"report\.html in it is a folder"),
        ("x" * 300, "File name too long"),
        pytest.param("/proc/self/audit", "", marks=pytest.mark.skipif(sys.platform != "linux", reason="has no /proc")),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path, path, reason):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "taken" / "report.html").mkdir(parents=True)
    with pytest.raises(OSError, match=rf"^The output folder .* cannot be written: .*{reason}.*\.$") as caught:
        AuditFolder(tmp_path / path).__enter__()
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "taken"]
    assert os.listdir(tmp_path / "taken") == ["report.html"]


def test_parents_are_removed_where_a_folder_could_not_be_made(tmp_path):
    with pytest.raises(OSError, match="File name too long"):
        AuditFolder(tmp_path / "new" / ("x" * 300)).__enter__()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("fails_at", FILES)
def test_a_full_disk_leaves_an_earlier_audit_whole(tmp_path, monkeypatch, earlier, fails_at):
    out = tmp_path / "audit"
    if earlier:
        write(out, OLD, "old")
    before = contents(out) if earlier else None
    real = open

    def full(path, *arguments):
        if str(path).startswith(str(out / f".{fails_at}")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, *arguments)

    monkeypatch.setattr("patom.atomic.open", full, raising=False)
    with pytest.raises(
        OSError, match=rf"^The audit could not be written to .*audit, .*: {os.strerror(errno.ENOSPC)}\.$"
    ):
        write(out)
    assert (contents(out) if out.exists() else None) == before


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit there")
def test_a_file_that_may_not_grow_leaves_an_earlier_audit_whole(tmp_path):
    write(tmp_path, OLD, "old")
    before = contents(tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limit[1]))
    try:
        for audit in (
            Audit({"schema": "x" * (1 << 17)}, AUDIT.curves, AUDIT.injected),
            Audit(AUDIT.report, AUDIT.curves, {"x": [float(k) ** 0.5 for k in range(1 << 15)]}),
        ):
            with pytest.raises(OSError, match=r"^The audit could not be written to .*, where no file was changed: "):
                write(tmp_path, audit)
            assert contents(tmp_path) == before
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


def test_no_file_is_replaced_before_all_are_whole(tmp_path, monkeypatch):
    write(tmp_path, OLD, "old")
    before = contents(tmp_path)
    monkeypatch.setattr(output.pq, "write_table", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    assert contents(tmp_path) == before
