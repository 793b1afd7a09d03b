"""Plain TOML or JSON values to nested frozen dataclasses, every type checked."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, Literal

from .failures import RecipeError


def built(kind: Any, value: Any, name: str = "") -> Any:
    """Make a value of an annotated type out of a TOML or JSON value.

    Parameters
    ----------
    kind : type
        A dataclass, ``Literal``, tuple, mapping, int, float, bool or str.
    value : object
    name : str
        Dotted name of the setting, for messages.

    Raises
    ------
    RecipeError
        The value is of another type, or a dataclass has no such field.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, Mapping):
            raise RecipeError(f"{name} must be a table")
        hints = typing.get_type_hints(kind)
        if unknown := sorted(set(value) - set(hints)):
            raise RecipeError(f"there is no setting {_dotted(name, unknown[0])!r}")
        return kind(
            **{part: built(hints[part], item, _dotted(name, part)) for part, item in value.items()}
        )
    if origin is Literal:
        if value not in arguments:
            raise RecipeError(f"{name} must be one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        return _tuple(arguments, value, name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = Mapping if origin is not None else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        kinds = {Mapping: "a table", int: "a whole number", float: "a number", str: "text"}
        raise RecipeError(f"{name} must be {kinds.get(wanted, 'true or false')}")
    return dict(value) if wanted is Mapping else value


def _tuple(arguments: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise RecipeError(f"{name} must be a list")
    any_length = arguments[-1] is Ellipsis
    if not any_length and len(value) != len(arguments):
        raise RecipeError(f"{name} needs {len(arguments)} values")
    kinds = [arguments[0]] * len(value) if any_length else list(arguments)
    return tuple(built(kind, item, name) for kind, item in zip(kinds, value, strict=True))


def _dotted(name: str, part: str) -> str:
    return f"{name}.{part}" if name else part
