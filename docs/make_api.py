"""Write ``api.md``, the Python reference, from the docstrings: ``python docs/make_api.py``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import vqcodec  # noqa: E402
from vqcodec import archive_building, errors, figures, fitness, registry  # noqa: E402
from vqcodec.formats import volumes  # noqa: E402

HEAD = """# Python reference

Written by `python docs/make_api.py` from the docstrings; change those. The [guide](python.md) shows
how the parts go together.
"""

PARTS: tuple[tuple[str, str, ModuleType, tuple[str, ...]], ...] = (
    ("vqcodec", "", vqcodec, ("encode", "decode", "VQZ", "verify", "load_model", "list_models")),
    (
        "vqcodec",
        "Archives, and codes for machine learning.",
        vqcodec,
        ("Archive", "CodesDataset", "decode_codes"),
    ),
    ("vqcodec.archive_building", "What adds to an archive.", archive_building, ("ArchiveBuilder",)),
    ("vqcodec.registry", "What models are described by.", registry, ("ModelEntry", "LoadedModel")),
    (
        "vqcodec.formats.volumes",
        "Volumes without the codec.",
        volumes,
        ("Volume", "read_volume", "write_volume", "scaled_values", "without_free_text"),
    ),
    ("vqcodec.figures", "What is measured.", figures, ("measure",)),
    ("vqcodec.fitness", "Whether a file shows its scan.", fitness, ("fitness_figures",)),
)


def reference() -> str:
    """The whole page."""
    lines = [HEAD]
    for name, about, module, names in PARTS:
        lines += [f"## `{name}`", "", *([about, ""] if about else [])]
        for each in names:
            lines += described(f"{name}.{each}", getattr(module, each))
    lines += ["## `vqcodec.errors`", "", "Every one is a `VqzError`.", ""]
    for each in vars(errors).values():
        if inspect.isclass(each) and each.__module__ == errors.__name__:
            lines.append(f"- `{each.__name__}`: {summary(each)}")
    return "\n".join(lines) + "\n"


def described(name: str, thing: Any) -> list[str]:
    """Heading, signature and docstring of a function or class, with its public methods."""
    lines = [f"### `{name}`", ""]
    if not inspect.isclass(thing):
        lines += ["```text", f"{name.rpartition('.')[2]}{signature(thing)}", "```", ""]
    lines += [*body(thing), ""]
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            function = unwrapped(value)
            if member.startswith("_") or function is None:
                continue
            is_call = not isinstance(value, property) and not hasattr(value, "attrname")
            call = signature(function, bound=True) if is_call else ""
            lines += [f"#### `{name.rpartition('.')[2]}.{member}{call}`", "", *body(function), ""]
    return lines


def unwrapped(value: Any) -> Any:
    """The function behind a member of a class; None for data."""
    if isinstance(value, property):
        return value.fget
    if isinstance(value, (classmethod, staticmethod)):
        return value.__func__
    function = getattr(value, "func", value)  # a cached property
    return function if inspect.isfunction(function) else None


def signature(function: Any, bound: bool = False) -> str:
    """Parameters and result as they are written in the source."""
    found = inspect.signature(function)
    written: list[str] = []
    keywords = False
    for parameter in list(found.parameters.values())[1 if bound else 0 :]:
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            written.append("*")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        written.append(f"{parameter.name}: {parameter.annotation}{default}")
    return f"({', '.join(written)}) -> {found.return_annotation}"


def body(thing: Any) -> list[str]:
    """Docstring as Markdown: numpydoc sections become bold words and lists."""
    text = inspect.getdoc(thing) or ""
    lines: list[str] = []
    raw = text.splitlines()
    in_list = False
    for line, following in zip(raw, [*raw[1:], ""], strict=True):
        if re.fullmatch(r"-{3,}", line):
            continue
        if re.fullmatch(r"-{3,}", following):
            lines += [f"**{line}**", ""]
            in_list = line in ("Parameters", "Attributes", "Returns", "Raises", "Yields")
        elif in_list and line and not line.startswith(" "):
            term, colon, kind = line.partition(" : ")
            lines.append(f"- `{term}`{f': *{kind}*' if colon else ''}")
        else:
            lines.append(f"  {line.strip()}" if in_list and line else line)
    marked = re.sub(r":(?:func|class|mod|meth):`~?([^`]+)`", r"`\1`", "\n".join(lines))
    return re.sub(r"``([^`]+)``", r"`\1`", marked).splitlines()


def summary(thing: Any) -> str:
    """First paragraph of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


if __name__ == "__main__":
    (HERE / "api.md").write_text(reference(), encoding="utf-8")
