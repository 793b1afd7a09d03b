"""Run a command with a fault in a process of its own, and look at what is left.

A trial is a fork of a process that has loaded everything, so that a thousand take minutes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .injection import Fault, Kind, install
from .scenes import VECTORS, Scene, Tree, damage, leftovers, run, tree

PATIENCE = 60.0
POLL = 0.002
KILLED = -signal.SIGKILL
TIMED = -signal.SIGALRM
COUNT = Fault(Kind.SHORT_WRITE, -1)
INTERNAL = 70
MOST_SAID = 1 << 16


@dataclass(frozen=True)
class Course:
    """A scene that nobody hindered.

    Attributes
    ----------
    before, after : dict
        Content of the folder.
    operations : int
        How many operations there are to fail.
    seconds : float
    """

    before: Tree
    after: Tree
    operations: int
    seconds: float


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit code, or a signal below zero, and what it printed."""

    code: int
    said: str


def forked(scene: Scene, folder: Path, fault: Fault) -> Ending:
    """Run a scene's command with a fault, in a fork of this process."""
    reading, writing = os.pipe()  # a file would be hindered, too
    child = os.fork()
    if child == 0:
        _become(scene, folder, fault, writing)
    os.close(writing)
    try:
        code = _waited_for(child)
        return Ending(code, os.read(reading, MOST_SAID).decode(errors="replace"))
    finally:
        os.close(reading)


def _become(scene: Scene, folder: Path, fault: Fault, said: int) -> None:
    code = INTERNAL
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.chdir(folder)
        operations = install(fault)
        code = int(run(scene))
        if fault is COUNT:
            folder.with_name("operations").write_text(str(operations.done))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        os.write(2, f"Traceback: {error!r}\n".encode())
        code = INTERNAL
    finally:
        os._exit(code)  # whatever happens: the parent's stack must not be unwound here


def _waited_for(child: int) -> int:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise TimeoutError(f"nothing came back for {PATIENCE:g} s")


def prepared(scene: Scene, folder: Path) -> Tree:
    """Make the folder of a scene anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    scene.prepare(folder)
    return tree(folder)


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Make a folder the working folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def undisturbed(scene: Scene, folder: Path) -> Course:
    """Run a scene without a fault.

    Raises
    ------
    RuntimeError
        It fails even so.
    """
    prepared(scene, folder)
    with working_in(folder):
        run(scene)  # what this loads, no trial has to
    before = prepared(scene, folder)
    start = time.monotonic()
    ending = forked(scene, folder, COUNT)
    if ending.code:
        raise RuntimeError(f"{scene.words}: {ending.said}")
    operations = int(folder.with_name("operations").read_text())
    return Course(before, tree(folder), operations, time.monotonic() - start)


def faults(course: Course, chance: random.Random) -> Iterator[Fault]:
    """Every kind at every operation, in random order, then again."""
    sizes = [len(data) for data in course.after.values()]
    while True:
        found = [Fault(Kind.SIGNALS, 0), Fault(Kind.LATE_KILL, chance.random() * course.seconds)]
        found += [Fault(Kind.TOO_LARGE, chance.randrange(max(sizes))) for _ in range(2)]
        for kind in (
            Kind.FULL_DISK,
            Kind.DEVICE_ERROR,
            Kind.SHORT_WRITE,
            Kind.FULL_AFTER_HALF,
            Kind.KILL,
        ):
            found += [Fault(kind, number) for number in range(course.operations)]
        chance.shuffle(found)
        yield from found


def complaints(scene: Scene, course: Course, folder: Path, fault: Fault) -> list[str]:
    """Everything wrong with how a scene with a fault ended, and with running it once more."""
    prepared(scene, folder)
    ending = forked(scene, folder, fault)
    after = tree(folder)
    found = damage(scene, course.before, course.after, after, folder)
    if ending.code in (KILLED, TIMED):
        pass
    elif "Traceback" in ending.said or ending.code == INTERNAL:
        found.append(f"a traceback or an internal error: {ending.said[-400:]}")
    elif ending.code == 0 and after != course.after:
        found.append("all is said to be well, and it is not")
    elif ending.code and not ending.said.strip():
        found.append(f"exit code {ending.code} without a word")
    elif ending.code < 0:
        found.append(f"ended by signal {-ending.code}")
    if ending.code >= 0 and leftovers(folder):
        found.append(f"left behind: {leftovers(folder)}")
    if not found and (scene.goes_on or after == course.before):
        again = forked(scene, folder, COUNT)
        if again.code or tree(folder) != course.after:
            found.append(f"a second run does not mend it: {again.said[-400:]}")
    return found


def warm_up() -> None:
    """Find the models, and keep networks to one thread: threads do not survive a fork."""
    os.environ["VQZ_MODEL_PATH"] = str(VECTORS / "model-tiny.safetensors")
    import torch

    torch.set_num_threads(1)
