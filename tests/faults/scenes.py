"""Commands that write, what they are run on, and what must hold when they were hindered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.cli.conftest import make_scan
from tests.folders import studies
from vqcodec.archive import Archive
from vqcodec.cli.main import main
from vqcodec.errors import VqzError

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
MODEL = VECTORS / "model-tiny.safetensors"
SOUND = VECTORS / "good-int16-masked.vqz"
OTHER = VECTORS / "good-one-voxel-inside.vqz"
TEMPORARY = ".vqz-*.tmp"
OLD = b"what was there before"
Tree = dict[str, bytes]


@dataclass(frozen=True)
class Scene:
    """A command in a folder of its own.

    Attributes
    ----------
    prepare : callable
        Makes the sources, and whatever is there before, in an empty folder.
    words : tuple of str
        The command line, run in that folder.
    outputs : tuple of str
        Files or folders that the command may change.
    is_archive : bool
        The output is an archive, which may have grown by whole members.
    goes_on : bool
        Run again, the command goes on where it was stopped.
    """

    prepare: Callable[[Path], None]
    words: tuple[str, ...]
    outputs: tuple[str, ...]
    is_archive: bool = False
    goes_on: bool = False


def a_scan(folder: Path) -> None:
    make_scan(folder / "scan.nii.gz")


def a_scan_and_a_target(folder: Path) -> None:
    a_scan(folder)
    (folder / "scan.vqz").write_bytes(OLD)


def a_file(folder: Path) -> None:
    (folder / "scan.vqz").write_bytes(SOUND.read_bytes())


def a_study(folder: Path) -> None:
    for number in range(2):
        scan = make_scan(folder / "study" / f"sub-{number}" / "T1w.nii.gz")
        scan.with_name("T1w.json").write_text(f'{{"Subject": {number}}}')


def a_folder_of_files(folder: Path) -> None:
    (folder / "packed").mkdir()
    (folder / "packed" / "a.vqz").write_bytes(SOUND.read_bytes())
    (folder / "packed" / "b.vqz").write_bytes(OTHER.read_bytes())
    (folder / "packed" / "b.json").write_text("{}")


def an_archive_and_a_file(folder: Path) -> None:
    a_file(folder)
    with Archive.create(folder / "study.h5") as builder:
        builder.add("a.vqz", OTHER)
        builder.add_sidecar("a.json", b"{}")


QUIET = ("--model", str(MODEL), "--force", "--device", "cpu", "-q")
FAST = ("--quality", "2", "--effort", "1", *QUIET)
SCENES = {
    "compress": Scene(a_scan, ("compress", "scan.nii.gz", *FAST), ("scan.vqz",)),
    "compress, overwriting": Scene(
        a_scan_and_a_target, ("compress", "scan.nii.gz", "-f", *FAST), ("scan.vqz",)
    ),
    "compress --lossless": Scene(
        a_scan, ("compress", "scan.nii.gz", "--lossless", *QUIET), ("scan.vqz",)
    ),
    "decompress": Scene(a_file, ("decompress", "scan.vqz", "-o", "back.nii", "-q"), ("back.nii",)),
    "decompress, packed": Scene(
        a_file, ("decompress", "scan.vqz", "-o", "back.nii.gz", "-q"), ("back.nii.gz",)
    ),
    "compress -r": Scene(
        a_study,
        ("compress", "-r", "study", "--output-dir", "out", "--copy-others", "--lossless", *QUIET),
        ("out",),
        goes_on=True,
    ),
    "archive create": Scene(
        a_folder_of_files,
        ("archive", "create", "study.h5", "packed", "--with-sidecars", "-q"),
        ("study.h5",),
        is_archive=True,
    ),
    "archive append": Scene(
        an_archive_and_a_file,
        ("archive", "append", "study.h5", "scan.vqz", "-q"),
        ("study.h5",),
        is_archive=True,
    ),
    "archive extract": Scene(
        an_archive_and_a_file,
        ("archive", "extract", "study.h5", "--output-dir", "out", "-q"),
        ("out",),
    ),
    "export codes": Scene(
        an_archive_and_a_file,
        ("export", "codes", "study.h5", "-o", "codes.h5", "-q"),
        ("codes.h5",),
    ),
    "report": Scene(a_file, ("report", "scan.vqz", "-o", "page.html", "-q"), ("page.html",)),
}


def run(scene: Scene) -> int:
    """Run the command in the working folder."""
    return main(list(scene.words))


def tree(folder: Path) -> Tree:
    """Return the content of every file but journals, locks and what a killed process left."""
    return {
        name: data for name, data in studies.tree(folder).items() if not Path(name).match(TEMPORARY)
    }


def leftovers(folder: Path) -> list[str]:
    """Return files under names of their making."""
    return [str(path) for path in folder.rglob(TEMPORARY)]


def damage(scene: Scene, before: Tree, wanted: Tree, after: Tree, folder: Path) -> list[str]:
    """Say what is neither as it was nor as the command makes it.

    Parameters
    ----------
    before, wanted, after : dict
        The folder before the command, after it was left in peace, and now.
    """
    found = [f"{name} is gone" for name in before if name not in after]
    for name, data in after.items():
        if data in (before.get(name), wanted.get(name)):
            continue
        if scene.is_archive and name in scene.outputs:
            try:
                found += damage_of_archive(folder / name, name in before)
            except VqzError as error:
                found.append(f"{name}: {error}")
        else:
            found.append(f"{name} is damaged ({len(data)} bytes)")
    return found


def damage_of_archive(path: Path, was_there: bool) -> list[str]:
    """Say what an archive that was hindered has lost."""
    known = {"a.vqz": OTHER if was_there else SOUND, "b.vqz": OTHER, "scan.vqz": SOUND}
    found = []
    with Archive.open(path) as archive:
        names = set(archive)
        for name in names:
            archive.verify(name)
        if was_there and "a.vqz" not in names:
            found.append(f"{path.name} lost a.vqz")
        for name in names & set(known):
            if archive.read(name) != known[name].read_bytes():
                found.append(f"{path.name} holds another {name}")
    return found
