"""Grids in TOML: what is taken, and the one sentence that says why something is not."""

import os
import re
import threading

import pytest

from patom.paper import parse_grid, read_grid


def test_defaults_are_the_papers(grid):
    (read,) = grid().experiments
    assert (read.patom.step_size, read.patom.max_iter, read.patom.batch_ratio) == (100.0, 10, 3.0)
    assert (read.model.loss, read.model.lambda_1, read.model.lambda_2) == (None, 0.1, 0.1)
    assert (read.start.features, read.start.labels) == ("uniform", "resampled")
    assert (read.radius, read.starts, read.model.constant) == (1.0, 1, "after")


def test_seeds_default_to_ten(as_toml, experiment):
    assert parse_grid(as_toml({"title": "t", "experiments": [experiment()]}), "G").seeds == 10


def test_every_key_is_taken_over(grid):
    (read,) = grid(
        budgets=[1, 0.25],
        pairs=[{"targets": [1, "b"], "attackers": [3]}, {"targets": [2]}],
        starts=4,
        radius=2,
        model={"loss": "huber", "lambda_1": 0, "lambda_2": 0.5},
        start={"features": "resampled", "labels": "flipped"},
        patom={"step_size": 3, "max_iter": 7, "batch_ratio": 0.5},
        data={"name": "sarcos", "n_train": 20, "source": "test_file", "inputs": "own", "standardise_targets": True},
    ).experiments
    assert read.budgets == (1.0, 0.25)
    assert [(pair.targets, pair.attackers) for pair in read.pairs] == [((1, "b"), (3,)), ((2,), ())]
    assert (read.starts, read.radius) == (4, 2.0)
    assert (read.model.loss, read.model.lambda_1, read.model.lambda_2) == ("huber", 0.0, 0.5)
    assert (read.start.features, read.start.labels) == ("resampled", "flipped")
    assert (read.patom.step_size, read.patom.max_iter, read.patom.batch_ratio) == (3.0, 7, 0.5)
    assert read.data.model_dump(exclude={"name"}) == {
        "n_train": 20, "n_test": 600, "source": "test_file", "inputs": "own",
        "standardise_targets": True, "standardise_features": False,
    }  # fmt: skip


@pytest.mark.parametrize("table", ["model", "start", "patom", "data", "pairs"])
@pytest.mark.parametrize("key", ["lamda_1", "name_", "int", "digits", "drawn", "Listed"])
def test_an_unknown_key_is_named_with_its_path(fault, experiment, table, key):
    second = experiment(name="other")
    second[table] = second.get(table, {}) | {key: 3}
    assert fault(experiment(), second) == f"experiments[1].{table}.{key}: unknown key (got 3)."


def test_an_unknown_key_outside_of_the_tables_is_named_with_its_path(fault, experiment):
    assert fault(whole={"seed": 3}) == "seed: unknown key (got 3)."
    assert fault(experiment(), experiment(name="other", budget=0.1)) == "experiments[1].budget: unknown key (got 0.1)."
    pairs = [{"targets": [1]}, {"targets": [2], "attacker": [3]}]
    assert fault(pairs=pairs) == "experiments[0].pairs[1].attacker: unknown key (got [3])."


def test_a_path_counts_the_experiments_of_the_file_and_not_their_variants(fault, experiment):
    varied = experiment(vary=[{"patom.step_size": [1.0, 2.0, 3.0]}])
    wrong = experiment(name="other", model={"lamda_1": 0.1})
    assert fault(varied, wrong) == "experiments[1].model.lamda_1: unknown key (got 0.1)."
    # ... nor is a mistake counted once for each variant.
    assert fault(varied, wrong | {"vary": varied["vary"]}) == "experiments[1].model.lamda_1: unknown key (got 0.1)."


