"""Scans of random data, small and of any shape; imported by the processes that tests start, too."""
import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.qtl2 import Genoprobs, calc_kinship
from lmmbridge.qtl2.genoprobs import DIMS

ON_X = "X"


def scan_of(kinship, phenotypes=6, individuals=40, positions=12, missing=True, seed=1):
    """Arguments of scan1 for chromosomes 1, 2 and X; kinship is "none", "overall" or "loco"."""
    rng, ids = np.random.default_rng(seed), [f"i{i}" for i in range(individuals)]
    arrays = {chromosome: xr.DataArray(
        rng.dirichlet(np.full(3, 0.3), size=(individuals, positions)).transpose(0, 2, 1), dims=DIMS,
        coords={"individual": ids, "genotype": list("ABC"), "position": [f"c{chromosome}.{i}" for i in range(positions)]})
        for chromosome in ("1", "2", ON_X)}
    probs = Genoprobs(arrays, {ON_X: True}, alleleprobs=True)
    Y = rng.normal(size=(individuals, phenotypes)) + 2.0 * arrays["1"].values[:, 0, :phenotypes % positions].sum(axis=1)[:, None]
    if missing:
        Y[:3, 0] = Y[7, 1] = np.nan
    covar = pd.DataFrame(rng.normal(size=(individuals, 2)), ids, ["age", "sex"])
    K = None if kinship == "none" else calc_kinship(probs, kinship, quiet=True)
    return {"genoprobs": probs, "pheno": pd.DataFrame(Y, ids, [f"y{i}" for i in range(phenotypes)]), "kinship": K,
            "addcovar": covar[["age"]], "Xcovar": covar[["sex"]]}
