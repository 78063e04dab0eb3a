"""How each R engine is asked, as plain R code for reprex folders; `r_engines.R` asks for all phenotypes at once.

The code gets `found`, on the engine's own scale and without the constants that it leaves out, from y (one column), X
(the intercept in it), K, and weights where there are any. HSQ, a number under the engine's own multiple of K, and REML,
TRUE or FALSE, are filled in.
"""
from __future__ import annotations

from dataclasses import dataclass

from lmmbridge.engines.r_engines import TOLERANCE


@dataclass(frozen=True)
class Calls:
    """R code for one engine.

    Attributes
    ----------
    prepare : str
    at_hsq : str
        Makes `answer` at given HSQ.
    optimum : str
        Makes `answer` at the engine's own ĥ.
    at_hsq_parts, optimum_parts : dict
        Quantity ("hsq", "loglik", "sigmasq", "beta") → R expression that takes it from such an `answer`.
    """

    prepare: str
    at_hsq: str
    optimum: str
    at_hsq_parts: dict[str, str]
    optimum_parts: dict[str, str]


def _lmmlite(use_cpp: str) -> Calls:
    return Calls(
        f"e <- lmmlite::eigen_rotation(unname(K), unname(y), unname(X), use_cpp = {use_cpp})",
        f"answer <- lmmlite::calcLL(HSQ, e$Kva, e$y[, 1], e$X, reml = REML, use_cpp = {use_cpp})",
        f"answer <- lmmlite::fitLMM(e$Kva, e$y[, 1], e$X, reml = REML, check_boundary = TRUE, tol = {TOLERANCE:g},\n"
        f"                          use_cpp = {use_cpp})",
        {"loglik": "answer[1]", "sigmasq": 'attr(answer, "sigmasq")', "beta": 'attr(answer, "beta")'},
        {name: f"answer${name}" for name in ("hsq", "loglik", "sigmasq", "beta")})


CALLS: dict[str, Calls] = {
    "lmmlite-r": _lmmlite("FALSE"),
    "lmmlite-cpp": _lmmlite("TRUE"),
    "r-reference": Calls(
        "rotated <- lmmreference::eigen_rotation(K, y, X, WEIGHTS)",
        "answer <- lmmreference::log_likelihood(HSQ, rotated, REML, 1)",
        "answer <- lmmreference::fit_lmm(y, K, X, WEIGHTS, REML)",
        {name: f"answer${name}" for name in ("loglik", "sigmasq", "beta")},
        {name: f"answer${name}" for name in ("hsq", "loglik", "sigmasq", "beta")}),
    "qtl2": Calls(
        "",
        "root <- qtl2:::sqrt_weights(WEIGHTS)\n"
        "Ke <- qtl2::decomp_kinship(qtl2:::weight_kinship(qtl2:::double_kinship(K), root))\n"
        "answer <- qtl2:::Rcpp_calcLL_mat(HSQ, Ke$values, Ke$vectors %*% qtl2:::weight_matrix(y, root),\n"
        "                                 Ke$vectors %*% qtl2:::weight_matrix(X, root), REML)",
        "# est_herit adds an intercept: the column that it replaces is left out\n"
        "part <- qr.coef(qr(X), rep(1, nrow(X)))*sqrt(colSums(X^2))\n"
        "addcovar <- if (ncol(X) > 1) X[, -which.max(abs(part)), drop = FALSE]\n"
        f"answer <- qtl2::est_herit(y, K, addcovar, weights = WEIGHTS, reml = REML, tol = {TOLERANCE:g})",
        {"loglik": "answer[1]"},
        {"hsq": "answer[1]", "loglik": 'attr(answer, "log10lik")', "sigmasq": 'attr(answer, "resid_sd")^2'}),
}


def value_call(engine: str, quantity: str, reml: bool, weights: bool, hsq: float | None, coefficient: int = 0) -> str:
    """R code that assigns `found`: a quantity at hsq (under the engine's own multiple of K), or at its own ĥ (None)."""
    calls = CALLS[engine]
    ask, parts = (calls.optimum, calls.optimum_parts) if hsq is None else (calls.at_hsq, calls.at_hsq_parts)
    part = parts[quantity] + (f"[{coefficient + 1}]" if quantity == "beta" else "")
    code = f"{calls.prepare}\n{ask}\nfound <- as.numeric({part})\n".lstrip("\n")
    for name, value in (("HSQ", "" if hsq is None else f"{hsq:.17g}"), ("REML", "TRUE" if reml else "FALSE"),
                        ("WEIGHTS", "weights" if weights else "NULL")):
        code = code.replace(name, value)
    return code


def python_function_call(target: str, quantity: str, reml: bool, weights: bool, hsq: float | None, coefficient: int = 0) -> str:
    """Python code that assigns `found`: a quantity that "module:function" gives, from plain arrays y (n, 1), X, K, weights."""
    module, _, name = target.partition(":")
    given = ("" if hsq is None else f", hsq={hsq:.17g}") + (", weights=weights" if weights else "")
    return (f'answer = importlib.import_module("{module}").{name}(y[:, 0], X, K, {reml}{given})\n'
            f'found = answer.{quantity} if hasattr(answer, "{quantity}") else answer["{quantity}"]\n'
            f"found = float(np.ravel(found)[{coefficient}])\n")


def r_function_call(code: str, quantity: str, reml: bool, weights: bool, hsq: float | None, coefficient: int = 0) -> str:
    """R code that assigns `found`: a quantity that a function, given as code, gives."""
    given = ("" if hsq is None else f", hsq = {hsq:.17g}") + (", weights = weights" if weights else "")
    return (f"f <- {{\n{code}\n}}\nanswer <- as.list(f(y[, 1], X, K, {'TRUE' if reml else 'FALSE'}{given}))\n"
            f'found <- as.numeric(answer[["{quantity}"]])[{coefficient + 1}]\n')


def scan_call(arguments: list[str], reml: bool, hsq: float | None, position: str) -> str:
    """R code that assigns `observed`: the LOD score of qtl2's scan1 at a position, with the named arguments at hand."""
    given = "".join(f", {name} = {name}" for name in arguments)
    at = "" if hsq is None else f", hsq = matrix({hsq:.17g})"
    criterion = "TRUE" if reml else "FALSE"
    return f"observed <- qtl2::scan1(genoprobs, pheno{given}{at}, reml = {criterion})[{r_text(position)}, 1]\n"


def r_text(text: str) -> str:
    """A text as R code."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
