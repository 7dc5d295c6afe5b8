"""The background worker: order, room, failures, and the end of Python."""

from __future__ import annotations

import os
import threading

import pytest

import edversion
from edversion import BackgroundFailure, BackgroundWorker, ConflictError, InvalidInputError
from edversion.testing import run_python


def test_jobs_are_done_in_order_in_one_thread() -> None:
    worker = BackgroundWorker()
    done: list[tuple[int, int]] = []
    for number in range(50):
        worker.submit("count", lambda n=number: done.append((n, threading.get_ident())))
    assert worker.flush() == ()
    assert [number for number, _ in done] == list(range(50))
    assert len({thread for _, thread in done}) == 1
    assert done[0][1] != threading.get_ident()
    worker.close()


def test_no_thread_starts_before_the_first_job() -> None:
    before = threading.active_count()
    worker = BackgroundWorker()
    assert threading.active_count() == before
    worker.close()
    assert threading.active_count() == before


def test_every_failure_is_told_once_and_stops_no_other_job() -> None:
    worker = BackgroundWorker()
    done: list[int] = []
    errors = [ValueError("first"), SystemExit(3)]
    for number, error in enumerate(errors):
        worker.submit(f"fail {number}", lambda e=error: _raise(e))
        worker.submit("count", lambda n=number: done.append(n))
    told = worker.flush()
    assert told == (BackgroundFailure("fail 0", errors[0]), BackgroundFailure("fail 1", errors[1]))
    assert done == [0, 1]
    assert worker.failures() == worker.flush() == worker.close() == ()


def test_failures_can_be_asked_for_while_jobs_wait() -> None:
    worker, go = BackgroundWorker(), threading.Event()
    error = OSError("the disk is full")
    failed = threading.Event()
    worker.submit("fail", lambda: _raise(error))
    worker.submit("tell", failed.set)
    worker.submit("wait", go.wait)
    assert failed.wait(60)
    assert worker.failures() == (BackgroundFailure("fail", error),)
    go.set()
    assert worker.close() == ()


def test_more_than_the_limit_waits_for_room() -> None:
    worker, go = BackgroundWorker(limit=100), threading.Event()
    done: list[str] = []
    worker.submit("hold", go.wait, size=80)

    def hand_over() -> None:
        worker.submit("next", lambda: done.append("next"), size=30)
        done.append("handed over")

    other = threading.Thread(target=hand_over)
    other.start()
    worker.submit("small", lambda: done.append("small"), size=20)
    assert "handed over" not in done  # 80 + 20 are taken; 30 more have to wait
    go.set()
    other.join(60)
    assert worker.close() == ()
    assert {"small", "next", "handed over"} == set(done)


def test_one_job_above_the_limit_is_taken_alone() -> None:
    worker = BackgroundWorker(limit=1)
    done: list[int] = []
    for number in range(3):
        worker.submit("large", lambda n=number: done.append(n), size=1 << 40)
    assert worker.close() == ()
    assert done == [0, 1, 2]


def test_a_closed_worker_takes_nothing() -> None:
    worker = BackgroundWorker()
    worker.close()
    worker.close()
    with pytest.raises(ConflictError, match="closed") as caught:
        worker.submit("too late", lambda: None)
    assert caught.value.code == "worker_closed"


def test_a_limit_is_checked() -> None:
    with pytest.raises(InvalidInputError, match="1 byte or more"):
        BackgroundWorker(limit=0)


def test_a_fork_neither_waits_nor_hands_over() -> None:
    worker, go = BackgroundWorker(), threading.Event()
    worker.submit("wait", go.wait)
    child = os.fork()
    if child == 0:  # no assert here: only the status tells
        try:
            worker.submit("in a fork", lambda: None)
        except ConflictError as error:
            os._exit(0 if error.code == "forked_worker" and worker.close() == () else 2)
        os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    go.set()
    worker.close()
    assert status == 0


def test_what_waits_is_done_as_python_exits_while_pools_still_work() -> None:
    printed = run_python("""
import concurrent.futures, threading
from edversion import BackgroundWorker
worker, go = BackgroundWorker(), threading.Event()
def late():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        print(pool.submit(lambda: "done late").result(), flush=True)
def fail():
    raise ValueError("the disk is full")
worker.submit("wait", go.wait)
worker.submit("work", late)
worker.submit("log v3", fail)
threading._register_atexit(go.set)  # runs first: the jobs wait until Python is on its way out
import logging; logging.basicConfig(format="%(message)s", stream=__import__("sys").stdout)
""")
    assert printed.splitlines() == ["done late", "could not log v3: the disk is full"]


def test_importing_edversion_does_not_load_it() -> None:
    printed = run_python("import edversion, sys; print('edversion.background' in sys.modules)")
    assert printed.strip() == "False"
    assert {"BackgroundWorker", "BackgroundFailure"} <= set(edversion.__all__)


def _raise(error: BaseException) -> None:
    raise error
