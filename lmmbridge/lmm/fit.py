"""The five steps together: one phenotype in the eigenvectors' coordinates in, one fitted model out."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lmmbridge.lmm.estimation import estimate_hsq
from lmmbridge.lmm.inference import no_inference, profile_interval, standard_error
from lmmbridge.lmm.least_squares import least_squares
from lmmbridge.lmm.likelihood import degrees_of_freedom
from lmmbridge.lmm.rotation import Rotated
from lmmbridge.lmm.weight_basis import condition

#: Beyond this condition number of V, digits of the likelihood are lost that users would count on.
ILL_CONDITIONED = 1e8


@dataclass(frozen=True, eq=False)
class LmmFit:
    """A fitted linear mixed model y = Xb + e, var(e) = σ²[hK + (1−h)W⁻¹].

    Attributes
    ----------
    hsq : float
        ĥ, under K as it was given. NaN where the likelihood is unbounded.
    sigmasq, sigmasq_g, sigmasq_e : float
        σ² (the total: Q/(n−p) under REML, Q/n under ML), hσ² and (1−h)σ².
    beta, beta_se : ndarray, shape (p,)
    beta_cov : ndarray, shape (p, p)
        σ²(X'V⁻¹X)⁻¹ at ĥ.
    loglik : float
        REML* or ML* (see `criterion`), with every constant.
    hsq_se : float
        From the observed information of the profile likelihood; NaN with the reason in `notes`.
    hsq_interval : tuple of float
        Profile-likelihood interval, 95 %; NaN with the reason in `notes`.
    reml, criterion, convention : bool, str, str
        The criterion that chose ĥ and on which `loglik` was evaluated; what the numbers mean.
    boundary : str or None
        "0", "1" or "end" (where V stops being positive definite) when ĥ lies there.
    converged, flat, unbounded : bool
    second_maximum : tuple of float, or None
        (hsq, loglik) of a second local maximum.
    n, p, rank_K : int
    cond_V : float
        Condition number of V at ĥ.
    notes : tuple of str
        All that a reader should know, in words.
    columns : tuple of str
        Names of the p coefficients.
    engine, version : str
    """

    hsq: float
    sigmasq: float
    sigmasq_g: float
    sigmasq_e: float
    beta: np.ndarray
    beta_se: np.ndarray
    beta_cov: np.ndarray
    loglik: float
    hsq_se: float
    hsq_interval: tuple[float, float]
    reml: bool
    boundary: str | None
    converged: bool
    flat: bool
    unbounded: bool
    second_maximum: tuple[float, float] | None
    n: int
    p: int
    rank_K: int
    cond_V: float
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    criterion: str = field(init=False)
    convention: str = field(init=False)
    engine: str = "python"
    version: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "criterion", "REML" if self.reml else "ML")
        object.__setattr__(self, "convention", f"{self.criterion}* with every constant; K as given, not doubled; "
                           f"sigmasq is the total variance, Q/{'(n-p)' if self.reml else 'n'}")

    def __str__(self) -> str:
        low, high = self.hsq_interval
        lines = [f"Linear mixed model by {self.criterion}: n = {self.n}, p = {self.p}, rank of K = {self.rank_K}",
                 f"  hsq       {self.hsq:.6g}   (SE {self.hsq_se:.3g}; 95% interval {low:.4g} to {high:.4g})",
                 f"  sigmasq   {self.sigmasq:.6g}   (genetic {self.sigmasq_g:.6g}, residual {self.sigmasq_e:.6g})",
                 f"  loglik    {self.loglik:.10g}   ({self.criterion}*, every constant)"]
        names = self.columns or tuple(f"x{i + 1}" for i in range(self.p))
        lines += [f"  {name:<9} {b:.6g}   (SE {se:.3g})" for name, b, se in zip(names, self.beta, self.beta_se)]
        return "\n".join(lines + [f"  note: {note}" for note in self.notes])


def fit(rotated: Rotated, reml: bool = True, *, columns: tuple[str, ...] = (), notes: tuple[str, ...] = (),
        version: str = "") -> LmmFit:
    """Fit the model to one rotated phenotype by REML (default) or ML."""
    n, p = rotated.X.shape
    maximum = estimate_hsq(rotated, reml)
    described = dict(reml=reml, boundary=maximum.boundary, converged=maximum.converged, flat=maximum.flat,
                     unbounded=maximum.unbounded, second_maximum=maximum.second, n=n, p=p,
                     rank_K=rotated.eigen.rank, columns=columns, version=version)
    words = list(notes) + _in_words(rotated, maximum, reml)
    if maximum.unbounded:
        unknown = np.full(p, np.nan)
        return LmmFit(hsq=np.nan, sigmasq=np.nan, sigmasq_g=np.nan, sigmasq_e=np.nan, beta=unknown, beta_se=unknown,
                      beta_cov=np.full((p, p), np.nan), loglik=np.inf, hsq_se=np.nan, hsq_interval=(np.nan, np.nan),
                      cond_V=np.nan, notes=tuple(words), **described)
    at_maximum = least_squares(rotated, maximum.hsq)
    sigmasq = at_maximum.rss / degrees_of_freedom(rotated, reml)
    beta_cov = sigmasq * at_maximum.XtViX_inverse
    hsq_se = standard_error(rotated, maximum, reml)
    if np.isnan(hsq_se) and not no_inference(maximum):
        words.append("no standard error of hsq: the curvature at the maximum is not negative")
    cond_V = float(condition(rotated.eigen.values, np.array([maximum.hsq]))[0])
    if cond_V > ILL_CONDITIONED:
        words.append(f"V is ill-conditioned at this hsq (condition number {cond_V:.1e}): digits are lost")
    return LmmFit(hsq=maximum.hsq, sigmasq=sigmasq, sigmasq_g=maximum.hsq * sigmasq,
                  sigmasq_e=(1.0 - maximum.hsq) * sigmasq, beta=at_maximum.beta, beta_se=np.sqrt(np.diag(beta_cov)),
                  beta_cov=beta_cov, loglik=maximum.loglik, hsq_se=hsq_se,
                  hsq_interval=profile_interval(rotated, maximum, reml), cond_V=cond_V, notes=tuple(words),
                  **described)


def _in_words(rotated: Rotated, maximum, reml: bool) -> list[str]:
    """What is remarkable about the maximum, a sentence each."""
    n = len(rotated.y)
    words = []
    if rotated.eigen.rank < n:
        words.append(f"K has rank {rotated.eigen.rank} of {n}: eigenvalues within rounding of zero count as zero")
    if maximum.unbounded:
        words.append(f"the {'REML' if reml else 'ML'} likelihood grows without bound as hsq goes to 1 (K has rank "
                     f"{rotated.eigen.rank} of {n} and the residual has no part in its null space): there is no "
                     "estimate; "
                     + ("check the model" if reml else "use REML, or a kinship matrix that is not centred")
                     + ("" if maximum.second is None else "; the highest maximum before that is at hsq = "
                        f"{maximum.second[0]:.6g}"))
    if maximum.flat:
        words.append("the likelihood is flat in hsq: the data cannot tell any value from another; hsq = 0 stands for "
                     "all")
    if maximum.boundary in ("0", "1"):
        words.append(f"the maximum is at the boundary hsq = {maximum.boundary}")
    if maximum.boundary == "end":
        words.append(f"the likelihood still rises at hsq = {maximum.hsq:.12g}, the last value at which V is positive "
                     f"definite to working precision (K has rank {rotated.eigen.rank} of {n})")
    if maximum.second is not None and not maximum.unbounded:
        words.append(f"the likelihood has a second local maximum at hsq = {maximum.second[0]:.6g}, lower by "
                     f"{maximum.loglik - maximum.second[1]:.3g}")
    if not maximum.converged and not maximum.unbounded:
        words.append("not converged: the score does not change sign at the reported hsq")
    reason = no_inference(maximum)
    if reason:
        words.append(f"no standard error and no interval of hsq: {reason}")
    return words
