"""Do several implementations of the same linear mixed model agree, and where they do not, why?"""
from importlib import import_module as _import
from importlib.metadata import version as _version
from typing import TYPE_CHECKING

from lmmbridge.errors import InputError

if TYPE_CHECKING:
    from lmmbridge.fitting import LmmFits, fit_lmm
    from lmmbridge.lmm import LmmFit

__version__ = _version("lmmbridge")
__all__ = ["InputError", "LmmFit", "LmmFits", "fit_lmm"]
#: Where names are that need numpy, scipy and pandas: brought in when they are asked for, so that pytest, which loads the fixtures
#: of `lmmbridge.testing.plugin` with every start, does not wait for them.
_LATER = {"LmmFit": "lmmbridge.lmm", "LmmFits": "lmmbridge.fitting", "fit_lmm": "lmmbridge.fitting"}


def __getattr__(name: str):
    if name in _LATER:
        return getattr(_import(_LATER[name]), name)
    raise AttributeError(f"module 'lmmbridge' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
