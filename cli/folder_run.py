"""``compress`` and ``decompress`` with ``-r`` and ``--output-dir``: a whole folder, resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import VqzError
from ..folders.journal import Journal, open_journal, options_id, read_journal
from ..folders.lock import FolderInUseError, locked
from ..folders.names import stored_in
from ..folders.plan import Item
from ..folders.report import summary, write_report
from ..folders.run import Ended, Execute, FileResult, Run, StoppedError
from ..folders.verdicts import judge, other_settings, sweep
from .batch import Outcome, Record, failure, outcomes, overall, report
from .console import Console
from .exits import Code, Failed, explain, writing
from .folder_bar import folder_bar
from .folder_options import FolderOptions
from .folder_plan import Plan
from .folder_summary import summary_lines
from .folder_work import Convert, Task, perform, perform_or_retry
from .names import check_target


@dataclass(frozen=True)
class FolderRun:
    """A run as the command line asks for it.

    Attributes
    ----------
    plan : Plan
    folder : Path
        The output folder.
    settings : dict
        What results depend on.
    convert : callable
        Does a job; importable by its name.
    job_of : callable
        The job of a source and a result.
    describe : callable
        Writes a record as lines of text.
    options : FolderOptions
    overwrite : bool
    at_once : int
    console : Console
    """

    plan: Plan
    folder: Path
    settings: dict[str, Any]
    convert: Convert
    job_of: Callable[[Path, Path], Any]
    describe: Callable[[Record], list[str]]
    options: FolderOptions
    overwrite: bool
    at_once: int
    console: Console


def run_folder(run: FolderRun) -> Code:
    """Do what is left to do, report each file and the whole, and return the exit code."""
    if run.options.report is not None:
        check_target(run.options.report, overwrite=True, make_folders=False)
    with ExitStack() as stack:
        with writing(run.folder):
            run.folder.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(locked(run.folder))
            except FolderInUseError as error:
                raise Failed(Code.CANNOT_CREATE, str(error)) from None
            journal = open_journal(run.folder)
            stack.callback(journal.close)
        return _run_locked(run, journal)


def plan_folder(run: FolderRun) -> Code:
    """Say what a run would do, and do nothing."""
    codes = _report_plan(run)
    journal = read_journal(run.folder)
    options = options_id(run.settings)
    _refuse_other_settings(run, journal, options)
    for item in run.plan.items:
        entry = journal.entries.get(item.result.as_posix())
        try:
            verdict = judge(item, entry, run.folder, options=options, overwrite=run.overwrite)
        except OSError as error:
            codes.append(report(failure(item.source, error), run.console, run.describe))
            continue
        if verdict.kind == "refused":
            refused = _refusal(item, verdict.note)
            codes.append(report(refused, run.console, run.describe))
            continue
        record = {"source": str(item.source), "output": str(run.folder / item.result)}
        done = verdict.kind == "done"
        line = f"{record['source']} -> {record['output']}" + (": done already" if done else "")
        run.console.result({**record, "dry_run": True, "skipped": done}, [line])
        codes.append(Code.DONE)
    return overall(codes)


def _run_locked(run: FolderRun, journal: Journal) -> Code:
    options = options_id(run.settings)
    _refuse_other_settings(run, journal, options)
    if journal.entries:
        sweep(run.folder, run.plan.items)
    with writing(run.folder):
        journal.run(run.settings, __version__)
    started = time.monotonic()
    results: list[FileResult] = []
    codes = _report_plan(run)
    steps = Run(run.folder, journal, options, run.overwrite, lambda error: explain(error)[1])
    stopped = None
    try:
        with folder_bar(run.console, _sizes(run.plan.items)) as moved, _executing(run) as execute:
            for result in steps.through(run.plan.items, execute):
                results.append(result)
                codes.append(_report(run, result))
                moved(result)
    except StoppedError as error:
        stopped = Failed(Code.IO, f"stopped: {error}; run the same command again to go on")
    finally:
        with suppress(OSError):  # what a killed worker has left goes at the next run, at the latest
            sweep(run.folder, run.plan.items)
        seconds = time.monotonic() - started
        if run.options.report is not None:
            with writing(run.options.report):
                write_report(run.options.report, results, seconds)
    _summarise(run, results, seconds)
    if stopped is not None:
        raise stopped
    return overall(codes)


@contextmanager
def _executing(run: FolderRun) -> Iterator[Execute]:
    """What does the work: this process, some more, or the workers of a cluster."""
    if not (run.options.scheduler or run.options.dask):
        yield lambda items: _with_items(
            items, run, lambda tasks: outcomes(perform, tasks, run.at_once)
        )
        return
    from ..folders.cluster import local_cluster, on_cluster, scheduler_at

    address = run.options.scheduler
    with scheduler_at(address) if address else local_cluster(run.at_once) as client:

        def spread(tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
            yield from on_cluster(
                client, perform_or_retry, tasks, lambda task, error: failure(task.source, error)
            )

        yield lambda items: _with_items(items, run, spread)


def _with_items(
    items: Iterable[Item],
    run: FolderRun,
    work: Callable[[Iterable[Task]], Iterator[tuple[Task, Outcome]]],
) -> Iterator[tuple[Item, Ended]]:
    """Tasks of the items, whose paths hold anywhere; and the items again as the tasks end."""
    items_of: dict[Item, Item] = {}
    folder = Path(os.path.abspath(run.folder))

    def tasks() -> Iterator[Task]:
        for item in items:
            placed = replace(item, source=Path(os.path.abspath(item.source)))
            items_of[placed] = item
            convert = None if item.action == "copy" else run.convert
            yield Task(placed, folder, convert, run.job_of(placed.source, folder / item.result))

    for task, outcome in work(tasks()):
        item = items_of.pop(task.item)
        yield item, _as_named(outcome, item, run.folder)


def _as_named(outcome: Outcome, item: Item, folder: Path) -> Outcome:
    """The outcome with paths as they were given."""
    message = outcome.message.removeprefix(f"{outcome.source}: ")
    record = outcome.record
    if record is not None:
        record = {**record, "source": str(item.source), "output": str(folder / item.result)}
    return replace(outcome, source=item.source, message=message, record=record)


def _refuse_other_settings(run: FolderRun, journal: Journal, options: str) -> None:
    if run.overwrite:
        return
    journal.settings.setdefault(options, run.settings)
    difference = other_settings(journal, run.plan.items, options)
    if difference:
        raise Failed(
            Code.CANNOT_CREATE,
            f"{run.folder} holds results made with other options ({difference}): "
            "-f makes them anew, or use another folder",
        )


def _report_plan(run: FolderRun) -> list[Code]:
    """Report what fails from the start."""
    codes = [report(outcome, run.console, run.describe) for outcome in run.plan.failed]
    for collision in run.plan.collisions:
        failed = Failed(Code.CANNOT_CREATE, collision.message)
        outcome = failure(collision.items[0].source, failed)
        codes.append(report(outcome, run.console, run.describe))
    return codes


def _report(run: FolderRun, result: FileResult) -> Code:
    item = result.item
    if result.status == "skipped":
        record = {"source": str(item.source), "output": str(run.folder / item.result)}
        lines = [f"{item.source}: done already"] if run.console.verbosity > 0 else []
        run.console.result({**record, "skipped": True}, lines)
        return Code.DONE
    if isinstance(result.ended, Outcome):
        if result.note and result.status == "done":
            run.console.note(f"{item.source}: {result.note}; done again")
        describe = run.describe if item.action != "copy" else _describe_copy(run.console)
        return report(result.ended, run.console, describe)
    return report(_refusal(item, result.note), run.console, run.describe)


def _describe_copy(console: Console) -> Callable[[Record], list[str]]:
    return lambda record: (
        [f"{record['source']} -> {record['output']}: copied"] if console.verbosity > 0 else []
    )


def _refusal(item: Item, note: str) -> Outcome:
    return Outcome(item.source, code=Code.CANNOT_CREATE, message=note)


def _summarise(run: FolderRun, results: Sequence[FileResult], seconds: float) -> None:
    in_vain = len(run.plan.failed) + sum(len(each.items) for each in run.plan.collisions)
    left = len(run.plan.items) - len(results)
    record = {**summary(results, seconds), "not_tried": left, "unusable": in_vain}
    lines = summary_lines(results, seconds, unusable=in_vain, left=left)
    run.console.result({"summary": record}, lines)


def _sizes(items: Sequence[Item]) -> dict[Item, int]:
    """Bytes of each source, as far as they can be told."""
    sizes = {}
    for item in items:
        sizes[item] = 0
        with suppress(OSError, VqzError):
            files = (item.source,) if item.action == "copy" else stored_in(item.source)
            sizes[item] = sum(file.stat().st_size for file in files)
    return sizes
