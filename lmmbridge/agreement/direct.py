"""The right numbers, by covariance matrices written out: plain numpy, so that the code can travel with a case.

`reprex` copies the functions that a case needs into its case.py; nothing here may use another module of this package.
Arguments are plain arrays: y (n, 1), X (n, p) with the intercept in it, K (n, n), weights (n,) or None.
"""
import numpy as np


def covariance(K, h, weights=None):
    """V = hK + (1−h)W⁻¹, W the diagonal matrix of the weights."""
    return h * K + (1.0 - h) * np.diag(np.ones(len(K)) if weights is None else 1.0 / weights)


def gls(y, X, V, reml=True):
    """ML* or REML* with every constant, σ² = Q/n or Q/(n−p), and b; None where V is not positive definite.

    With V = LL', b is the least squares fit of L⁻¹y on L⁻¹X, and Q its residual sum of squares.
    """
    try:
        L = np.linalg.cholesky(V)
    except np.linalg.LinAlgError:
        return None
    n, p = X.shape
    df = n - p if reml else n
    LX, Ly = np.linalg.solve(L, X), np.linalg.solve(L, y)
    lengths = np.linalg.norm(LX, axis=0)
    b = np.linalg.lstsq(LX / lengths, Ly, rcond=None)[0] / lengths[:, None]
    sigmasq = float(np.sum((Ly - LX @ b) ** 2)) / df
    logdet = 2.0 * np.sum(np.log(np.diag(L)))
    if reml:
        logdet += logdet_crossproduct(LX) - logdet_crossproduct(X)
    return float(-0.5 * (df * (np.log(2.0 * np.pi * sigmasq) + 1.0) + logdet)), sigmasq, b


def logdet_crossproduct(A):
    """log|A'A|, without forming A'A."""
    return 2.0 * np.sum(np.log(np.abs(np.diag(np.linalg.qr(A, mode="r")))))


def best_hsq(y, X, K, weights=None, reml=True):
    """ĥ: the highest of a table of log likelihoods, both ends in it, then of ever finer tables around it."""
    def height(h):
        found = gls(y, X, covariance(K, h, weights), reml)
        return -np.inf if found is None else found[0]

    table = np.concatenate([[0.0, 1e-6, 1e-4, 1e-3], np.linspace(0.01, 0.99, 99), [0.999, 0.9999, 1.0 - 1e-6, 1.0]])
    while True:
        top = int(np.argmax([height(h) for h in table]))
        low, high = table[max(top - 1, 0)], table[min(top + 1, len(table) - 1)]
        if high - low < 1e-12:
            return float(table[top])
        table = np.union1d(np.linspace(low, high, 13), table[top])


def lod(y, X0, X1, V):
    """(n/2) log10(Q₀/Q₁) of the models X₀ and X₁; a column that depends on others adds nothing."""
    L = np.linalg.cholesky(V)
    Ly = np.linalg.solve(L, y)

    def rss(X):
        LX = np.linalg.solve(L, X[:, np.any(X != 0.0, axis=0)])
        LX = LX / np.linalg.norm(LX, axis=0)
        return np.sum((Ly - LX @ np.linalg.lstsq(LX, Ly, rcond=1e-11)[0]) ** 2)

    return float(0.5 * len(y) * np.log10(rss(X0) / rss(X1)))


def blup(y, X, Z, V):
    """BLUPs of u ~ N(0, σ²hI) and their standard errors in y = Xb + Zu + e, e ~ N(0, σ²(1−h)V), h and σ² by REML.

    û = hZ'Py and var(û − u) = σ²h(I − hZ'PZ), P = S⁻¹ − S⁻¹X(X'S⁻¹X)⁻¹X'S⁻¹, S = hZZ' + (1−h)I, all after V = LL' has
    been divided out.
    """
    L = np.linalg.cholesky(V)
    y, X, Z = (np.linalg.solve(L, A) for A in (y, X, Z))
    h = best_hsq(y, X, Z @ Z.T)
    S = covariance(Z @ Z.T, h)
    sigmasq = gls(y, X, S)[1]
    Si = np.linalg.inv(S)
    P = Si - Si @ X @ np.linalg.solve(X.T @ Si @ X, X.T @ Si)
    return (h * Z.T @ P @ y)[:, 0], np.sqrt(sigmasq * h * (1.0 - h * np.diag(Z.T @ P @ Z)))


def with_intercept(*columns):
    """A column of ones, then the others."""
    return np.column_stack([np.ones(len(columns[0])), *columns])
