"""Work through executors: results in order, how much is ahead, errors; and the limit of one BLAS thread."""
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from lmmbridge.errors import InputError
from lmmbridge.parallel import AHEAD, heavy_work, number_of_workers, run_over, run_tasks

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


def slow_first(i):
    time.sleep(0.02 * max(3 - i, 0))
    return i


def test_results_come_in_order():
    with ThreadPoolExecutor(3) as pool:
        assert list(run_tasks(slow_first, range(10), pool)) == list(run_over(slow_first, range(10), pool)) == list(range(10))


def test_results_come_in_order_from_processes(processes):
    assert list(run_tasks(abs, range(-10, 0), processes)) == list(range(10, 0, -1))


def test_no_more_is_made_than_is_soon_done():
    """However long the list, and however slowly results are taken."""
    made, taken = [], 0
    with ThreadPoolExecutor(3) as pool:
        for _ in run_tasks(abs, (made.append(i) or i for i in range(50)), pool):
            taken += 1
            assert len(made) <= taken + AHEAD * 3
    assert len(made) == taken == 50


def test_after_an_error_nothing_is_begun():
    begun = []

    def fail_at_one(i):
        begun.append(i)
        time.sleep(0.05)
        if i == 1:
            raise InputError("one")

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(InputError, match="one"):
            list(run_tasks(fail_at_one, range(50), pool))
        so_far = len(begun)
        time.sleep(0.2)
        assert len(begun) <= so_far + 2 < 8
        assert list(run_tasks(abs, [-1], pool)) == [1]      # the pool is the caller's, and goes on


def test_an_error_in_another_process(processes):
    with pytest.raises(TypeError, match="bad operand"):
        list(run_tasks(abs, [1, "two", *range(50)], processes))
    assert list(run_tasks(abs, [-1], processes)) == [1]


def test_workers_are_counted(processes):
    with ThreadPoolExecutor(3) as pool:
        assert number_of_workers(pool) == 3
    assert number_of_workers(processes) == 2


def blas_threads():
    return {pool["num_threads"] for pool in ThreadpoolController().info() if pool["user_api"] == "blas"}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: there is no second BLAS thread")
def test_one_blas_thread_as_long_as_anyone_needs_it():
    """Two threads come and go in turn: the first to go takes nothing from the other."""
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with heavy_work():
            inside.set()
            leave.wait(10.0)

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=stay)
        with heavy_work():
            thread.start()
            inside.wait(10.0)
            assert blas_threads() == {1}
        assert blas_threads() == {1}
        leave.set()
        thread.join()
        assert blas_threads() == {2}
