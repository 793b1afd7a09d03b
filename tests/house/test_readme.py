"""The commands and the code that the README shows are real."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

import vqcodec
from vqcodec.cli.group import vqz

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.partition("  #")[0].strip()
    for language, text in BLOCKS
    if language in ("sh", "bash")
    for line in text.splitlines()
    if line.strip() and not line.startswith("#")
]


def test_there_are_commands() -> None:
    assert "make demo" in COMMANDS
    assert "make test" in COMMANDS


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_make_targets_exist(command: str) -> None:
    for target in command.split()[1:]:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", [line for line in COMMANDS if re.search(r"\bvqz ", line)])
def test_vqz_commands_parse(line: str) -> None:
    for part in re.split(r"[|;]", line):
        words = shlex.split(re.sub(r"[<>]\s*\S+", "", part))
        if words[:1] != ["vqz"]:
            continue
        parse(vqz, words[1:])


def parse(command: click.Command, words: list[str]) -> None:
    context = command.make_context("vqz", list(words))
    if isinstance(command, click.Group):
        name, found, remaining = command.resolve_command(context, list(words))
        assert found is not None, name
        parse(found, remaining)


@pytest.mark.parametrize("code", [text for language, text in BLOCKS if language == "python"])
def test_python_code_uses_public_names(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id == "vqcodec":
            assert node.attr in vqcodec.__all__


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert "exec make test\n" in script.read_text()
    assert script.stat().st_mode & 0o111
