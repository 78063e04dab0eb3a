"""Significance thresholds from a permutation test."""
from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError


@dataclass(frozen=True)
class Scan1Perm:
    """Maximum LOD scores of permuted genome scans: what `scan1perm` of R/qtl2 returns.

    Attributes
    ----------
    A : pandas.DataFrame, shape (n_perm, phenotypes)
        Genome-wide maxima; with X, the maxima over the autosomes.
    X : pandas.DataFrame, shape (n_perm_X, phenotypes), or None
        Maxima over the X chromosome, from permutations of its own.
    chr_lengths : pandas.Series or None
        Total lengths of the autosomes and of the X chromosome; index "A", "X".
    """

    A: pd.DataFrame
    X: pd.DataFrame | None = None
    chr_lengths: pd.Series | None = None


@dataclass(frozen=True)
class Scan1PermSummary:
    """Significance thresholds on the LOD scale: what `summary_scan1perm` of R/qtl2 returns.

    Attributes
    ----------
    A : pandas.DataFrame, shape (alphas, phenotypes)
        Genome-wide thresholds; with X, those for the autosomes. Index: the significance levels.
    X : pandas.DataFrame, shape (alphas, phenotypes), or None
        Thresholds for the X chromosome.
    n_perm : pandas.DataFrame
        Number of permutations without a missing value, by phenotype; a row "A", and with X a row "X".
    """

    A: pd.DataFrame
    X: pd.DataFrame | None
    n_perm: pd.DataFrame

    def for_peaks(self, of_x: Any = None) -> tuple[pd.Series, Any]:
        """The thresholds by phenotype for find_peaks: of the autosomes, and of the X chromosome (unless given).

        Raises
        ------
        InputError
            If there is more than one significance level.
        """
        if len(self.A) != 1:
            raise InputError(f"threshold is a summary of {len(self.A)} significance levels: make one of a single alpha")
        return self.A.iloc[0], self.X.iloc[0] if of_x is None and self.X is not None else of_x

    def __str__(self) -> str:
        """The thresholds with three digits, under headings with the numbers of permutations."""
        tables = [("LOD thresholds", "A")] if self.X is None else [
            ("Autosome LOD thresholds", "A"), ("X chromosome LOD thresholds", "X")]
        constant = (self.n_perm.nunique(axis=1) == 1).all()
        parts = [f"{title}{f' ({self.n_perm.loc[part].iloc[0]} permutations)' if constant else ''}\n"
                 f"{getattr(self, part).to_string(float_format='{:#.3g}'.format)}" for title, part in tables]
        if not constant:
            parts.append(f"Number of permutations:\n{self.n_perm.to_string(index=self.X is not None)}")
        return "\n\n".join(parts)


def summary_scan1perm(object: Scan1Perm, alpha=0.05) -> Scan1PermSummary:
    """Significance thresholds from the results of a permutation test: `summary_scan1perm` of R/qtl2.

    Parameters
    ----------
    object : Scan1Perm
        Missing values are left out.
    alpha : float or sequence of float, default 0.05
        Significance levels, from 0 to 1.

    Returns
    -------
    Scan1PermSummary
        Quantiles 1 − α of the maxima, interpolated linearly (R's type 7), for each phenotype. With separate
        permutations of the X chromosome: 1 − (1 − α)^(L_A/L) for the autosomes and 1 − (1 − α)^(L_X/L) for X in place
        of α, where L_A and L_X are their lengths and L is the sum.

    Warns
    -----
    UserWarning
        Where X has no lengths to go with it: the ratio of the lengths is then taken as that of the numbers of
        permutations, as R/qtl2 does.

    Raises
    ------
    InputError

    References
    ----------
    Broman KW, Sen Ś, Owens SE, Manichaikul A, Southard-Smith EM, Churchill GA (2006) The X chromosome in quantitative
    trait locus mapping. Genetics 174:2151-2158.

    Examples
    --------
    >>> import pandas as pd
    >>> from lmmbridge.qtl2.thresholds import Scan1Perm, summary_scan1perm
    >>> maxima = pd.DataFrame({"liver": [2.1, 1.4, 3.6, 2.2, 1.9], "spleen": [1.1, 2.4, 2.6, 3.2, 1.7]})
    >>> print(summary_scan1perm(Scan1Perm(maxima), alpha=[0.2, 0.05]))
    LOD thresholds (5 permutations)
          liver  spleen
    0.20   2.48    2.72
    0.05   3.32    3.08
    """
    if not isinstance(object, Scan1Perm):
        raise InputError(f"object is a {type(object).__name__}: give the result of scan1perm (a Scan1Perm)")
    try:
        alpha = np.atleast_1d(np.asarray(alpha, dtype=float))
    except (TypeError, ValueError):
        raise InputError(f"alpha is {alpha!r}: give significance levels from 0 to 1, such as 0.05") from None
    outside = ~((alpha >= 0.0) & (alpha <= 1.0))
    if outside.any():
        raise InputError(f"alpha is {alpha[outside][0]:g}: give significance levels from 0 to 1, such as 0.05")
    if object.X is None:
        return Scan1PermSummary(_thresholds(object.A, alpha, alpha), None, _n_perm(A=object.A))

    lengths = object.chr_lengths
    if lengths is None:
        lengths = pd.Series({"A": len(object.A), "X": len(object.X)})
        warnings.warn("object has no chr_lengths: the ratio of the lengths of autosomes and X is taken as that of the "
                      f"permutations, {lengths['A'] / lengths['X']:.2f}", stacklevel=2)
    elif set(lengths.index) != {"A", "X"} or len(lengths) != 2:
        raise InputError(f"object: chr_lengths has the entries {', '.join(map(str, lengths.index))}; give two, the "
                         "total lengths of the autosomes, 'A', and of the X chromosome, 'X'")
    alpha_A, alpha_X = (1.0 - (1.0 - alpha) ** (lengths[part] / lengths.sum()) for part in ("A", "X"))
    return Scan1PermSummary(_thresholds(object.A, alpha, alpha_A), _thresholds(object.X, alpha, alpha_X),
                            _n_perm(A=object.A, X=object.X))


def _thresholds(maxima: pd.DataFrame, alpha: np.ndarray, adjusted: np.ndarray) -> pd.DataFrame:
    """The quantiles 1 − adjusted, labelled with alpha."""
    return maxima.astype(float).quantile(1.0 - adjusted).set_axis(alpha, axis=0)


def _n_perm(**parts: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({part: maxima.notna().sum() for part, maxima in parts.items()}).T
