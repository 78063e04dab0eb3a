import os
import re
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from lmmbridge.rlink import RConversionError, RDied, RError, RLinkError, RSession, RTimeout, RUnavailable
from lmmbridge.rlink.library import PACKAGE_PARENT


def seconds(action):
    started = time.monotonic()
    action()
    return time.monotonic() - started


def test_answer_carries_value_warnings_output_and_seconds(r):
    answer = r.eval('cat("printed\\n"); message("said"); warning("first"); warning("second"); Sys.sleep(0.2); 2')
    assert answer.value == 2.0
    assert answer.warnings == ("first", "second")
    assert answer.output == "printed\nsaid\n"
    assert 0.15 < answer.seconds < 10


def test_warnings_and_output_do_not_leak_into_the_next_answer(r):
    r.eval('warning("w"); cat("x")')
    with pytest.raises(RError):
        r.eval('cat("y"); system("echo z"); stop("e")')
    answer = r.eval("1")
    assert answer.warnings == () and answer.output == ""


def test_output_of_child_processes_is_captured(r):
    assert r.eval('system("echo from the shell")').output == "from the shell\n"


def test_coercion_warning_travels(r):
    answer = r.call("as.integer", "no number")
    assert answer.warnings == ("NAs introduced by coercion",)


def test_call_with_namespaces_and_dotted_names(r):
    assert r.call("base::paste", "a", "b", sep="-").value == "a-b"
    assert r.call("stats:::Pillai", 0.5, 1, 1).value.size == 4
    assert r.call("base::sum", r.eval("c(1, NA)").value, **{"na.rm": True}).value == 1.0
    assert r.call("+", 1, 2).value == 3


def test_named_arguments_may_be_called_like_those_of_python(r):
    r.eval("keep <- function(self, `function`, ...) list(self, `function`)")
    assert r.call("keep", self=1, function=2).value == [1, 2]


def test_call_does_not_write_values_into_the_call(r):
    r.eval("show_call <- function(x, y) deparse(match.call())")
    assert r.call("show_call", [1, 2], y=3).value == "show_call(x = argument1, y = y)"


def test_assignments_have_no_value(r):
    assert r.eval("a <- 1").value is None
    assert r.eval("b = function() 1").value is None
    assert r.eval("a <- 1; a").value == 1
    assert r.eval("").value is None


def test_error_carries_message_and_call(r):
    with pytest.raises(RError) as caught:
        r.eval('failing <- function(x) stop("it is ", x); failing("broken")')
    assert caught.value.message == "it is broken"
    assert caught.value.call == 'failing("broken")'
    assert "it is broken" in str(caught.value) and "failing" in str(caught.value)
    assert isinstance(caught.value, RLinkError) and isinstance(caught.value, RuntimeError)


def test_error_without_a_call(r):
    with pytest.raises(RError) as caught:
        r.eval('stop("plain")')
    assert (caught.value.message, caught.value.call) == ("plain", "")


def test_error_with_a_long_call_is_shortened(r):
    with pytest.raises(RError) as caught:
        r.eval('do.call(function(x) stop("long"), list(matrix(1.5, 500, 500)))')
    assert 0 < len(caught.value.call) <= 310


@pytest.mark.parametrize("code, message", [
    ("1 +* 2", "unexpected"),
    ("library(nosuchpackage)", "nosuchpackage"),
    ("no_such_function()", "could not find function"),
    ("deep <- function(n) deep(n + 1); deep(1)", "infinite recursion|stack"),
])
def test_errors_leave_r_alive(r, code, message):
    pid = r.eval("Sys.getpid()").value
    with pytest.raises(RError, match=message):
        r.eval(code)
    assert r.eval("Sys.getpid()").value == pid


def test_unknown_function(r):
    with pytest.raises(RError, match="could not find function"):
        r.call("no_such_function", 1)
    with pytest.raises(RError, match="nosuchpackage"):
        r.call("nosuchpackage::f")


def test_unpicklable_argument(r):
    with pytest.raises(RConversionError, match="cannot be sent"):
        r.call("identity", lambda: None)


@pytest.mark.parametrize("code", ["Sys.sleep(1000)", "for (i in 1:1e10) {}", "repeat {}"])
def test_timeout_ends_the_call_and_the_next_one_works(own_r, code):
    own_r.eval("1")
    with pytest.raises(RTimeout, match="0.5 seconds"):
        assert seconds(lambda: own_r.eval(code, timeout=0.5)) < 5
    assert own_r.call("sum", 1, 2).value == 3


def test_timeout_of_the_session_and_of_a_call(r_available):
    with RSession(timeout=0.5) as session:
        with pytest.raises(RTimeout):
            session.eval("Sys.sleep(1000)")
        assert session.eval("Sys.sleep(1); 1", timeout=30).value == 1
        with pytest.raises(RTimeout):
            session.call("Sys.sleep", 1000)


def test_timeout_kills_the_children_of_r(own_r):
    own_r.eval('system("sleep 1234", wait = FALSE)')
    group = own_r.eval("Sys.getpid()").value
    children = [p for p in psutil.process_iter() if p.pid != group and os.getpgid(p.pid) == group]
    assert children
    with pytest.raises(RTimeout):
        own_r.eval("Sys.sleep(1000)", timeout=0.2)
    assert not psutil.wait_procs(children, timeout=5)[1]


def test_forked_children_of_r_do_not_hide_its_death(own_r):
    with pytest.raises(RDied, match="exit status 4"):
        assert seconds(lambda: own_r.eval("parallel::mcparallel(Sys.sleep(1000)); quit(status = 4)")) < 10
    assert own_r.eval("1").value == 1


