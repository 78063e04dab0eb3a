"""Faults of R/qtl2's single-trait functions, computed by us: what an answer's parts would be if the stated fault were all that is wrong.

Each entry of `FAULTS` belongs to an entry of the register and a function; it gives some of the parts that `second_opinion`
compares, NaN where it was not computed. Where R's numbers are these, the register's entry is why they differ from the right ones.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from lmmbridge.lmm.blup import blup
from lmmbridge.lmm.effects import effects
from lmmbridge.qtl2.single_trait import SingleTrait, contrast_matrix, single_trait

#: Signs of eigenvectors are tried for up to so many genotypes.
MOST_GENOTYPES = 8


def interaction_weights(name: str, asked: Mapping[str, Any], hsq: float | None) -> Iterator[dict[str, np.ndarray]]:
    """Interactions multiplied by the root of the weights before the whole design is (qtl2-interaction-weights-…)."""
    if any(asked.get(part) is None for part in ("kinship", "weights", "intcovar")) or asked.get("blup"):
        return
    trait, G, genotypes = _trait(name, asked, hsq)
    root = np.sqrt(trait.batch.weights)
    twice = replace(trait, batch=replace(trait.batch, intcovar=trait.batch.intcovar.mul(root, axis=0)))
    X = twice.design(G)
    found = effects(twice.y, np.moveaxis(twice.whitened(X), 2, 0), np.moveaxis(X, 2, 0))
    if name == "fit1":
        basis = np.linalg.qr(trait.whitened(trait.X_null))[0]
        null_rss = np.sum((trait.y - basis @ (basis.T @ trait.y)) ** 2)
        yield {"LOD": 0.5 * len(trait.y) * np.log10(null_rss / found.rss)}
        return
    beta = found.beta
    if asked.get("zerosum", True) and asked.get("contrasts") is None:
        mean = beta[:, :genotypes].mean(axis=1, keepdims=True)
        beta = np.hstack([beta[:, :genotypes] - mean, beta[:, genotypes:], mean])
    yield {"coefficients": beta}


def blup_se(name: str, asked: Mapping[str, Any], hsq: float | None) -> Iterator[dict[str, np.ndarray]]:
    """Henderson's equations of rotated genotype columns and covariates that are not (qtl2-blup-se), at one position, NaN at others.

    The rotation is by the eigenvectors of ZZ'; all rows of the rotated Z but the last k are zero. An eigenvector's sign is
    arbitrary, and so all are tried.
    """
    if not asked.get("se", name == "fit1") or name == "fit1" and not asked.get("blup"):
        return
    trait, G, k = _trait(name, asked, hsq)
    if k > MOST_GENOTYPES:
        return
    X = trait.whitened(trait.batch.addcovar.to_numpy())
    for position in range(G.shape[2]):
        Z = trait.whitened(G[:, :, position])
        one = blup(trait.y, X, Z, asked.get("reml", True))
        h = one.maximum.hsq
        if 0.0 < h < 1.0:
            break
    else:
        return
    _, s, Qt = np.linalg.svd(Z, full_matrices=False)
    rotated, last = (s[:, None] * Qt)[::-1], X[-k:]
    for signs in product((1.0, -1.0), repeat=k):
        cross = rotated.T @ (np.array(signs)[:, None] * last)
        equations = np.block([[Z.T @ Z + (1.0 - h) / h * np.eye(k), cross], [cross.T, X.T @ X]])
        variances = one.sigmasq * (1.0 - h) * np.diag(np.linalg.inv(equations))
        if np.all(variances > 0.0):
            errors = np.full((G.shape[2], len(variances)), np.nan)
            errors[position] = np.sqrt(variances)
            yield {"standard errors": errors[0] if name == "fit1" else errors}


#: By function: the register's entry and what computes its fault.
FAULTS = {"fit1": {"qtl2-interaction-weights-fit1": interaction_weights, "qtl2-blup-se": blup_se},
          "scan1coef": {"qtl2-interaction-weights-scan1coef": interaction_weights},
          "scan1blup": {"qtl2-blup-se": blup_se}}


def _trait(name: str, asked: Mapping[str, Any], hsq: float | None) -> tuple[SingleTrait, np.ndarray, int]:
    """The data of the call at this hsq, genotype columns (n, k, positions), and k."""
    if name == "fit1":
        individuals, chromosome, values = list(asked["genoprobs"].index), None, asked["genoprobs"].to_numpy()[:, :, None]
    else:
        chromosome, array = next(iter(asked["genoprobs"].items()))
        individuals, values = list(asked["genoprobs"].individuals), array.values
    A, genotypes = contrast_matrix(asked.get("contrasts"), [str(j) for j in range(values.shape[1])], [""] * values.shape[1])
    given = {part: asked.get(part) for part in ("pheno", "kinship", "addcovar", "nullcovar", "intcovar", "weights")}
    trait = single_trait(individuals, chromosome, **given, hsq=hsq, reml=asked.get("reml", True))
    rows = [individuals.index(one) for one in trait.batch.ids]
    return trait, np.einsum("igj,gc->icj", values[rows], A), len(genotypes)
