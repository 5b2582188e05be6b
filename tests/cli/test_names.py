"""Names with commas, and names that are no text: of files, tasks and columns."""

import json
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import FILES, QUICK, one_line

LAMBDAS = ("--lambda-1", "0.1", "--lambda-2", "0.1")


def towns(path, sites=("Paris, TX", "Rome", "Oslo")):
    rng = np.random.default_rng(0)
    site = np.repeat(sites, 24)
    a, b = rng.normal(size=(2, site.size))
    columns = {"town": site, "net, price": a, "size": b, "a,b": rng.normal(size=site.size), "y": a + 2.0 * b}
    with open(path, "wb") as file:
        pq.write_table(pa.table(columns), file)
    return path


@pytest.fixture
def audited(run, tmp_path):
    def audit(*options):
        path = towns(tmp_path / "towns.parquet")
        status, _, err = run(
            "audit", path, "--task", "town", "--target", "y", *QUICK, "--jobs", "1", "--out", tmp_path / "out", *options
        )
        assert (status, err) == (0, "")
        return json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))

    return audit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "targets"),
    [
        (("--targets", "Paris, TX"), "Paris, TX"),
        (("--targets", "Paris, TX", "--targets", "Rome"), "Paris, TX, Rome"),
        (("--targets", "Rome,Paris, TX"), "Rome, Paris, TX"),
        (("--targets", "Rome, Oslo"), "Rome, Oslo"),
    ],
)
def test_targets(audited, typed, targets):
    assert audited(*typed)["setting"]["targets"] == targets


def test_attackers_and_features_and_the_command_again(audited):
    report = audited(
        "--targets", "Oslo", "--attackers", "Paris, TX", "--features", "net, price", "--features", "size,a,b"
    )
    assert report["data"]["features"] == ["net, price", "size", "a,b"]
    assert report["setting"]["attackers"].endswith("Paris, TX")
    for typed in ("--attackers 'Paris, TX'", "--features 'net, price' --features size,a,b"):
        assert typed in report["command"]


def test_a_name_that_is_not_there_is_named_alone(run, tmp_path):
    path = towns(tmp_path / "towns.parquet")
    status, _, err = run("audit", path, "--task", "town", "--target", "y", "--targets", "Rome,Pari")
    assert status == 2
    assert "'Pari'" in one_line(err)
    status, _, err = run("audit", path, "--task", "town", "--target", "y", "--features", "size,net")
    assert status == 2
    assert "no column 'net'" in one_line(err)


def test_screening_takes_them_too(run, tmp_path):
    path = towns(tmp_path / "towns.parquet")
    status, out, _ = run("screen", path, "--task", "town", "--target", "y", "--features", "net, price", *LAMBDAS)
    assert status == 0
    assert "1 feature: 'net, price'." in out


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
class TestBytesThatAreNoText:
    NAME = os.fsdecode(b"sales\xff.parquet")

    @pytest.mark.slow
    def test_an_audit_is_not_lost_at_its_end(self, run, tmp_path):
        path = towns(tmp_path / self.NAME)
        out = tmp_path / os.fsdecode(b"out\xfe")
        status, printed, err = run(
            "audit", path, "--task", "town", "--target", "y", *QUICK, "--jobs", "1", "--out", out
        )
        assert (status, err) == (0, "")
        assert sorted(os.listdir(out)) == sorted(FILES)
        report = json.loads((out / "report.json").read_text("utf-8"))
        assert report["data"]["source"] == "sales\\xff.parquet"
        assert "sales\\xff.parquet" in report["command"]
        printed.encode("utf-8")

    def test_nor_a_screening(self, run, tmp_path):
        path = towns(tmp_path / self.NAME)
        status, _, err = run(
            "screen", path, "--task", "town", "--target", "y", *LAMBDAS, "--out", tmp_path / os.fsdecode(b"\xff.json")
        )
        assert (status, err) == (0, "")
        found = json.loads((tmp_path / os.fsdecode(b"\xff.json")).read_text("utf-8"))
        assert found["source"] == "sales\\xff.parquet"

    def test_a_refusal_names_the_file(self, run, tmp_path):
        status, _, err = run("audit", tmp_path / self.NAME, "--task", "town", "--target", "y")
        assert status == 2
        assert "\\udcff.parquet" in one_line(err)
