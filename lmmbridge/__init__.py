"""Do several implementations of the same linear mixed model agree, and where they do not, why?"""
from importlib.metadata import version as _version

__version__ = _version("lmmbridge")

from lmmbridge.errors import InputError  # noqa: E402
from lmmbridge.fitting import LmmFits, fit_lmm  # noqa: E402
from lmmbridge.lmm import LmmFit  # noqa: E402

__all__ = ["InputError", "LmmFit", "LmmFits", "fit_lmm"]
