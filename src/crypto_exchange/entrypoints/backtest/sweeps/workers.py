"""Runs the cells of a sweep: one after the other, or several at a time in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.process import BaseProcess
from threading import Thread
from types import ModuleType
from typing import Any

from crypto_exchange.entrypoints.backtest.result import Inputs
from crypto_exchange.entrypoints.backtest.sweeps.cells import Cell
from crypto_exchange.entrypoints.backtest.sweeps.outcomes import Outcome

_received: list[bytes] = []


def run_cells(base: Inputs, cells: Mapping[str, Cell], n_jobs: int) -> Generator[Outcome]:
    """What becomes of each cell (by run id), as they finish; no error ends the others.

    To close it ends what is under way.
    """
    if n_jobs == 1 or len(cells) < 2:
        for run_id, cell in cells.items():
            yield _run(run_id, cell.inputs(base))
    else:
        yield from _run_in_processes(base, cells, min(n_jobs, len(cells)))


def _run(run_id: str, inputs: Inputs) -> Outcome:
    from crypto_exchange.entrypoints.backtest.backtest import Backtest

    try:
        result = Backtest.of(inputs).run(progress=False)
        return Outcome(run_id=run_id, ledger_hash=result.ledger_hash, summary=result.summary)
    except ImportError:  # no cell can be run without an extra
        raise
    except Exception as error:
        return _failed(run_id, error)


def _failed(run_id: str, error: BaseException) -> Outcome:
    if isinstance(error, BrokenProcessPool):
        said = "expected its process to finish, but it or another one was killed (out of memory?)"
        return Outcome(run_id=run_id, error=said)
    return Outcome(run_id=run_id, error=f"{type(error).__name__}: {error}")


def _run_in_processes(base: Inputs, cells: Mapping[str, Cell], n_jobs: int) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")
    work = [(run_id, pickle.dumps(cell)) for run_id, cell in cells.items()]
    pool = ProcessPoolExecutor(n_jobs, context, _receive, (pickle.dumps(base),))
    before = set(multiprocessing.active_children())
    with _main_hidden(), _ctrl_c_held_back():
        futures = {_submitted(pool, _run_received, *each): each[0] for each in work}
        # The pool waits for the processes that it knew at the last call: let it look at the newest, too.
        _submitted(pool, os.getpid)
    workers = set(multiprocessing.active_children()) - before
    try:
        for future in as_completed(futures):
            if isinstance(future.exception(), BrokenProcessPool):
                _end(workers)  # the pool asks those that are left to end, and waits until they do
            yield _outcome(futures[future], future)
    except BaseException:  # as by Ctrl-C: nobody wants what they are working on
        _end(workers)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, call: Callable[..., Any], *args: object) -> Future[Any]:
    try:
        return pool.submit(call, *args)
    except BrokenProcessPool as error:  # a process was killed before all cells were submitted
        broken: Future[Any] = Future()
        broken.set_exception(error)
        return broken


def _outcome(run_id: str, future: Future[Outcome]) -> Outcome:
    error = future.exception()
    return _failed(run_id, error) if isinstance(error, BrokenProcessPool) else future.result()


def _end(workers: set[BaseProcess]) -> None:
    for worker in workers:
        worker.kill()  # it has nothing to save, and whoever handles SIGTERM may wait for a lock


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Start processes that don't run the caller's script again, which may have no `__main__` guard.

    A spawned process imports the main module of its parent, in case that something in it is wanted.
    Nothing is wanted here, and in a notebook there is nothing to import.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Start processes that a terminal's Ctrl-C doesn't reach, not even while they are being loaded."""
    if not hasattr(signal, "pthread_sigmask"):  # as on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(pickled: bytes) -> None:
    """Take the inputs of all cells, once; leave Ctrl-C to the parent, and end when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    _received[:] = [pickled]


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_received(run_id: str, pickled: bytes) -> Outcome:
    try:
        base, cell = _base(), _unpickled(pickled)
    except AttributeError as error:  # a class that the caller's script defines
        return _failed(run_id, error)
    return _run(run_id, cell.inputs(base))


@cache
def _base() -> Any:
    return _unpickled(_received[0])


def _unpickled(pickled: bytes) -> Any:
    return pickle.loads(pickled)  # noqa: S301 - from our own parent