@pytest.mark.parametrize("key", ["a.b", "a\nb", "", 'a"b', "a b"])
def test_a_key_that_needs_quotes_has_them(fault, key):
    path = {"a.b": '"a.b"', "a\nb": r'"a\nb"', "": '""', 'a"b': r'"a\"b"', "a b": '"a b"'}[key]
    assert fault(model={key: 1}) == f"experiments[0].model.{path}: unknown key (got 1)."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"name": "sarcos", "n_tasks": 3}}, "experiments[0].data.n_tasks: unknown key (got 3)."),
        ({"data": {"n_tasks": 3}}, "experiments[0].data.name: the key is missing."),
        ({"budgets": None}, "experiments[0].budgets: the key is missing."),
        ({"pairs": {"targets": 2}}, "experiments[0].pairs.attackers: the key is missing."),
        ({"budgets": []}, "experiments[0].budgets: the list is empty (got [])."),
        ({"attacks": []}, "experiments[0].attacks: the list is empty (got [])."),
        ({"pairs": []}, "experiments[0].pairs: the list is empty (got [])."),
        ({"pairs": [{"targets": []}]}, "experiments[0].pairs[0].targets: the list is empty (got [])."),
    ],
)
def test_what_is_missing_is_said(fault, changes, said):
    assert fault(**changes) == said


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("budgets", {"budgets": 0.1}),
        ("budgets[1]", {"budgets": [0.1, "much"]}),
        ("budgets[0]", {"budgets": [True]}),
        ("budgets[0]", {"budgets": [0.0]}),
        ("budgets[0]", {"budgets": [-0.1]}),
        ("budgets[1]", {"budgets": [0.1, float("nan")]}),
        ("budgets[1]", {"budgets": [0.1, float("inf")]}),
        ("radius", {"radius": 10**400}),
        ("radius", {"radius": 0}),
        ("starts", {"starts": 0}),
        ("starts", {"starts": 2.0}),
        ("starts", {"starts": True}),
        ("starts", {"starts": "2"}),
        ("name", {"name": 3}),
        ("name", {"name": ""}),
        ("figure", {"figure": "fig2"}),
        ("attacks[1]", {"attacks": ["patom-direct", "patom"]}),
        ("attacks", {"attacks": "patom-direct"}),
        ("model", {"model": 3}),
        ("model.loss", {"model": {"loss": "hinge"}}),
        ("model.constant", {"model": {"constant": "never"}}),
        ("model.lambda_1", {"model": {"lambda_1": -0.1}}),
        ("model.lambda_1", {"model": {"lambda_1": True}}),
        ("model.lambda_2", {"model": {"lambda_2": float("inf")}}),
        ("model.lambda_2", {"model": {"lambda_2": "0.1"}}),
        ("patom.step_size", {"patom": {"step_size": 0.0}}),
        ("patom.step_size", {"patom": {"step_size": float("inf")}}),
        ("patom.max_iter", {"patom": {"max_iter": 0}}),
        ("patom.max_iter", {"patom": {"max_iter": 10.0}}),
        ("patom.batch_ratio", {"patom": {"batch_ratio": float("nan")}}),
        ("start.labels", {"start": {"labels": "true"}}),
        ("start.features", {"start": {"features": 1}}),
        ("pairs", {"pairs": 3}),
        ("pairs[1]", {"pairs": [{"targets": [1]}, 3]}),
        ("pairs[0].targets[1]", {"pairs": [{"targets": [1, 1.5]}]}),
        ("pairs[0].targets[0]", {"pairs": [{"targets": [True]}]}),
        ("pairs[0]", {"pairs": [{"targets": [1, 1]}]}),
        ("pairs[1]", {"pairs": [{"targets": [1]}, {"targets": [1, 2], "attackers": [2]}]}),
        ("pairs.count", {"pairs": {"count": 0, "targets": 1, "attackers": 1}}),
        ("pairs.targets", {"pairs": {"targets": 0, "attackers": 1}}),
        ("pairs.attackers", {"pairs": {"targets": 1, "attackers": -1}}),
        ("pairs.seed", {"pairs": {"targets": 1, "attackers": 1, "seed": -1}}),
        ("data", {"data": "sarcos"}),
        ("data", {"data": {"name": "sarkos"}}),
        ("data", {"data": {"name": "sar\nkos"}}),
        ("data", {"data": {"name": ["sarcos"]}}),
        ("data.n_train", {"data": {"name": "sarcos", "n_train": "many"}}),
        ("data.standardise_targets", {"data": {"name": "sarcos", "standardise_targets": 1}}),
        ("data.source", {"data": {"name": "sarcos", "source": "web"}}),
        ("data.kind", {"data": {"name": "related", "kind": "ranking"}}),
        ("data.n_test", {"data": {"name": "mnist", "n_test": 3}}),
    ],
)
def test_a_bad_value_is_named_with_its_path(fault, path, changes):
    said = fault(**changes)
    assert said.startswith(f"experiments[0].{path}: ")
    assert said.endswith(".")
    assert "more like it" not in said


