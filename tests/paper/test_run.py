"""A run gives the same table however it was computed, however often it was stopped, and whatever fails in it."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest
from small_grid import CELLS, FAILING, GRID, kept, write_grid

from patom import workers
from patom.paper import parse_grid, read_run, run, run_grid
from patom.paper.run import RunFolder


def small_run(out, text=GRID, **options):
    return run_grid(parse_grid(text, "small"), out, **options)


@pytest.fixture(name="table", scope="module")
def fixture_table(tmp_path_factory):
    """Bytes of the table of an undisturbed sequential run."""
    out = tmp_path_factory.mktemp("undisturbed")
    small_run(out)
    return (out / "results.parquet").read_bytes()


def test_a_run_computes_every_cell(tmp_path):
    done = []
    run = small_run(tmp_path, progress=lambda *counts: done.append(counts))
    assert (run.cells, run.resumed, run.failed) == (CELLS, 0, 0)
    assert done == [(k, CELLS) for k in range(CELLS + 1)]
    rows, provenance = read_run(tmp_path)
    assert len(rows) == CELLS == len(kept(tmp_path)) == provenance["run"]["cells"]
    assert {row["seed"] for row in rows} == {0, 1}
    assert provenance["run"]["worst_gap"] == max(row["gap"] for row in rows) < 1e-8
    timings = pq.read_table(tmp_path / "timings.parquet")
    assert sum(timings["seconds"].to_pylist()) == pytest.approx(provenance["run"]["seconds"])
    assert set(timings["key"].to_pylist()) == {row["key"] for row in rows}
    about = json.loads(pq.read_schema(tmp_path / "results.parquet").metadata[b"patom"])
    assert about == provenance["results"]
    assert about["seeds"] == [0, 1]


def test_experiments_take_turns_seed_by_seed(tmp_path, monkeypatch):
    """So that what is slow does not all come last, and the estimate of the time left is right after the first seed."""
    second = (
        GRID[GRID.index("[[") :].replace('name = "related"', 'name = "other"', 1).replace("n_tasks = 6", "n_tasks = 5")
    )
    met = []

    def computed(cell, home):
        met.append((cell.seed, cell.experiment))
        return real(cell, home)

    real = run.compute
    monkeypatch.setattr(run, "compute", computed)
    run_grid(parse_grid(GRID + second, "G"), tmp_path / "out")
    assert [seed for seed, _ in met] == sorted(seed for seed, _ in met)
    assert list(dict.fromkeys(met)) == [(0, "related"), (0, "other"), (1, "related"), (1, "other")]


def test_processes_give_the_same_bytes(tmp_path, table):
    small_run(tmp_path, n_jobs=2)
    assert (tmp_path / "results.parquet").read_bytes() == table


@pytest.mark.slow
@pytest.mark.parametrize(("n_workers", "threads"), [(2, 1), (1, 2)])
def test_dask_gives_the_same_bytes(tmp_path, table, n_workers, threads):
    distributed = pytest.importorskip("dask.distributed", reason="dask.distributed is not installed")
    options = {"n_workers": n_workers, "threads_per_worker": threads, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        small_run(tmp_path, dask=cluster.scheduler_address)
    assert (tmp_path / "results.parquet").read_bytes() == table


def test_a_scheduler_that_does_not_answer_is_one_sentence(tmp_path, monkeypatch):
    pytest.importorskip("dask.distributed", reason="dask.distributed is not installed")
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.5)
    with pytest.raises(ConnectionError, match=r"^No dask scheduler answers at 'tcp://127\.0\.0\.1:1'"):
        small_run(tmp_path / "out", dask="tcp://127.0.0.1:1")
    assert not (tmp_path / "out").exists()


def test_a_second_run_computes_nothing(tmp_path, table):
    small_run(tmp_path)
    before = {name: (tmp_path / "cells" / name).stat().st_mtime_ns for name in kept(tmp_path)}
    run = small_run(tmp_path)
    assert run.resumed == CELLS
    assert {name: (tmp_path / "cells" / name).stat().st_mtime_ns for name in kept(tmp_path)} == before
    assert (tmp_path / "results.parquet").read_bytes() == table


def test_more_seeds_take_up_the_cells_of_fewer(tmp_path, table):
    assert small_run(tmp_path, seeds=1).cells == CELLS // 2
    assert small_run(tmp_path).resumed == CELLS // 2
    assert (tmp_path / "results.parquet").read_bytes() == table


def test_cells_that_are_missing_or_damaged_are_computed_again(tmp_path, table):
    small_run(tmp_path)
    first, second, third, *_ = sorted(kept(tmp_path))
    (tmp_path / "cells" / first).unlink()
    (tmp_path / "cells" / second).write_bytes((tmp_path / "cells" / second).read_bytes()[:50])
    (tmp_path / "cells" / third).write_text("[]")
    assert small_run(tmp_path).resumed == CELLS - 3
    assert (tmp_path / "results.parquet").read_bytes() == table


@pytest.mark.parametrize("change", [{"patom": "0.0.1"}, {"files": {"landmine/LandmineData.mat": "00"}}])
def test_cells_of_another_version_or_other_data_are_computed_again(tmp_path, table, change):
    small_run(tmp_path)
    path = tmp_path / "cells" / min(kept(tmp_path))
    cell = json.loads(path.read_text())
    cell["stamp"] |= change
    path.write_text(json.dumps(cell))
    assert small_run(tmp_path).resumed == CELLS - 1
    assert (tmp_path / "results.parquet").read_bytes() == table


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failing_cells_are_recorded_and_tried_again(tmp_path, table, n_jobs):
    run = small_run(tmp_path, FAILING, n_jobs=n_jobs)
    assert (run.cells, run.failed) == (CELLS, CELLS // 2)
    cell, error = run.failures[0]
    assert cell.startswith("related; seed 0; patom-direct")
    assert error.startswith("ValueError: budget of ThreatModel rounds to no rows")
    rows, _ = read_run(tmp_path)
    assert all((row["error"] is None) == (row["budget"] == 0.3) for row in rows)
    assert all(row["metric_attacked"] is not None for row in rows if row["budget"] == 0.3)
    assert small_run(tmp_path, FAILING).resumed == CELLS // 2
    assert small_run(tmp_path).resumed == CELLS // 2  # the cells that the two grids share
    assert (tmp_path / "results.parquet").read_bytes() == table


def test_two_runs_do_not_share_a_folder(tmp_path):
    with RunFolder(tmp_path), pytest.raises(OSError, match="Another run is writing to"):
        small_run(tmp_path)


def test_a_grid_that_the_data_do_not_allow_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="more than the 6 tasks"):
        small_run(tmp_path / "out", GRID.replace("targets = 2", "targets = 5"))
    assert not (tmp_path / "out").exists()


def test_an_interrupt_keeps_the_finished_cells(tmp_path, table):
    def stop(done, _):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_run(tmp_path, progress=stop)
    assert len(kept(tmp_path)) == 5
    assert not (tmp_path / "results.parquet").exists()
    assert small_run(tmp_path).resumed == 5
    assert (tmp_path / "results.parquet").read_bytes() == table


RUN = """
import sys
from patom.paper import read_grid, run_grid
run_grid(read_grid(sys.argv[1]), sys.argv[2], n_jobs=int(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system cannot kill -9")
def test_ten_kills_do_not_change_the_table(tmp_path, table):
    """Kill -9 after some cells and a moment more, which may fall into a cell, a write or a rename."""
    grid, out, rng = write_grid(tmp_path / "small.toml"), tmp_path / "out", random.Random(0)
    for kill in range(10):
        before = len(kept(out))
        command = [sys.executable, "-c", RUN, str(grid), str(out), str(1 + kill % 2)]
        process = subprocess.Popen(command)
        enough = before + rng.randint(0, 3)
        while len(kept(out)) < enough and process.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.03))
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert len(kept(out)) >= before
    assert 0 < len(kept(out)) < CELLS
    small_run(out)
    assert (out / "results.parquet").read_bytes() == table
    assert not [name for name in os.listdir(out / "cells") if name.endswith(".partial")]
