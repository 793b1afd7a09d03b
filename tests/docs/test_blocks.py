"""Every block of code on the pages of docs/ does what it says."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from tests.codec.phantoms import head
from vqcodec.cli.main import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Pages whose blocks are run by other tests.
ELSEWHERE = {"cluster.md"}
RUN = {"sh", "python"}
SHOWN = {"text", "console"}
#: What blocks that are only shown may begin with: installing, shells' own settings, many GPUs.
NOT_RUN = ("pip install", 'eval "$(_VQZ', "_VQZ_COMPLETE", "torchrun")
PAGES = sorted(path.name for path in DOCS.glob("*.md") if path.name not in ELSEWHERE)


def blocks(page: str) -> list[tuple[str, str]]:
    return BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


#: Pages that ask for sizes which no smaller scan can be compressed to.
SIDES = {"rate.md": (26, 30, 28), "training.md": (20, 22, 18)}


def make_scans(page: str) -> None:
    """The scans that the pages speak of, in the current folder."""
    for name in ("scan", "study/sub-01/anat", "study/sub-02/anat"):
        path = Path(f"{name}.nii.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        values = head(SIDES.get(page, (14, 16, 13)), seed=len(name)).astype(np.int16)
        nib.save(nib.Nifti1Image(values, np.diag([-1.0, 1.0, 1.2, 1.0])), path)  # type: ignore[attr-defined,no-untyped-call]


@pytest.mark.parametrize("page", [page for page in PAGES if {k for k, _ in blocks(page)} & RUN])
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_scans(page)
    if page == "training.md":
        pytest.importorskip("matplotlib")
    if any("vqz report" in text for _, text in blocks(page)):
        pytest.importorskip("PIL")
    names: dict[str, Any] = {}
    for language, text in blocks(page):
        if language == "python":
            with redirect_stdout(io.StringIO()):
                exec(compile(text, page, "exec"), names)
        elif language == "sh":
            for line in commands(text):
                run(line)


def commands(text: str) -> list[str]:
    """Lines of a block, without comments; a backslash at the end joins two."""
    joined = text.replace("\\\n", " ").splitlines()
    stripped = (re.sub(r"\s+#.*", "", line).strip() for line in joined)
    return [line for line in stripped if line and not line.startswith("#")]


def run(line: str) -> None:
    """Run a ``vqz`` command in this process, with the streams that it redirects."""
    words = shlex.split(line)
    assert words[0] == "vqz", line
    names = {sign: words[words.index(sign) + 1] for sign in "<>" if sign in words}
    words = [word for word in words[1:] if word not in (*"<>", *names.values())]
    with ExitStack() as streams:
        for sign, name in names.items():
            text = streams.enter_context(open(name, "r" if sign == "<" else "w"))
            streams.enter_context(_Input(text) if sign == "<" else redirect_stdout(text))
        assert main(words) == 0, line


class _Input(redirect_stdout[io.TextIOBase]):
    """Like its base, for what is read."""

    _stream = "stdin"


@pytest.mark.parametrize("page", PAGES)
def test_blocks_are_run_or_say_why_not(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert text.count("\n```") == 2 * len(blocks(page)) - text.startswith("```")
    for language, code in blocks(page):
        assert language in RUN | SHOWN
        if language == "console":
            for line in code.splitlines():
                assert line.removeprefix("$ ").startswith(NOT_RUN), line
        if language == "text":
            assert page == "api.md"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if target.startswith("https://") or path in ELSEWHERE:
            continue
        found = DOCS / path if path else DOCS / page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {
                re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings
            }


def test_every_page_is_listed() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert page == "README.md" or f"({page})" in index


def test_the_reference_is_up_to_date() -> None:
    written: dict[str, Any] = {"__file__": str(DOCS / "make_api.py"), "__name__": "make_api"}
    code = (DOCS / "make_api.py").read_text(encoding="utf-8")
    exec(compile(code, "make_api.py", "exec"), written)
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    assert page == written["reference"](), "run: python docs/make_api.py"
