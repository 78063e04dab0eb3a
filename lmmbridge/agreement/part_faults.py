"""Faults of R/qtl2's single-trait functions, computed by us: what an answer would be if the stated fault were all that is wrong.

Each of `FAULTS` belongs to an entry of the register and a function, and gives that function's result under the fault. Where parts
of R's answer are those, the register's entry is why they differ from the right ones.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.lmm.blup import blup
from lmmbridge.lmm.effects import effects
from lmmbridge.qtl2 import Fit1, Scan1Coef
from lmmbridge.qtl2.coefficients import zero_sum
from lmmbridge.qtl2.fit1 import fixed_effects
from lmmbridge.qtl2.single_trait import SingleTrait, contrast_matrix, single_trait

#: Signs of eigenvectors are tried for up to so many genotypes.
MOST_GENOTYPES = 8


def interaction_weights(name: str, asked: Mapping[str, Any], hsq: float | None, ours: Any, theirs: Any) -> Any:
    """Interactions multiplied by the root of the weights before the whole design is (qtl2-interaction-weights-…)."""
    if any(asked.get(part) is None for part in ("kinship", "weights", "intcovar")) or asked.get("blup"):
        return None
    trait, G, genotypes = _trait(name, asked, hsq)
    root = np.sqrt(trait.batch.weights)
    twice = replace(trait, batch=replace(trait.batch, intcovar=trait.batch.intcovar.mul(root, axis=0)))
    centre = asked.get("zerosum", True) and asked.get("contrasts") is None
    if name == "fit1":
        se = asked.get("se", True)
        var = asked.get("var", False) or (asked.get("zerosum", True) and se)
        return fixed_effects(twice, G[:, :, 0], genotypes, centre, se, var)
    X = twice.design(G)
    found = effects(twice.y, np.moveaxis(twice.whitened(X), 2, 0), np.moveaxis(X, 2, 0))
    names = twice.coefficient_names(genotypes)
    coef, errors = (pd.DataFrame(values, ours.coef.index, names) for values in (found.beta, found.se))
    if centre:
        coef, errors = zero_sum(coef, errors, len(genotypes))
    return replace(ours, coef=coef, se=errors if asked.get("se") else None)


def blup_se(name: str, asked: Mapping[str, Any], hsq: float | None, ours: Any, theirs: Any) -> Any:
    """Henderson's equations of rotated genotype columns and covariates that are not (qtl2-blup-se).

    The rotation is by the eigenvectors of ZZ', so that all rows of the rotated Z but the last k are zero. An eigenvector's sign is
    arbitrary: of all signs those are taken that come nearest to R's standard errors. Where no genotype effect is there (h = 0) the
    fault does not show.
    """
    if name == "fit1" and not asked.get("blup"):
        return None
    observed = _errors(theirs)
    if observed is None:
        return None
    trait, G, genotypes = _trait(name, asked, None)
    k = len(genotypes)
    if k > MOST_GENOTYPES:
        return None
    X = trait.whitened(trait.batch.addcovar.to_numpy())
    errors = _errors(ours).copy()
    for position in range(G.shape[2]):
        Z = trait.whitened(G[:, :, position])
        one = blup(trait.y, X, Z, asked.get("reml", True))
        h = one.maximum.hsq
        if not 0.0 < h < 1.0:
            continue
        _, s, Qt = np.linalg.svd(Z, full_matrices=False)
        rotated, last = (s[:, None] * Qt)[::-1], X[-k:]
        candidates = []
        for signs in product((1.0, -1.0), repeat=k):
            cross = rotated.T @ (np.array(signs)[:, None] * last)
            equations = np.block([[Z.T @ Z + (1.0 - h) / h * np.eye(k), cross], [cross.T, X.T @ X]])
            variances = one.sigmasq * (1.0 - h) * np.diag(np.linalg.inv(equations))
            if np.all(variances > 0.0):
                candidates.append(np.sqrt(variances))
        if candidates:
            errors[position] = min(candidates, key=lambda found: np.max(np.abs(found - observed[position])))
    if name == "fit1":
        return replace(ours, SE=pd.Series(errors[0], ours.SE.index))
    return replace(ours, se=pd.DataFrame(errors, ours.se.index, ours.se.columns))


#: By function: the register's entry and what computes its fault.
FAULTS = {"fit1": {"qtl2-interaction-weights-fit1": interaction_weights, "qtl2-blup-se": blup_se},
          "scan1coef": {"qtl2-interaction-weights-scan1coef": interaction_weights},
          "scan1blup": {"qtl2-blup-se": blup_se}}


def _errors(answer: Any) -> np.ndarray | None:
    """Standard errors, positions × coefficients, of a Scan1Coef, of a Fit1, or of R's fit1."""
    if isinstance(answer, Scan1Coef):
        return None if answer.se is None else answer.se.to_numpy()
    found = answer.SE if isinstance(answer, Fit1) else answer.get("SE")
    return None if found is None else np.atleast_2d(np.asarray(found, dtype=float))


def _trait(name: str, asked: Mapping[str, Any], hsq: float | None) -> tuple[SingleTrait, np.ndarray, list[str]]:
    """The data of the call at this hsq, genotype columns (n, k, positions), and the k names."""
    if name == "fit1":
        frame = asked["genoprobs"]
        individuals, chromosome, values = list(frame.index), None, frame.to_numpy()[:, :, None]
        genotypes = [str(column) for column in frame.columns]
    else:
        chromosome, array = next(iter(asked["genoprobs"].items()))
        individuals, values, genotypes = list(asked["genoprobs"].individuals), array.values, list(array.coords["genotype"].values)
    A, genotypes = contrast_matrix(asked.get("contrasts"), genotypes, genotypes)
    given = {part: asked.get(part) for part in ("pheno", "kinship", "addcovar", "nullcovar", "intcovar", "weights")}
    trait = single_trait(individuals, chromosome, **given, hsq=hsq, reml=asked.get("reml", True))
    rows = [individuals.index(one) for one in trait.batch.ids]
    return trait, np.einsum("igj,gc->icj", values[rows], A), genotypes
