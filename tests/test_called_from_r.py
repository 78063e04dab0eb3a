"""What the R package calls, without R: answers, sentences, progress, R's numbers, Ctrl-C; and that no second R is started."""
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from lmmbridge import called_from_r
from lmmbridge.called_from_r import array, call, list_of, plain, vector
from lmmbridge.progress import RUNNING, Progress

NAMES = ["a", "b", "c", "d"]


def matrix(values, columns=None):
    values = np.asarray(values, dtype=float)
    return array(values, [NAMES[:len(values)], columns], {})


@pytest.fixture
def function(monkeypatch):
    """function(f): f can be called by the name "f"."""
    return lambda f: monkeypatch.setitem(called_from_r.FUNCTIONS, "f", f)


def test_an_answer_is_the_r_object_in_plain_pieces():
    K = matrix([[4.0, 2.0], [2.0, 4.0]], NAMES[:2])
    outcome = call("scale_kinship", {"kinship": K}, {}, None)
    assert outcome["error"] is None and outcome["warnings"] == [] and not outcome["interrupted"]
    np.testing.assert_array_equal(outcome["value"]["values"], [[1.0, 0.5], [0.5, 1.0]])
    assert outcome["value"]["dimnames"] == [["a", "b"], ["a", "b"]]


def test_r_objects_within_a_mapping_are_ours(function):
    function(lambda arguments: {"ids": list(arguments["kinship"].index)})
    outcome = call("f", {"arguments": {"kinship": matrix(np.eye(2), NAMES[:2])}}, {}, None)
    assert plain({"ids": ["a", "b"]}) == outcome["value"]


def test_a_refusal_is_a_sentence_and_a_fault_has_no_traceback(function):
    outcome = call("scale_kinship", {"kinship": matrix(-np.eye(2), NAMES[:2])}, {}, None)
    assert outcome["value"] is None and "the diagonal element of individual 'a' is -1" in outcome["error"]

    def fault():
        raise KeyError("x")
    function(fault)
    assert call("f", {}, {}, None)["error"] == "the Python side failed, which it should not (KeyError: 'x'); please report it"

    def too_much():
        raise MemoryError
    function(too_much)
    assert "not enough memory" in call("f", {}, {}, None)["error"]


def test_warnings_and_notes_come_along():
    probs = list_of([array(np.full((4, 2, 1), 0.5), [NAMES, ["A", "B"], [f"m{i}"]], {}) for i in range(2)], ["1", "2"],
                    {"class": ["calc_genoprob", "list"]})
    outcome = call("scan1coef", {"genoprobs": probs, "pheno": matrix([[1.0], [2.0], [4.0], [3.0]], ["y"])}, {}, None)
    assert len(outcome["warnings"]) == 1 and "2 chromosomes: only the first, '1', is used" in outcome["warnings"][0]
    assert "columns depend on each other" in outcome["notes"][0]


def test_integers_fit_r_and_missing_names_are_none():
    assert plain(vector(np.array([1, 2]), ["a", "b"]))["values"].dtype == np.int32
    assert plain(array(np.eye(2), [None, None], {}))["dimnames"] is None
    assert plain(array(np.eye(2), [None, ["a", "b"]], {}))["dimnames"] == [None, ["a", "b"]]
    assert plain(np.float64(1.5)) == 1.5 and type(plain(np.float64(1.5))) is float


def test_callbacks_run_in_the_main_thread_and_their_errors_end_the_work(function):
    function(lambda ask: {"answer": ask(3), "here": threading.current_thread() is threading.main_thread()})
    asked = []

    def answer(k):
        asked.append(threading.current_thread() is threading.main_thread())
        return np.arange(float(k))
    outcome = call("f", {}, {"ask": answer}, None)
    value = dict(zip(outcome["value"]["names"], outcome["value"]["elements"]))
    assert asked == [True] and value["here"] is False
    np.testing.assert_array_equal(value["answer"]["values"], [0.0, 1.0, 2.0])

    def refuse(k):
        raise RuntimeError("R says no")
    assert "R says no" in call("f", {}, {"ask": refuse}, None)["error"]


def count(steps, pause):
    with Progress("counting", steps, quiet=True) as progress:
        for _ in range(steps):
            time.sleep(pause)
            progress.advance()
    return {}


def test_progress_is_told_while_the_work_goes_on(function):
    function(lambda: count(30, 0.02))
    told = []
    call("f", {}, {}, lambda *what: told.append(what))
    assert len(told) > 2 and all(one[0] == "counting" and one[2] == 30 for one in told)
    assert [one[1] for one in told] == sorted(one[1] for one in told)


def test_ctrl_c_ends_the_work_at_its_next_step(function, tolerance):
    function(lambda: count(1000, 0.05))

    def press(*_):
        raise KeyboardInterrupt
    started = time.monotonic()
    outcome = call("f", {}, {}, press)
    assert outcome["interrupted"] and outcome["error"] is None and outcome["value"] is None
    assert time.monotonic() - started < tolerance("interrupt_from_r") and RUNNING == []
    function(lambda: {"x": 1})
    assert call("f", {}, {}, None)["value"] == plain({"x": 1})


def test_nothing_here_starts_an_r_or_a_process():
    code = ("import sys, psutil, numpy as np\n"
            "from lmmbridge import called_from_r as c\n"
            "K = c.array(np.eye(4) + 0.1, [list('abcd')] * 2, {})\n"
            "y = c.array(np.array([[1.0], [2.0], [0.5], [3.0]]), [list('abcd'), ['y']], {})\n"
            "found = c.call('est_herit', {'pheno': y, 'kinship': K}, {}, None)\n"
            "theirs = c.vector_with(np.array([0.5]), ['y'], {'resid_sd': np.array([1.0]), 'log10lik': np.array([-1.0])})\n"
            "arguments = dict(name='est_herit', arguments={'pheno': y, 'kinship': K}, theirs=theirs, package='qtl2', version='0')\n"
            "none = lambda *a: None\n"
            "opinion = c.call('second_opinion', arguments, {'ask': none, 'rng': none}, None)\n"
            "assert found['error'] is None and opinion['error'] is None, (found, opinion)\n"
            "print('rpy2' in sys.modules, len(psutil.Process().children(recursive=True)))\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["False", "0"], done.stderr