def test_nothing_of_python_runs_while_r_does(own_r):
    """A fork that R makes while a thread holds Python's lock waits for ever: so no thread wakes, whatever R is at."""
    pid = own_r.eval("Sys.getpid()").value
    threads = Path(f"/proc/{pid}/task")
    if not threads.is_dir():
        pytest.skip("no /proc here, in which the threads of a process can be watched")

    def switches() -> dict[str, str]:
        return {thread.name: re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (thread / "status").read_text(), re.MULTILINE)[1]
                for thread in threads.iterdir() if thread.name != str(pid)}

    asked = threading.Thread(target=own_r.eval, args=("Sys.sleep(6)",))
    asked.start()
    time.sleep(0.5)
    before = switches()
    time.sleep(5)
    assert len(before) >= 1 and switches() == before
    asked.join()


def test_many_forks_of_r_come_back(own_r):
    forks = "sum(unlist(lapply(1:40, function(i) parallel::mclapply(1:2, function(j) { for (k in 1:2000) x <- k; 1 }, mc.cores = 2))))"
    assert own_r.eval(forks).value == 80.0


def test_quit(own_r):
    with pytest.raises(RDied, match="exit status 3") as caught:
        own_r.eval("quit(status = 3)")
    assert caught.value.returncode == 3
    assert own_r.eval("1 + 1").value == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_crash(own_r, number):
    with pytest.raises(RDied, match=number.name) as caught:
        own_r.eval(f"tools::pskill(Sys.getpid(), {int(number)}); Sys.sleep(100)")
    assert caught.value.returncode == -number
    assert own_r.eval("1 + 1").value == 2


def test_death_between_two_calls_is_told(own_r):
    pid = own_r.eval("Sys.getpid()").value
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(pid)], timeout=5)
    with pytest.raises(RDied):
        own_r.eval("1")
    assert own_r.eval("1").value == 1


def test_quit_of_a_forked_child_leaves_r_alone(own_r):
    folder = own_r.eval("tempdir()").value
    own_r.eval("job <- parallel::mcparallel(quit(status = 5)); invisible(parallel::mccollect(job))")
    assert os.path.isdir(folder)
    assert own_r.eval("1").value == 1


def test_dropped_session_ends_its_r(r_available):
    session = RSession()
    process = psutil.Process(session.eval("Sys.getpid()").value)
    del session
    assert not process.is_running()


def test_last_words_of_r_are_told(own_r):
    with pytest.raises(RDied, match="last words: .*farewell"):
        own_r.eval('cat("farewell"); quit(status = 1)')


def test_close_removes_process_and_temporary_folder(r_available):
    with RSession() as session:
        pid = session.eval("Sys.getpid()").value
        folder = session.eval("tempdir()").value
        assert os.path.isdir(folder)
    assert not psutil.pid_exists(pid)
    assert not os.path.exists(folder)
    session.close()


def test_r_starts_only_on_first_use():
    before = psutil.Process().children()
    with RSession():
        assert psutil.Process().children() == before


def test_sourced_functions_come_before_the_global_environment_and_survive_a_restart(own_r, tmp_path):
    first = tmp_path / "first.R"
    first.write_text(
        "base_value <- 40\nwhich_one <- function() 'sourced'\nname <- function() '\u00e9\u03bb'\n", encoding="utf-8")
    second = tmp_path / "second.R"
    second.write_text("add <- function(x) base_value + x\n")
    own_r.source(first)
    assert own_r.source(second).value is None
    own_r.eval("which_one <- function() 'global'; base_value <- 0")
    assert own_r.call("which_one").value == "sourced"
    assert own_r.call("add", 2).value == 42
    assert own_r.call("name").value == "\u00e9\u03bb"
    assert own_r.eval("ls()").value.tolist() == ["base_value", "which_one"]
    with pytest.raises(RDied):
        own_r.eval("quit()")
    assert own_r.call("add", 2).value == 42
    with pytest.raises(RError, match="could not find function"):
        own_r.eval("add(2)")


def test_source_errors(own_r, tmp_path):
    with pytest.raises(FileNotFoundError):
        own_r.source(tmp_path / "absent.R")
    broken = tmp_path / "broken.R"
    broken.write_text("stop('at once')")
    with pytest.raises(RError, match="at once"):
        own_r.source(broken)
    # a file that failed is not tried again in a fresh R
    with pytest.raises(RDied):
        own_r.eval("quit()")
    assert own_r.eval("1").value == 1


def test_threads_share_a_session(r):
    answers = {}
    threads = [threading.Thread(target=lambda i=i: answers.update({i: r.call("identity", i).value})) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {i: i for i in range(8)}


def test_r_is_not_interactive_and_reads_no_input(r):
    assert r.eval("interactive()").value is False
    assert r.eval("readLines(file('stdin'))").value.size == 0


def test_workspace_of_the_current_folder_is_not_loaded(r_available, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "queue.py").write_text("raise ImportError('the worker imported a module of the user')")
    with RSession() as session:
        session.eval("leftover <- 1; save.image()")
    with RSession() as session:
        assert session.eval("exists('leftover')").value is False


def test_unavailable_names_the_remedy(monkeypatch, tmp_path):
    package = tmp_path / "rpy2"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no rpy2 here')")
    monkeypatch.setattr("lmmbridge.rlink.process.PACKAGE_PARENT", f"{tmp_path}{os.pathsep}{PACKAGE_PARENT}")
    with RSession() as session, pytest.raises(RUnavailable, match="no rpy2 here.*Install R"):
        session.eval("1")
