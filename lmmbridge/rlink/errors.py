"""What can go wrong between Python and R."""


class RLinkError(RuntimeError):
    """Base class of every error of this package."""


class RError(RLinkError):
    """R code signalled an error.  R itself goes on living.

    Parameters
    ----------
    message : str
        R's message.
    call : str
        The deparsed R call that signalled it, shortened; empty when R names none.
    """

    def __init__(self, message, call=""):
        super().__init__(message, call)
        self.message = message
        self.call = call

    def __str__(self):
        return f"{self.message} (in R call: {self.call})" if self.call else self.message


class RTimeout(RLinkError):
    """A call took longer than its timeout; R was killed."""


class RDied(RLinkError):
    """The process of R ended: a crash, ``quit()`` or a kill.

    Parameters
    ----------
    message : str
        What is known about the end.
    returncode : int
        The exit status, or minus the number of the signal, as in `subprocess.Popen.returncode`.
    """

    def __init__(self, message, returncode):
        super().__init__(message, returncode)
        self.message = message
        self.returncode = returncode

    def __str__(self):
        return self.message


class RConversionError(RLinkError):
    """A value has no counterpart on the other side of the mapping."""


class RUnavailable(RLinkError):
    """R or rpy2 is not there, or R does not start; the message ends with the remedy."""
