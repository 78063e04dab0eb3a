"""A mixed-model program with any of the known faults: covariance matrices written out, nothing of the explainer's."""
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, optimize

#: Faults that exclude each other: a program has one scale of K, one reading of its weights, …
EXCLUSIVE = (
    {"K doubled", "K halved", "K divided by its mean diagonal", "K as correlations"},
    {"weights forgotten", "weights as 1/SD", "weights as variances", "weights as SD"},
    {"ML for REML", "REML for ML", "n for n-p throughout REML", "ML value at the REML hsq"},
    {"no intercept", "covariates forgotten"},
    {"log 2π left out", "lmmlite's constants", "REML's constants left out", "n log 2π for (n-p) log 2π", "Q/n in REML",
     "n for n-p in REML's constants", "pylmm's constants", "π = 3.14159"},
    {"log10 for ln", "the sign turned", "-2 log likelihood"},
    {"hsq with the covariates' variance", "pve", "g/e for g/(g+e)", "e/g for g/(g+e)", "1 - hsq"},
    {"the genetic variance", "the residual variance"},
    {"n for n-p in sigmasq", "n-p for n in sigmasq"},
)


def compose(faults) -> bool:
    """Whether one program can have all of these."""
    return all(len(group & set(faults)) <= 1 for group in EXCLUSIVE)


@dataclass(frozen=True)
class Problem:
    y: np.ndarray
    X: np.ndarray
    K: np.ndarray
    weights: np.ndarray | None


def random_problem(seed, n=30, weighted=False, h=0.5):
    """K of unequal diagonal, an intercept (first) and two covariates; y such that ĥ is near h, and at no boundary."""
    rng = np.random.default_rng(seed)
    G = rng.normal(size=(n, n)) * np.linspace(0.4, 1.6, n) * rng.uniform(0.6, 1.7, size=(n, 1)) + 0.4
    K = G @ G.T / n
    K = (K + K.T) / 2
    X = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=n) + 1.0])
    weights = rng.choice([0.4, 1.0, 2.5], size=n) if weighted else None
    root = np.ones(n) if weights is None else np.sqrt(weights)
    values, U = np.linalg.eigh(root[:, None] * K * root)
    z = rng.choice([-1.0, 1.0], size=n) * rng.uniform(0.8, 1.2, size=n)
    y = X @ [1.5, 0.7, -0.4] + U @ (np.sqrt(h * values + 1 - h) * z) / root
    return Problem(y, X, K, weights)


def likelihood(problem, h, criterion):
    """(log likelihood, Q, β) at fixed h from V; criterion "ML", "REML", or "REML with n"."""
    y, X = problem.y, problem.X
    n, p = X.shape
    V = h * problem.K + (1 - h) * np.diag(np.ones(n) if problem.weights is None else 1 / problem.weights)
    Vi = linalg.inv(V)
    XtViX = X.T @ Vi @ X
    beta = linalg.solve(XtViX, X.T @ Vi @ y)
    Q = (y - X @ beta) @ Vi @ (y - X @ beta)
    k = n - p if criterion == "REML" else n
    value = -0.5 * (k * (np.log(2 * np.pi) + np.log(Q / k) + 1) + np.linalg.slogdet(V)[1])
    if criterion != "ML":
        value -= 0.5 * (np.linalg.slogdet(XtViX)[1] - np.linalg.slogdet(X.T @ X)[1])
    return value, Q, beta


def search(problem, criterion, tol=1e-12, ends=True, one=False):
    """ĥ of one Brent search over (0, 1), or of one around the highest point of a table; h = 1 only if K is regular."""
    arrays = (problem.y, problem.X, problem.K, problem.weights)
    key = (*(None if array is None else array.tobytes() for array in arrays), criterion, tol, ends, one)
    if key not in _FOUND:
        _FOUND[key] = _search(problem, criterion, tol, ends, one)
    return _FOUND[key]


_FOUND = {}


def _search(problem, criterion, tol, ends, one):
    def negative(h):
        return -likelihood(problem, h, criterion)[0]

    table = np.linspace(0, 0.999, 41)
    top = 0 if one else int(np.argmin([negative(h) for h in table]))
    bounds = (0.0, 1.0) if one else (table[max(top - 1, 0)], table[min(top + 1, 40)])
    found = optimize.minimize_scalar(negative, bounds=bounds, method="bounded", options={"xatol": tol}).x
    candidates = [found] + ([0.0] if ends else []) + ([1.0] if ends and np.linalg.cond(problem.K) < 1e10 else [])
    return min(candidates, key=negative)


