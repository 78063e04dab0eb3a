"""Strategies for hypothesis: mixed-model problems and genome scans, built by construction, never by rejection.

The kinds of trouble that implementations meet are drawn by name (a kinship of low rank, a nearly collinear covariate, a
likelihood with two maxima …); numbers in bulk come from a drawn seed and are rounded to a drawn number of decimals. So a
failing case shrinks to a handful of individuals, round numbers, and the kinds of trouble that it takes.

>>> from hypothesis import given
>>> from lmmbridge import fit_lmm
>>> from lmmbridge.testing.strategies import lmm_problems
>>> @given(lmm_problems(max_n=30, weights=False))
... def hsq_is_a_share(problem):
...     data = problem.data
...     hsq = fit_lmm(data.Y[:, 0], data.K, covar=data.X).hsq
...     assert not hsq < 0.0 and not hsq > 1.0
>>> hsq_is_a_share()
"""
from lmmbridge.testing.designs import covariates, hsqs, hsqs_of, missing_patterns, weights
from lmmbridge.testing.genotypes import genoprobs
from lmmbridge.testing.kinships import KinshipMatrix, kinships, loco_kinships
from lmmbridge.testing.models import LmmProblem, lmm_problems
from lmmbridge.testing.scans import scan_problems

__all__ = ["KinshipMatrix", "LmmProblem", "covariates", "genoprobs", "hsqs", "hsqs_of", "kinships", "lmm_problems",
           "loco_kinships", "missing_patterns", "scan_problems", "weights"]
