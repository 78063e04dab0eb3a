"""A genome scan posed in another way, and what its answers must then be.

A change is a function of (draw, case), `draw` being hypothesis's, that returns the case with its `change`; some first
make the case one to which the change applies.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import strategies as st

from lmmbridge.qtl2 import Genoprobs
from lmmbridge.testing.changes import UNITS
from lmmbridge.testing.scan_cases import ScanCase, ScanChange, Tables

Draw = Callable
#: Scales of kinship and weights: with others hsq comes too near to an end of its range.
SCALES = st.sampled_from([2.0, 0.5, 3.0, 0.1, 10.0])


def order(draw: Draw, case: ScanCase) -> ScanCase:
    """Individuals in another order, not the same in all inputs."""
    ids = case.data.genoprobs.individuals
    i = np.array(draw(st.permutations(range(len(ids)))))
    there = [ids[j] for j in i]
    moved = case.by_individual(lambda frame: frame.loc[[name for name in there if name in frame.index]],
                               lambda K: K.loc[there, there])
    by = {name: draw(st.integers(0, 2)) for name in ("pheno", "addcovar", "intcovar", "Xcovar", "weights", "kinship")}

    def rolled(name: str, values):
        if isinstance(values, dict):
            return {chromosome: rolled(name, matrix) for chromosome, matrix in values.items()}
        j = np.roll(np.arange(len(values)), by[name])
        return values.iloc[j, j] if name == "kinship" else values.iloc[j]

    parts = {name: rolled(name, getattr(moved.data, name)) for name in by if getattr(moved.data, name) is not None}
    words = f"individuals in the order {i.tolist()}" + "".join(
        f", those of {name} moved by {by[name]}" for name in parts if by[name])
    return replace(case, change=ScanChange(moved.with_data(**parts), words))


def missing(draw: Draw, case: ScanCase) -> ScanCase:
    """Individuals that lack something in one of the inputs, and the same without them."""
    data, ids = case.data, case.data.genoprobs.individuals
    where = ["pheno", "genoprobs", *(name for name in ("addcovar", "intcovar", "weights", "kinship")
                                     if getattr(data, name) is not None)]
    lacking = draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(where), min_size=1,
                                   max_size=max(1, len(ids) // 5)))
    kept = [name for name in ids if name not in lacking]

    def only_kept(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.loc[[name for name in frame.index if name in kept]]

    without = case.by_individual(only_kept, lambda K: K.loc[kept, kept])

    def without_those(name: str) -> list[str]:
        return [i for i in ids if lacking.get(i) != name]

    parts: dict = {"genoprobs": data.genoprobs.subset(ind=without_those("genoprobs"))}
    for name in ("pheno", "addcovar", "intcovar", "weights"):
        values = getattr(data, name)
        if values is not None:
            parts[name] = values.copy()
            parts[name].loc[[i for i in lacking if lacking[i] == name]] = np.nan
    if data.kinship is not None:
        have = without_those("kinship")
        parts["kinship"] = data.kinship.loc[have, have] if isinstance(data.kinship, pd.DataFrame) else {
            name: K.loc[have, have] for name, K in data.kinship.items()}
    words = "without those that lack something: " + ", ".join(f"{i} in {name}" for i, name in lacking.items())
    return replace(case.with_data(**parts), change=ScanChange(without, words))


def kinship_scale(draw: Draw, case: ScanCase) -> ScanCase:
    """K → aK, h → h/(h + a(1−h))."""
    a, kinship = draw(SCALES), case.data.kinship
    scaled = a * kinship if isinstance(kinship, pd.DataFrame) else {name: a * K for name, K in kinship.items()}
    return _other_hsq(case, case.with_data(kinship=scaled), a, f"K → {a:g} K")


def weights_scale(draw: Draw, case: ScanCase) -> ScanCase:
    """w → cw, h → h/(h + c(1−h)); no weights are weights of 1."""
    c, ids = draw(SCALES), case.data.genoprobs.individuals
    weights = pd.Series(1.0, list(ids)) if case.data.weights is None else case.data.weights
    return _other_hsq(case, case.with_data(weights=c * weights), c, f"w → {c:g} w")


def _other_hsq(case: ScanCase, scaled: ScanCase, a: float, words: str) -> ScanCase:
    def other(h):
        return h / (h + a * (1.0 - h))

    scaled = replace(scaled, hsq=None if case.hsq is None else other(case.hsq))
    return replace(case, change=ScanChange(scaled, words, lambda tables: {
        name: other(table) if name == "hsq" else table for name, table in tables.items()}, as_well=False))


def phenotype(draw: Draw, case: ScanCase) -> ScanCase:
    """y → ay + Xb: LOD stays, coefficients → a · coefficients + b, standard errors → |a| · standard errors."""
    data = case.data
    a = draw(UNITS) * draw(st.sampled_from([1.0, -1.0]))
    size = float(np.nanmax(np.abs(a * data.pheno.to_numpy())))
    names = [] if data.addcovar is None else list(data.addcovar.columns)
    b = {name: draw(st.integers(-3, 3)) * size / float(np.nanmax(np.abs(data.addcovar[name]))) for name in names}
    b["intercept"] = draw(st.integers(-3, 3)) * size
    shift = b["intercept"] + sum(b[name] * data.addcovar[name] for name in names)
    pheno = (a * data.pheno).add(shift, axis=0).loc[data.pheno.index] if names else a * data.pheno + shift

    def answers(tables: Tables) -> Tables:
        change = {"coef": lambda table: a * table + pd.Series({name: b.get(name, 0.0) for name in table.columns}),
                  "SE": lambda table: abs(a) * table}
        return {name: change[name](table) if name in change else table for name, table in tables.items()}

    words = f"y → {a:g} y + " + " + ".join(f"{value:g} {name}" for name, value in b.items())
    return replace(case, change=ScanChange(case.with_data(pheno=pheno), words, answers, as_well=False))


def covariates(draw: Draw, case: ScanCase) -> ScanCase:
    """Covariates → their combinations with each other and the constant: LOD, hsq and the genotypes' effects stay."""
    X = case.data.addcovar
    p = X.shape[1]
    A = np.eye(p)
    A[np.triu_indices(p, 1)] = draw(st.lists(st.integers(-2, 2), min_size=p * (p - 1) // 2, max_size=p * (p - 1) // 2))
    A *= draw(st.sampled_from([1.0, -2.0]))
    shift = draw(st.lists(st.integers(-2, 2), min_size=p, max_size=p))
    other = pd.DataFrame(X.to_numpy() @ A + np.array(shift), X.index, X.columns)
    words = f"addcovar → addcovar {A.tolist()} + {shift}"
    return replace(case, change=ScanChange(case.with_data(addcovar=other), words, _effects_of(case), as_well=False))


def dependent_last(draw: Draw, case: ScanCase) -> ScanCase:
    """One more column of addcovar, that depends on the others: LOD, hsq and the genotypes' effects stay."""
    column, words = _dependent(draw, case)
    addcovar = column if case.data.addcovar is None else pd.concat([case.data.addcovar, column], axis=1)
    return replace(case, change=ScanChange(case.with_data(addcovar=addcovar), words, _effects_of(case)))


def dependent_first(draw: Draw, case: ScanCase) -> ScanCase:
    """The same, but the column comes before the others."""
    column, words = _dependent(draw, case)
    addcovar = pd.concat([column, case.data.addcovar], axis=1)
    return replace(case, change=ScanChange(case.with_data(addcovar=addcovar), f"{words} (in front)", _effects_of(case)))


def _dependent(draw: Draw, case: ScanCase) -> tuple[pd.DataFrame, str]:
    """A combination of the constant and the covariates, and what it is."""
    ids = list(case.data.genoprobs.individuals)
    columns = {"intercept": pd.Series(1.0, ids)}
    for frame in (case.data.addcovar, case.data.intcovar):
        columns.update({} if frame is None else frame)
    times = draw(st.lists(st.integers(-2, 2), min_size=len(columns), max_size=len(columns)))
    times[0] += not any(times)
    words = " + ".join(f"{c:g} {name}" for c, name in zip(times, columns) if c)
    return sum(c * column for c, column in zip(times, columns.values())).to_frame("dependent"), \
        f"addcovar with one more column, {words}"


def _effects_of(case: ScanCase) -> Callable[[Tables], Tables]:
    """LOD, hsq, and of coefficients those of the genotypes."""
    genotypes = list(case.data.genoprobs[case.chromosome].coords["genotype"].values)
    return lambda tables: {name: table[genotypes] if name in ("coef", "SE") else table
                           for name, table in tables.items()}


def genotype_order(draw: Draw, case: ScanCase) -> ScanCase:
    """Genotypes in another order: LOD, hsq and the effect of each genotype stay."""
    probs, chosen = case.data.genoprobs, {}
    for chromosome, array in probs.items():
        chosen[chromosome] = array.isel(genotype=draw(st.permutations(range(array.sizes["genotype"]))))
    other = Genoprobs(chosen, probs.is_x_chr, probs.crosstype, None, probs.alleleprobs)
    words = "genotypes in the order " + ", ".join(chosen[case.chromosome].coords["genotype"].values)
    return replace(case, change=ScanChange(case.with_data(genoprobs=other), words, _effects_of(case)))


def rotation(draw: Draw, case: ScanCase) -> ScanCase:
    """Everything times an orthogonal O that leaves the constant as it is (so that probabilities sum to 1), no weights.

    The probabilities are drawn together first, so that they stay probabilities.
    """
    ids = list(case.data.genoprobs.individuals)
    n = len(ids)
    O = np.eye(n)
    for _ in range(draw(st.integers(1, 2))):
        v = np.array(draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), dtype=float)
        v[0] += 0.5     # never all equal
        v -= np.mean(v)
        O -= np.outer(O @ v, v) * (2.0 / (v @ v))

    def rotated(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(O @ frame.loc[ids].to_numpy(), ids, frame.columns)

    def square(K: pd.DataFrame) -> pd.DataFrame:
        values = O @ K.loc[ids, ids].to_numpy() @ O.T
        return pd.DataFrame((values + values.T) / 2.0, ids, ids)

    arrays = {}
    for chromosome, array in case.data.genoprobs.items():
        k = array.sizes["genotype"]
        away = array.values - 1.0 / k
        furthest = k * np.max(np.abs(np.tensordot(O, away, axes=1)))
        arrays[chromosome] = xr.DataArray(1.0 / k + away / max(1.0, 1.01 * furthest), array.coords, array.dims)
    probs = case.data.genoprobs
    probs = Genoprobs(arrays, probs.is_x_chr, probs.crosstype, probs.alleles, probs.alleleprobs)
    base = case.with_data(genoprobs=probs)
    change = ScanChange(base.by_individual(rotated, square), "everything rotated by an orthogonal O")
    return replace(base, change=change)


def no_structure(draw: Draw, case: ScanCase) -> ScanCase:
    """A kinship of cW⁻¹ is no kinship."""
    ids = list(case.data.genoprobs.individuals)
    noise = np.ones(len(ids)) if case.data.weights is None else 1.0 / case.data.weights.loc[ids].to_numpy()
    c = draw(UNITS)
    base = case.with_data(kinship=pd.DataFrame(c * np.diag(noise), ids, ids))
    return replace(base, change=_without_kinship(base, f"a kinship of {c:g} W⁻¹ left out"))


def hsq_of_zero(draw: Draw, case: ScanCase) -> ScanCase:
    """At hsq = 0 a kinship is none."""
    base = replace(case, hsq=0.0)
    return replace(base, change=_without_kinship(base, "hsq = 0, and no kinship"))


def _without_kinship(case: ScanCase, words: str) -> ScanChange:
    without = replace(case.with_data(kinship=None), hsq=None)
    return ScanChange(without, words, lambda tables: {name: table for name, table in tables.items() if name != "hsq"})


def copies(draw: Draw, case: ScanCase) -> ScanCase:
    """Everybody and an independent copy: LOD doubles, coefficients stay; for standard errors see the code."""
    base = case if case.data.kinship is None or case.hsq is not None else replace(case, hsq=0.5)

    def square(K: pd.DataFrame) -> pd.DataFrame:
        names = _twice(K.index)
        return pd.DataFrame(np.kron(np.eye(2), K.to_numpy()), names, names)

    twice = base.by_individual(lambda frame: frame.loc[list(frame.index) * 2].set_axis(_twice(frame.index)), square)
    n = len(base.data.genoprobs.individuals)

    def answers(tables: Tables) -> Tables:
        # of the coefficients "intercept" stands for the mean of the genotypes
        p = tables["coef"].shape[1] - 1 if "coef" in tables else 0
        factor = {"lod": 2.0, "SE": np.sqrt((n - p) / (2 * n - p))}
        return {name: factor.get(name, 1.0) * table for name, table in tables.items()}

    return replace(base, change=ScanChange(twice, "everybody twice, independently", answers))


def _twice(names) -> list[str]:
    return [f"{name}{suffix}" for suffix in ("a", "b") for name in names]


def equal_loco(draw: Draw, case: ScanCase) -> ScanCase:
    """The same kinship for each chromosome."""
    loco = case.with_data(kinship=dict.fromkeys(case.data.genoprobs, case.data.kinship))
    return replace(case, change=ScanChange(loco, "the kinship given for each chromosome", lambda tables: {
        name: table for name, table in tables.items() if name != "hsq"}))


def chromosome_alone(draw: Draw, case: ScanCase) -> ScanCase:
    """One chromosome without the others."""
    data, name = case.data, case.chromosome
    kinship = {name: data.kinship[name]} if isinstance(data.kinship, dict) else data.kinship
    alone = case.with_data(genoprobs=data.genoprobs.subset(chr=[name]), kinship=kinship)
    positions = list(data.genoprobs[name].coords["position"].values)
    return replace(case, change=ScanChange(alone, f"chromosome {name} alone",
                                           lambda tables: {"lod": tables["lod"].loc[positions]}))


def known_qtl(draw: Draw, case: ScanCase) -> ScanCase:
    """The QTL of one position among the covariates: LOD is 0 there."""
    data = case.data
    G = data.genoprobs[case.chromosome].sel(position=case.position)
    ids = list(data.genoprobs.individuals)
    columns = pd.DataFrame(G.values[:, 1:], ids, [f"q{name}" for name in G.coords["genotype"].values[1:]])
    interactions = [] if data.intcovar is None else [columns.mul(z, axis=0).add_suffix(f":{name}")
                                                     for name, z in data.intcovar.items()]
    frames = [frame for frame in (data.addcovar, columns, *interactions) if frame is not None]
    zero = pd.DataFrame(0.0, [case.position], data.pheno.columns)
    known = case.with_data(addcovar=pd.concat(frames, axis=1))
    words = f"the QTL at {case.position} among the covariates"
    return replace(case, change=ScanChange(known, words, lambda tables: {"lod": zero}, as_well=False))


def merged_genotypes(draw: Draw, case: ScanCase) -> ScanCase:
    """The first two genotypes taken together: LOD is not larger, at the same hsq."""
    base = case if case.data.kinship is None or case.hsq is not None else replace(case, hsq=0.5)
    probs, arrays = base.data.genoprobs, {}
    for chromosome, array in probs.items():
        values = np.concatenate([array.values[:, :1] + array.values[:, 1:2], array.values[:, 2:]], axis=1)
        arrays[chromosome] = xr.DataArray(values, dims=array.dims, coords={
            **{dim: array.coords[dim].values for dim in ("individual", "position")},
            "genotype": [f"g{j}" for j in range(values.shape[1])]})
    merged = base.with_data(genoprobs=Genoprobs(arrays, probs.is_x_chr, probs.crosstype))
    return replace(base, change=ScanChange(merged, "the first two genotypes taken together", as_well=False))


def without_interaction(draw: Draw, case: ScanCase) -> ScanCase:
    """Interacting covariates additive alone: LOD is not larger, at the same hsq."""
    base = case if case.data.kinship is None or case.hsq is not None else replace(case, hsq=0.5)
    data = base.data
    known = [] if data.addcovar is None else list(data.addcovar.columns)
    frames = [frame for frame in (data.addcovar, data.intcovar[[name for name in data.intcovar if name not in known]])
              if frame is not None]
    additive = base.with_data(addcovar=pd.concat(frames, axis=1), intcovar=None)
    return replace(base, change=ScanChange(additive, "without the interaction", as_well=False))


def same(draw: Draw, case: ScanCase) -> ScanCase:
    """Nothing changed; what is asked is another thing."""
    return replace(case, change=ScanChange(case, "asked in another way"))