def test_mistakes_beyond_the_first_are_counted(fault):
    said = fault(budgets=[0.0, -1.0, 0.1, "x"], starts=0)
    assert said.startswith("experiments[0].budgets[0]: ")
    assert said.endswith("; 3 more like it.")


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("title", {"title": 3}),
        ("title", {"title": ""}),
        ("seeds", {"seeds": 0}),
        ("seeds", {"seeds": 1.5}),
        ("seeds", {"seeds": True}),
        ("experiments", {"experiments": []}),
        ("experiments", {"experiments": 3}),
        ("experiments", {"experiments": {"name": "E"}}),
        ("experiments[0]", {"experiments": [3]}),
    ],
)
def test_a_bad_value_at_the_top_is_named(fault, path, whole):
    assert fault(whole=whole).startswith(f"{path}: ")


def test_a_date_is_no_number():
    with pytest.raises(ValueError, match=r"^G: experiments: "):
        parse_grid('title = "t"\nexperiments = 1979-05-27\n', "G")


def test_two_experiments_of_one_name_are_refused(fault, experiment):
    assert "'made'" in fault(experiment(), experiment(name="other"), experiment())
    # A variant takes its name from what varies, and may so meet another.
    varied = experiment(vary=[{"patom.step_size": [1.0]}])
    assert "'made, step_size 1'" in fault(varied, experiment(name="made, step_size 1"))


@pytest.mark.parametrize(
    "text", ["title = ", "title == 3", "[[experiments]\n", "a = 1\na = 2\n", "title = 'x", "x = [\n", "\ufefftitle = 1"]
)
def test_what_is_no_toml_is_said_in_a_line(text):
    with pytest.raises(ValueError, match=r"^G is not a TOML file: .+$") as caught:
        parse_grid(text, "G")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("depth", [250, 450, 1_000, 5_000])
@pytest.mark.parametrize(
    "nested",
    [
        lambda depth: "x = " + "[" * depth + "]" * depth,
        lambda depth: "x = " + "{a = " * depth + "1" + "}" * depth,
        lambda depth: ".".join("a" * depth) + " = 1",
        lambda depth: "[" + ".".join("a" * depth) + "]",
        lambda depth: '[[experiments]]\nvary = [{"' + ".".join("a" * depth) + '" = [1]}]',
        lambda depth: "[[experiments]]\nvary = [{a = [" + "[" * depth + "]" * depth + "]}]",
    ],
    ids=["lists", "tables", "dotted key", "header", "dotted key that varies", "value that varies"],
)
def test_deep_nesting_is_refused_and_no_crash(nested, depth):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_grid(nested(depth), "G")
    assert str(caught.value) == "G is not a grid: its lists or tables are nested too deeply."


def test_a_number_of_too_many_digits_is_refused_by_the_files_name():
    with pytest.raises(ValueError, match=r"^G is not a TOML file: Exceeds the limit \(4300 digits\)"):
        parse_grid("x = " + "9" * 5_000, "G")


