"""A live R in a process of its own."""

import pickle
import threading
import weakref
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lmmbridge.rlink.errors import RConversionError, RError
from lmmbridge.rlink.process import RProcess

#: One call of the shared session may take this long (seconds) before R is taken to hang.
SHARED_TIMEOUT = 1800.0


@dataclass(frozen=True, eq=False)
class RAnswer:
    """What came back from R.

    Attributes
    ----------
    value : object
        The converted value.
    warnings : tuple of str
        Messages of R's warnings, in order.
    output : str
        What R printed or messaged.  Text that compiled code or child processes wrote past R's console
        comes after the rest.
    seconds : float
        Elapsed time of the evaluation in R, without starting R and without conversion.
    """

    value: object
    warnings: tuple
    output: str
    seconds: float


class RSession:
    """A live R, started on first use.

    R runs in a process of its own, so a crash of R, ``quit()`` or a runaway computation never harm the
    process of the user.  After a timeout, the death of R or Ctrl-C the next call gets a fresh R: the files
    sourced before are sourced again, everything else that was in R is lost.  R never outlives the process
    that started it.  Threads may share a session, their calls wait for each other.

    Parameters
    ----------
    timeout : float or None
        Seconds that a call may take unless it names its own timeout; None (the default) sets no limit.
        Starting R is not counted.

    Examples
    --------
    >>> with RSession() as r:
    ...     r.call("base::sum", [1, 2, 3], **{"na.rm": True})  # doctest: +SKIP
    """

    def __init__(self, timeout=None):
        self._timeout = timeout
        self._sourced = {}
        self._lock = threading.Lock()
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def call(self, function, /, *args, timeout=None, **kwargs):
        """Call an R function.

        Parameters
        ----------
        function : str
            Name of the function, such as ``"stats::rnorm"``, ``"qtl2:::x"`` or the name of a function
            sourced before.  Plain names are looked up among the sourced files first, then in the global
            environment and the attached packages.
        *args, **kwargs : object
            Arguments, converted as the table of `lmmbridge.rlink` tells.  Names with dots go in by
            unpacking a dict.  An R argument named ``timeout`` can only be given by position.
        timeout : float or None
            Seconds; None (the default) means the timeout of the session.

        Returns
        -------
        RAnswer

        Raises
        ------
        RError, RTimeout, RDied, RConversionError, RUnavailable
        """
        return self._do(("call", function, args, kwargs), timeout)

    def eval(self, code, timeout=None):
        """Evaluate R code in R's global environment.

        Functions of sourced files are reached by `call`, not from here.

        Parameters
        ----------
        code : str
            Any number of R expressions.
        timeout : float or None
            Seconds; None (the default) means the timeout of the session.

        Returns
        -------
        RAnswer
            With the value of the last expression; None if that is an assignment.

        Raises
        ------
        RError, RTimeout, RDied, RConversionError, RUnavailable
        """
        return self._do(("eval", code), timeout)

    def source(self, path):
        """Evaluate an R file in the environment that `call` searches first.

        The file is evaluated again whenever R had to be started afresh.

        Parameters
        ----------
        path : str or os.PathLike
            The file, in UTF-8.

        Returns
        -------
        RAnswer
            Its value is None.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        RError, RTimeout, RDied, RUnavailable
        """
        path = Path(path).resolve()
        if not path.is_file():
            raise FileNotFoundError(f"no R file {path}")
        answer = self._do(("source", str(path)), None)
        self._sourced[path] = None
        return answer

    def close(self):
        """Kill R and its children.  A later call would start a fresh R."""
        with self._lock:
            self._stop()

    def _do(self, request, timeout):
        if timeout is None:
            timeout = self._timeout
        try:
            message = pickle.dumps(request, protocol=5)
        except Exception as error:
            raise RConversionError(f"an argument cannot be sent to the process of R: {error}") from None
        with self._lock:
            try:
                if self._process is None or not self._process.belongs_to_this_process():
                    self._start()
                return self._exchange(message, timeout)
            except (RError, RConversionError):
                raise
            except BaseException:
                # a half-done exchange (timeout, death, Ctrl-C) leaves nothing that could be used again
                self._stop()
                raise

    def _start(self):
        self._stop()
        self._process = RProcess()
        # a session that is dropped without close() takes its R along
        weakref.finalize(self, self._process.stop)
        self._process.wait_until_ready()
        try:
            for path in self._sourced:
                self._exchange(pickle.dumps(("source", str(path))), self._timeout)
        except RError:
            # else the next call would find an R without its files
            self._stop()
            raise

    def _stop(self):
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _exchange(self, message, timeout):
        what, *answer = self._process.exchange(message, timeout)
        stray = self._process.take_stray()
        if what == "error":
            raise RError(*answer)
        if what == "conversion":
            raise RConversionError(*answer)
        value, warnings, output, seconds = answer
        return RAnswer(value, warnings, output + stray, seconds)


@cache
def shared_session():
    """The one R of this process that everything here shares which names no session of its own.

    Returns
    -------
    RSession
    """
    return RSession(timeout=SHARED_TIMEOUT)
