"""What ``--help`` says of every command, and what shells complete."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from vqcodec.cli.group import vqz as group
from vqcodec.cli.main import main

Capture = pytest.CaptureFixture[str]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, (*path, name))


def at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = group
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


@pytest.mark.parametrize("path", list(commands(group)), ids=lambda path: " ".join(("vqz", *path)))
def test_every_command_has_examples_that_parse(path: tuple[str, ...], capsys: Capture) -> None:
    assert main([*path, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    lines = [line.strip() for line in out.partition("Examples:")[2].splitlines() if line.strip()]
    assert lines, "no examples"
    begin = " ".join(("vqz", *path))
    for line in lines:
        assert line.startswith(begin)
        parse(group, shlex.split(line)[1:])


def parse(command: click.Command, words: list[str]) -> None:
    context = command.make_context("vqz", list(words))
    if isinstance(command, click.Group):
        name, found, remaining = command.resolve_command(context, list(words))
        assert found is not None, name
        parse(found, remaining)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_scripts_for_shells(shell: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_VQZ_COMPLETE", f"{shell}_source")
    assert main([]) == 0
    assert "_VQZ_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("vqz comp", {"compress", "compare"}), ("vqz compress --rat", {"--ratio"})],
)
def test_completion(
    words: str, wanted: set[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_VQZ_COMPLETE", "zsh_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert main([]) == 0
    assert wanted <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", ["models", "archive", "export", "train"])
def test_a_group_without_a_command_shows_its_help(name: str, capsys: Capture) -> None:
    assert main([name, "--help"]) == 0
    helped = capsys.readouterr()
    assert main([name]) == 0
    said = capsys.readouterr()
    assert said.err == helped.err == ""
    assert said.out.split() == helped.out.split()