def program(problem, faults, quantity, reml, hsq=None):
    """The number that a program with these faults reports; at its own ĥ, or at hsq."""
    faults = set(faults)
    n, w = len(problem.y), problem.weights
    X, K = problem.X, problem.K
    if "K centred" in faults:
        C = np.eye(n) - 1 / n
        K = C @ K @ C
    centred = (np.eye(n) - 1 / n) @ problem.K @ (np.eye(n) - 1 / n)
    if "K as correlations" in faults:
        K = K / np.sqrt(np.outer(np.diag(K), np.diag(K)))
    multiple = {"K doubled": 2, "K halved": 0.5, "K divided by its mean diagonal": n / np.trace(K)}
    a = next((multiple[fault] for fault in faults & set(multiple)), 1)
    K = a * K
    for fault, taken in (("weights forgotten", None), ("weights as 1/SD", w if w is None else w**2),
                         ("weights as variances", w if w is None else 1 / w),
                         ("weights as SD", w if w is None else w**-2)):
        if fault in faults:
            w = taken
    if "eigenvalues clipped" in faults:
        root = np.ones(n) if w is None else np.sqrt(w)
        values, vectors = np.linalg.eigh(root[:, None] * K * root)
        K = vectors @ np.diag(np.maximum(values, 1e-6)) @ vectors.T / np.outer(root, root)
    if "no intercept" in faults:
        X = X[:, 1:]
    if "covariates forgotten" in faults:
        X = X[:, :1]
    p = X.shape[1]
    seen = Problem(problem.y, X, K, w)

    chosen = "REML" if (reml or faults & {"REML for ML", "ML value at the REML hsq"}) else "ML"
    chosen = "ML" if "ML for REML" in faults else "REML with n" if "n for n-p throughout REML" in faults else chosen
    evaluated = "ML" if "ML value at the REML hsq" in faults else chosen
    one = faults & {"a boundary not tried", "the lower of two maxima", "a loose tolerance"}
    h = hsq if hsq is not None else search(seen, chosen, 1e-4 if "a loose tolerance" in faults else 1e-12,
                                          "a boundary not tried" not in faults, bool(one))
    value, Q, beta = likelihood(seen, h, evaluated)
    divisor = n - p if chosen == "REML" else n
    divisor = n if "n for n-p in sigmasq" in faults else n - p if "n-p for n in sigmasq" in faults else divisor

    if quantity == "hsq":
        s, sigmasq = a * np.trace(centred) / n, Q / divisor
        if "pve" in faults:
            return s * h / (s * h + 1 - h)
        if "hsq with the covariates' variance" in faults:
            return h * sigmasq / (np.var(X @ beta) + sigmasq)
        if "g/e for g/(g+e)" in faults:
            return h / (1 - h) if h < 1 else np.inf
        if "e/g for g/(g+e)" in faults:
            return (1 - h) / h if h > 0 else np.inf
        return 1 - h if "1 - hsq" in faults else h
    if quantity == "sigmasq":
        sigmasq = Q / divisor
        sigmasq *= h if "the genetic variance" in faults else 1 - h if "the residual variance" in faults else 1
        return np.sqrt(sigmasq) if "SD for variance" in faults else sigmasq
    if quantity == "beta":
        return beta[-1]
    k, restricted = (n - p, True) if evaluated != "ML" else (n, False)
    log = np.log
    if "log 2π left out" in faults:
        value += k / 2 * log(2 * np.pi)
    if "lmmlite's constants" in faults:
        value -= (n / 2 * (log(k) - log(2 * np.pi)) - k / 2) if restricted else n / 2 * (log(n / (2 * np.pi)) - 1)
    if restricted and "REML's constants left out" in faults:
        value += k / 2 * (log(2 * np.pi / k) + 1)
    if restricted and "n log 2π for (n-p) log 2π" in faults:
        value += (k - n) / 2 * log(2 * np.pi)
    if restricted and "Q/n in REML" in faults:      # σ̂² = Q/n: (n−p) log 2πσ̂² + Q/σ̂²
        value += 0.5 * (k * log(Q / k) + k) - 0.5 * (k * log(Q / n) + n)
    if restricted and "n for n-p in REML's constants" in faults:
        value += 0.5 * k * (log(2 * np.pi / k) + 1) - 0.5 * n * (log(2 * np.pi / n) + 1)
    if restricted and "pylmm's constants" in faults:
        value -= n / 2 * log(k / n) + p / 2
    if "π = 3.14159" in faults:
        value += k / 2 * (log(np.pi) - log(3.14159))
    if restricted and "½log|X'X| left out" in faults:
        value -= 0.5 * np.linalg.slogdet(X.T @ X)[1]
    if "likelihood of the weighted data" in faults and w is not None:
        value -= 0.5 * np.sum(log(w))
        if restricted:
            value -= 0.5 * (np.linalg.slogdet(X.T @ X)[1] - np.linalg.slogdet(X.T @ (w[:, None] * X))[1])
    units = {"log10 for ln": 1 / log(10), "the sign turned": -1, "-2 log likelihood": -2}
    return value * units.get(next(iter(faults & EXCLUSIVE[5]), ""), 1)


def without(problem, i):
    """The problem without an individual."""
    kept = np.arange(len(problem.y)) != i
    return replace(problem, y=problem.y[kept], X=problem.X[kept], K=problem.K[np.ix_(kept, kept)],
                   weights=None if problem.weights is None else problem.weights[kept])
