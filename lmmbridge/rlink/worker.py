"""The process that holds R: ``python -m lmmbridge.rlink.worker FD``.

FD is an inherited socket to the process that started this one.  A request is the pickled tuple
``(kind, ...)``, an answer a pickled tuple whose first element says what it is.
"""

import os
import pickle
import select
import shutil
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from lmmbridge.rlink.errors import RConversionError
from lmmbridge.rlink.library import project_library

_HELPER = Path(__file__).with_name("evaluate.R")
_PARENT_CHECK_SECONDS = 2.0


def _send(connection, *answer):
    connection.send_bytes(pickle.dumps(answer, protocol=5))


def _end_with(parent, temporary):
    """Take the whole process group down once the parent is gone.

    This runs in a thread of its own, which works in the middle of a long R computation because calls into R release
    Python's interpreter lock.  It sleeps in the kernel and does not wake to look: R forks (parallel::mclapply) without
    Python's knowledge, and a fork made while this thread holds the lock would wait for it for ever.
    """
    _wait_for_the_end_of(parent)
    _end(temporary)


def _wait_for_the_end_of(parent):
    try:
        watch = select.poll()
        watch.register(os.pidfd_open(parent), select.POLLIN)
        if os.getppid() == parent:
            watch.poll()
    except (AttributeError, OSError):       # not Linux, or an old one
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_SECONDS)


def _end(temporary):
    shutil.rmtree(temporary, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


def _start_r(console):
    """Start R with its console output going to the list `console`; return the module and the helper."""
    import rpy2.rinterface as ri
    from rpy2.rinterface_lib import callbacks, embedded

    def clean_up(saveact, status, runlast):
        # called by quit() and by errors that R cannot survive; rpy2 would lose the status
        sys.stderr.write("".join(console))
        sys.stderr.flush()
        if os.getpid() == worker:
            # not in a fork of R, which shares the folder
            shutil.rmtree(temporary, ignore_errors=True)
        os._exit(status)

    worker = os.getpid()
    # a saved workspace would make answers depend on the folder that R starts in
    embedded.set_initoptions(("rpy2", "--quiet", "--no-save", "--no-restore"))
    # 0 keeps R's own limit on the stack, which rpy2 lifts: R runs in the main thread, where the limit is right,
    # and without it infinite recursion is a crash
    ri.initr(interactive=False, _c_stack_limit=0)
    temporary = ri.baseenv["tempdir"]()[0]
    callbacks.consolewrite_print = console.append
    callbacks.consolewrite_warnerror = console.append
    callbacks.showmessage = console.append
    callbacks.cleanup = clean_up

    helper = ri.baseenv["new.env"](parent=ri.baseenv)
    ri.evalr(_HELPER.read_text(encoding="utf-8"), envir=helper)
    library = project_library()
    if library is not None:
        paths = ri.baseenv[".libPaths"]()
        ri.baseenv[".libPaths"](ri.StrSexpVector([str(library), *paths]))
    return ri, helper, temporary


def _evaluate(request, ri, helper):
    """Evaluate one request and return R's list of value, warnings, failure and seconds."""
    from lmmbridge.rlink.conversion.to_r import call_arguments

    kind, *rest = request
    if kind == "call":
        name, args, kwargs = rest
        return helper["evaluate_call"](ri.StrSexpVector([name]), call_arguments(args, kwargs))
    return helper[{"eval": "evaluate_text", "source": "evaluate_file"}[kind]](ri.StrSexpVector(rest))


def _answer(request, ri, helper, console):
    """Do one request; return the tuple to send back."""
    from lmmbridge.rlink.conversion.from_r import from_r

    console.clear()
    try:
        try:
            request = pickle.loads(request)
        except Exception as error:
            raise RConversionError(f"an argument cannot be read in the process of R: {error}") from None
        value, warnings, failure, seconds = _evaluate(request, ri, helper)
        if failure is not ri.NULL:
            return "error", failure[0], failure[1]
        return "answer", from_r(value), tuple(warnings), "".join(console), seconds[0]
    except RConversionError as error:
        return "conversion", str(error)
    except Exception as error:
        # an odd value must not cost the user what is in R
        return "conversion", f"a value cannot be converted: {type(error).__name__}: {error}"


def main(fd):
    """Serve requests until the other end closes.

    Parameters
    ----------
    fd : int
        File descriptor of the connected socket.
    """
    connection = Connection(fd)
    parent = os.getppid()
    os.set_inheritable(fd, False)
    console = []
    try:
        ri, helper, temporary = _start_r(console)
        # loaded here so that the first call is not charged for it
        from lmmbridge.rlink.conversion import from_r, to_r  # noqa: F401
    except Exception as error:
        _send(connection, "unavailable", f"{type(error).__name__}: {error}")
        return
    threading.Thread(target=_end_with, args=(parent, temporary), daemon=True).start()
    _send(connection, "ready", temporary)
    try:
        while True:
            _send(connection, *_answer(connection.recv_bytes(), ri, helper, console))
    except (EOFError, OSError):
        _end(temporary)


if __name__ == "__main__":
    main(int(sys.argv[1]))
