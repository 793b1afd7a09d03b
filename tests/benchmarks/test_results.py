"""The suite goes on after a failure, and the page has every table and every reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks import __main__ as entry
from benchmarks import suite
from benchmarks.documents import Document, Picture, write
from benchmarks.fitness_command import Judged
from benchmarks.fitness_command import table as fitness_table
from benchmarks.folders import Speed
from benchmarks.folders_command import record_of, speed_table
from benchmarks.results_page import page
from benchmarks.scan_choice import json_option
from benchmarks.suite import SUITE, run_suite, write_page
from benchmarks.tables import Plot, Series, Table

MACHINE = {"commit": "abc", "numpy": "2"}


LINES = Plot("Lines", "rate", "dB", (Series("one", (0.1, 0.2), (30.0, 33.0)),), log_x=True)


def document(name: str, title: str = "A <title>", plots: tuple[Plot, ...] = ()) -> Document:
    return Document(
        name=name,
        title=title,
        command=f"python -m benchmarks {name}",
        tables=(Table("T", ("row", "value"), (("r", "<1>"),), ("a note",)),),
        plots=plots,
        pictures=(Picture("map", "AAAA"),),
        settings={"model": "m"},
        data={"oasis_1": "d1gest"},
        not_measured=("x265: missing",),
    )


def stub_command(name: str, failure: Exception | None = None) -> click.Command:
    @click.command(name)
    @click.option("--quick", is_flag=True)
    @click.option("--scans")
    @click.option("--rates")
    @click.option("--effort")
    @json_option
    def command(output: Path, **options: object) -> None:
        if failure is not None:
            raise failure
        write(output, MACHINE, document(name, f"quick {options['quick']}"))

    return command


def test_the_page_has_everything_and_escapes_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write(tmp_path / "ood.json", MACHINE, document("ood", plots=(LINES,)))
    written = json.loads((tmp_path / "ood.json").read_text())
    made = page([written], {"vbm": "antspyx is <missing>"})
    for words in (
        *("A &lt;title&gt;", "&lt;1&gt;", "a note", "x265: missing", "commit abc", "d1gest"),
        *("vbm: antspyx is &lt;missing&gt;", "<svg", "data:image/png;base64,AAAA"),
        "python -m benchmarks ood",
    ):
        assert words in made
    assert "<1>" not in made


def test_a_failure_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    commands = {one.name: stub_command(one.name) for one in SUITE}
    commands["vbm"] = stub_command("vbm", click.ClickException("antspyx is not installed"))
    commands["speed"] = stub_command("speed", ZeroDivisionError("oops"))
    assert run_suite(commands, tmp_path, quick=True) == 2
    made = (tmp_path / suite.PAGE).read_text()
    assert "vbm: antspyx is not installed" in made
    assert "speed: ZeroDivisionError: oops" in made
    assert made.count("quick True</h2>") == len(SUITE) - 2


def test_an_interruption_stops_and_leaves_a_page(tmp_path: Path) -> None:
    commands = {one.name: stub_command(one.name) for one in SUITE}
    commands[SUITE[1].name] = stub_command(SUITE[1].name, KeyboardInterrupt())
    with pytest.raises((KeyboardInterrupt, click.Abort)):
        run_suite(commands, tmp_path, quick=False)
    made = (tmp_path / suite.PAGE).read_text()
    assert "quick False</h2>" in made
    assert f"{SUITE[2].name}: no results yet" in made


def test_every_measurement_of_the_suite_is_a_command_that_takes_its_arguments() -> None:
    for one in SUITE:
        command = entry.main.commands[one.name]
        context = command.make_context(one.name, [*one.quick, "--json", "x.json"])
        assert context.params["output"] == Path("x.json")


def test_the_group_needs_data_and_no_stray_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VQCODEC_DATA", str(tmp_path))
    done = CliRunner().invoke(entry.main, ["--quick"])
    assert done.exit_code == 1
    assert "set VQCODEC_DATA" in done.output
    done = CliRunner().invoke(entry.main, ["--quick", "machine"])
    assert done.exit_code == 2
    assert "before a command" in done.output


def test_an_empty_folder_gives_a_page_of_reasons(tmp_path: Path) -> None:
    made = write_page(tmp_path / "new").read_text()
    for one in SUITE:
        assert f"{one.name}: no results yet" in made


def test_what_is_run_on_its_own_is_on_the_page_if_it_is_there(tmp_path: Path) -> None:
    results = {
        "speeds": [record_of(Speed(2, 2, 9.724, 8.0, 700.0))],
        "same bytes": True,
        "dask": {"seconds": 8.0, "same bytes": True, "doubled": 0},
    }
    document = Document(
        name="folders",
        title="Whole datasets",
        command="python -m benchmarks folders",
        tables=(speed_table(results),),
    )
    write(tmp_path / "folders.json", MACHINE, document)
    judged = [Judged("a.nii", "CT", "refuse", "accepted", "", {"fitness": 0.5})]
    refusals = replace(document, name="fitness", title="Refusals", tables=(fitness_table(judged),))
    write(tmp_path / "fitness.json", MACHINE, refusals)
    page = write_page(tmp_path).read_text()
    assert all(word in page for word in ("Whole datasets", "12.3", "0 doubled"))
    assert all(word in page for word in ("accepted (wrong)", "misses: 1 of 1 to refuse"))
    assert "bounded" not in page
