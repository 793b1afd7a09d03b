from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vqcodec

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[2]
HOMES = {"vqcodec.cli": "cli", "vqcodec.formats": "formats"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return settings


def packages_below(folder: Path, name: str) -> dict[str, Path]:
    found = {name: folder}
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink() and any(child.glob("*.py")):
            found.update(packages_below(child, f"{name}.{child.name}"))
    return found


def test_every_package_of_the_tree_is_listed(project: dict[str, Any]) -> None:
    tree = packages_below(ROOT / "vqcodec", "vqcodec")
    for name, home in HOMES.items():
        tree.update(packages_below(ROOT / home, name))
    assert project["tool"]["setuptools"]["packages"] == sorted(tree)
    for folder in tree.values():
        assert (folder / "__init__.py").is_file()


def test_the_links_and_the_package_folders_agree(project: dict[str, Any]) -> None:
    folders = project["tool"]["setuptools"]["package-dir"]
    assert folders == {"vqcodec": "vqcodec", **HOMES}
    for name, home in HOMES.items():
        link = ROOT / name.replace(".", "/")
        assert link.is_symlink()
        assert link.readlink() == Path("..", home)


def test_data_files_are_packaged(project: dict[str, Any]) -> None:
    patterns = project["tool"]["setuptools"]["package-data"]
    for name, folder in packages_below(ROOT / "vqcodec", "vqcodec").items():
        listed = {path for pattern in patterns.get(name, []) for path in folder.glob(pattern)}
        present = {
            path
            for path in folder.rglob("*")
            if path.is_file()
            and path.suffix in {".json", ".toml", ".safetensors", ".md", ".typed", ".css", ".js"}
            and not any(parent.is_symlink() for parent in path.parents)
            and nearest_package(path) == folder
        }
        assert listed == present, name
    assert (ROOT / "formats" / "VQZ.md").is_file()


def nearest_package(path: Path) -> Path:
    return next(parent for parent in path.parents if (parent / "__init__.py").is_file())


def test_every_dependency_is_pinned_once(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [normal(line.partition("==")[0]) for line in lines if not line.startswith("#")]
    assert len(pins) == len(set(pins))
    assert not any("+" in line for line in lines if not line.startswith("#"))
    extras = project["project"]["optional-dependencies"]
    wanted = {
        normal(requirement)
        for requirement in [
            *project["project"]["dependencies"],
            *(item for name in ("bench", "demo", "test", "dev") for item in extras[name]),
        ]
    }
    assert wanted <= set(pins)


def normal(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def test_there_is_one_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert f"## [{vqcodec.__version__}]" in text or "## [Unreleased]" in text
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {vqcodec.__version__}\n" in citation


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout")
def test_no_large_or_private_files_are_committed() -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.split(b"\0")
    for name in names:
        path = ROOT / name.decode()
        if not name or path.is_symlink() or not path.is_file():
            continue
        assert path.stat().st_size <= 12 * 2**20, path
        assert path.suffix not in {".gz", ".mgz", ".pt", ".pth", ".pkl"}, path


def test_the_import_rules_name_every_module(project: dict[str, Any]) -> None:
    modules = {
        f"vqcodec.{path.stem}"
        for path in (ROOT / "vqcodec").iterdir()
        if path.stem != "__init__" and (path.suffix == ".py" or any(path.glob("*.py")))
    }
    layers, torch_free, below_cli = project["tool"]["importlinter"]["contracts"][:3]
    assert {name for layer in layers["layers"] for name in layer.split(" | ")} == modules
    names = ["codec", "codes_dataset", "codes_decoding", "coding", "device", "models"]
    names += ["networks", "region", "trainer"]
    torch_users = {f"vqcodec.{name}" for name in names}
    assert set(torch_free["source_modules"]) == modules - torch_users
    assert set(below_cli["source_modules"]) | {"vqcodec.cli", "vqcodec.limits"} == modules
