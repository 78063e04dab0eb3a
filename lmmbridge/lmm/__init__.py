"""The linear mixed model y = Xb + e, var(e) = σ²V, V = hK + (1−h)W⁻¹, in five steps.

1. Were h known, the model would be generalised least squares with covariance V.
2. W½KW½ = UDU' makes V diagonal in the eigenvectors' coordinates (`rotation`) …
3. … where generalised least squares is weighted least squares (`least_squares`).
4. Its residual sum of squares and determinants give the likelihood of h (`likelihood`).
5. One-dimensional optimisation finds ĥ (`estimation`); curvature and profile say how sure (`inference`).

Plain arrays in, frozen results out; numpy and scipy only. h is called `hsq` (it is a ratio of variances),
K is used as given. `fit` runs the five steps.
"""
from lmmbridge.lmm.each_position import EachPosition, each_position
from lmmbridge.lmm.estimation import Maximum, estimate_hsq, search_end, unbounded
from lmmbridge.lmm.fit import LmmFit, fit
from lmmbridge.lmm.inference import profile_interval, standard_error
from lmmbridge.lmm.least_squares import WeightedFit, least_squares
from lmmbridge.lmm.likelihood import curvature, degrees_of_freedom, loglik, score
from lmmbridge.lmm.many import estimate_hsq_of_many
from lmmbridge.lmm.rotation import Eigen, Rotated, eigen_decomposition, rotate
from lmmbridge.lmm.tridiagonal import Tridiagonal, tridiagonal

__all__ = [
    "EachPosition", "Eigen", "LmmFit", "Maximum", "Rotated", "Tridiagonal", "WeightedFit", "curvature", "degrees_of_freedom",
    "each_position", "eigen_decomposition", "estimate_hsq", "estimate_hsq_of_many", "fit", "least_squares", "loglik",
    "profile_interval", "rotate", "score", "search_end", "standard_error", "tridiagonal", "unbounded",
]