def test_what_is_told_of_a_bad_value_is_short(fault):
    said = fault(model={"lambda_1": ["x" * 5_000]})
    assert said.startswith("experiments[0].model.lambda_1: input should be a valid number (got ['xxx")
    assert len(said) < 300


def test_axes_that_come_to_too_many_experiments_are_refused_before_they_are_made(fault, experiment):
    axes = [{"patom.max_iter": list(range(1, 11))}] * 12
    said = fault(experiment(), experiment(name="other", vary=axes))
    assert said == "experiments[1].vary comes to 1,000,000,000,000 experiments; 10,000 are the most"


def test_a_file_is_read(tmp_path, as_toml, experiment):
    path = tmp_path / "mine.toml"
    path.write_text(as_toml({"title": "täglich", "experiments": [experiment()]}), "utf-8")
    assert read_grid(path) == read_grid(str(path))
    assert read_grid(path).title == "täglich"


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_file(tmp_path, as_toml, experiment):
    path, text = tmp_path / "marked.toml", as_toml({"title": "täglich", "experiments": [experiment()]})
    path.write_bytes(text.encode("utf-8-sig"))
    assert read_grid(path) == parse_grid(text, "G")


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_other_codings_are_refused(tmp_path, as_toml, experiment, coding):
    path = tmp_path / "other.toml"
    path.write_bytes(as_toml({"title": "täglich", "experiments": [experiment()]}).encode(coding))
    with pytest.raises(ValueError, match=r"^.*other\.toml is not a TOML file: "):
        read_grid(path)


def test_a_file_without_end_is_refused(tmp_path):
    path = tmp_path / "long.toml"
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(ValueError, match=r"long\.toml is not a grid: it is larger than 1,048,576 bytes"):
        read_grid(path)


def test_errors_of_a_file_begin_with_its_name(tmp_path, as_toml):
    path = tmp_path / "mine.toml"
    path.write_text(as_toml({"title": "t", "experiments": []}))
    with pytest.raises(ValueError, match=re.escape(f"{path}: experiments: the list is empty")):
        read_grid(path)


def test_neither_file_nor_preset_names_the_presets(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"neither a preset nor a file 'fig9'.*fig1, fig2, fig3") as caught:
        read_grid("fig9")
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(FileNotFoundError, match=r"absent\.toml"):
        read_grid(tmp_path / "absent.toml")


def test_a_folder_and_bytes_that_are_no_text_are_refused(tmp_path):
    with pytest.raises(OSError, match=re.escape(f"The grid {tmp_path} cannot be read: ")):
        read_grid(tmp_path)
    path = tmp_path / "latin.toml"
    path.write_bytes("title = 'tägl'".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.toml is not a TOML file: it is not text in UTF-8"):
        read_grid(path)


def test_a_grid_is_frozen(grid):
    read = grid()
    with pytest.raises(ValueError, match="frozen"):
        read.seeds = 3


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="the system has no such device")
def test_what_has_no_end_is_refused_by_its_kind():
    with pytest.raises(ValueError, match=r"^'/dev/zero' is a device, not a grid$"):
        read_grid("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_read_once_and_one_that_nobody_writes_to_is_refused(tmp_path, monkeypatch):
    pipe = tmp_path / "grid"
    os.mkfifo(pipe)
    text = "title = 'x'\nseeds = 0\nexperiments = []\n"
    writer = threading.Thread(target=lambda: pipe.write_text(text))
    writer.start()
    with pytest.raises(ValueError, match="grid: seeds: input should be greater than or equal to 1"):
        read_grid(pipe)
    writer.join()
    monkeypatch.setattr("patom.pipes.PATIENCE", 0.1)
    with pytest.raises(ValueError, match=r"is an empty pipe that nobody writes to, not a grid$"):
        read_grid(pipe)
