"""The lint on kinship and genotypes of real crosses from R/qtl2 itself, and on planted faults."""
import doctest

import numpy as np
import pandas as pd
import pytest

from lmmbridge import InputError, fit_lmm
from lmmbridge import lint as module
from lmmbridge.inputs import ASYMMETRY, NEGATIVE_EIGENVALUE
from lmmbridge.lint import Finding, lines, lint
from lmmbridge.qtl2.kinship import scale_kinship
from lmmbridge.qtl2.r_objects import from_r
from lmmbridge.rlink import RLinkError, shared_session

QTL2, TWICE, CORRELATION = "on the scale of R/qtl2's", "on twice the scale of", "on the scale of a correlation"
GRM, STANDARDISED, CENTRED, NONE = "on the scale of a genomic", "standardised", "centred", "on none of the scales"


@pytest.fixture(scope="module")
def cross(shared_data):
    """cross(name): kinship overall, by LOCO, and the number of second alleles at autosomal markers; from R/qtl2."""
    made, r = {}, shared_session()
    try:
        r.eval('packageVersion("qtl2")$major')
    except RLinkError as error:
        pytest.skip(f"R with the package qtl2 is not available ({error}); run make setup")

    def of(name):
        if name not in made:
            path = (f'"{shared_data(name + ".zip")}"' if name in ("DOex", "b6btbr") else
                    f'system.file("extdata", "{name}.zip", package = "qtl2", mustWork = TRUE)')
            some = "[1:60, ]" if name == "DOex" else ""      # 36 genotypes each
            r.eval(f"probs <- qtl2::calc_genoprob(qtl2::read_cross2({path}){some}, error_prob = 0.002)")
            second = r.eval("""{
                alleles <- unclass(qtl2::genoprob_to_alleleprob(probs))
                round(2 * do.call(cbind, lapply(alleles[names(alleles) != "X"], function(p) p[, 2, ])))
            }""").value.values
            made[name] = (from_r(r.eval("qtl2::calc_kinship(probs)").value),
                          from_r(r.eval('qtl2::calc_kinship(probs, "loco")').value), second)
        return made[name]
    return of


def labelled(K):
    ids = [f"i{i}" for i in range(len(K))]
    return pd.DataFrame(K, ids, ids)


def relationship(second, how):
    """As GCTA, or GEMMA with -gk 1 or 2, define it from numbers of second alleles."""
    Z = second[:, second.std(axis=0) > 0]
    p = Z.mean(axis=0) / 2
    Z = Z - 2 * p
    Z = Z / {"GRM": np.sqrt(2 * p * (1 - p)), "standardised": Z.std(axis=0), "centred": 1.0}[how]
    return Z @ Z.T / Z.shape[1]


@pytest.fixture
def kinship():
    """A GRM of a random mating population, of full rank."""
    rng = np.random.default_rng(3)
    second = rng.binomial(2, rng.uniform(0.2, 0.5, 300), (40, 300))
    return labelled(relationship(second, "GRM") + 0.01)


def said(findings, what):
    """Severity and words about that, without what they are of."""
    return [(finding.severity, finding.sentence.split(": ", 1)[1]) for finding in findings if finding.what == what]


def assert_scale(kinship, severity, words):
    (found,) = said(lint(kinship), "scale")
    assert found[0] == severity and found[1].startswith(words), found


@pytest.mark.parametrize("name", ["iron", "grav2", "DOex", "b6btbr"])
def test_scales_of_qtl2(cross, name):
    K = cross(name)[0]
    assert_scale(K, "note", QTL2)
    assert_scale(2 * K, "warning", TWICE)
    assert_scale(scale_kinship(K), "note", CORRELATION)
    C = np.eye(len(K)) - 1.0 / len(K)
    assert_scale(labelled(C @ K.to_numpy() @ C), "note", CENTRED)


@pytest.mark.parametrize("name", ["grav2", "DOex"])
def test_scales_by_chromosome(cross, name):
    loco = cross(name)[1]
    assert_scale(loco, "note", QTL2)
    assert_scale({chromosome: 2 * matrix for chromosome, matrix in loco.items()}, "warning", TWICE)


@pytest.mark.parametrize("name, how, words", [
    ("iron", "GRM", GRM), ("grav2", "GRM", GRM), ("b6btbr", "GRM", GRM),
    ("iron", "standardised", STANDARDISED), ("grav2", "standardised", STANDARDISED),
    ("b6btbr", "standardised", STANDARDISED),
    ("iron", "centred", CENTRED), ("b6btbr", "centred", CENTRED),
])
@pytest.mark.parametrize("written", [lambda K: K, np.float32, np.vectorize(lambda k: float(f"{k:.6g}"))],
                         ids=["full", "float32", "six digits"])
def test_scales_of_relationship_matrices(cross, name, how, words, written):
    K = labelled(np.asarray(written(relationship(cross(name)[2], how)), dtype=float))
    assert_scale(K, "note", words)


def test_other_scales(kinship):
    assert_scale(kinship * 7, "note", NONE)
    assert_scale(kinship - 0.5, "note", NONE)
    assert_scale(kinship - 0.2, "note", NONE)
    assert_scale(kinship + 0.05, "note", GRM)      # allele frequencies of another population
    (found,) = said(lint(kinship * 7), "scale")
    assert f"diagonal {7 * np.diag(kinship).min():.3g} to {7 * np.diag(kinship).max():.3g}" in found[1]


def test_doubles_of_real_mice(cross):
    """Five pairs of mice of b6btbr are so alike that each must be one mouse; nobody in the other crosses is."""
    K = cross("b6btbr")[0]
    ((severity, words),) = said(lint(K), "doubles")
    correlation = scale_kinship(K).where(np.triu(np.ones(K.shape, dtype=bool), 1)).stack()
    pairs = correlation[correlation > 0.999].index
    assert severity == "warning"
    assert f"({len(pairs)} pairs;" in words
    assert all(f"{one} and {other}" in words for one, other in pairs[:3]) and words.endswith(", …)")
    for name in ("iron", "grav2", "DOex"):
        assert not said(lint(cross(name)[0]), "doubles")


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_planted_double(kinship, scale):
    K = scale * kinship
    assert not said(lint(K), "doubles")
    K.loc["i7"] = K.loc["i3"]
    K["i7"] = K["i3"]
    K.loc["i7", "i7"] = K.loc["i3", "i3"]
    K.loc["i3", "i7"] = K.loc["i7", "i3"] = 0.999 * K.loc["i3", "i3"]
    ((severity, words),) = said(lint(K), "doubles")
    assert severity == "warning" and "(1 pair; k_ij/√(k_ii k_jj) of i3 and i7: 0.9990)" in words


def test_replicated_lines_are_no_mistake(cross):
    lines_of = cross("grav2")[0].iloc[:20, :20].to_numpy()
    K = labelled(np.kron(lines_of, np.ones((2, 2))))
    ((severity, words),) = said(lint(K), "doubles")
    assert severity == "note" and words.startswith("most individuals have another") and "(20 pairs;" in words


def test_rank(cross, kinship):
    K = cross("iron")[0]
    values = np.linalg.eigvalsh(K)
    rank = int(np.sum(values > 1e-10))
    assert said(lint(K), "rank") == [("note", "not of full rank: V is singular at hsq = 1, where the likelihood falls "
                                              f"to −∞ as a rule (rank {rank} of 284)")]
    assert not said(lint(kinship), "rank")
    assert not said(lint(K), "eigenvalues")      # those at −2e-14 are zero to rounding
    C = np.eye(40) - 1.0 / 40
    centred = labelled(C @ kinship.to_numpy() @ C)
    for K in (centred, centred.round(10)):      # as computed, and as GEMMA writes it
        ((_, words),) = said(lint(K), "rank")
        assert "ML likelihood grows without bound" in words and f"and {np.linalg.eigvalsh(K)[1]:.2g})" in words
    y = pd.Series(np.random.default_rng(1).normal(size=40), kinship.index)
    assert any("bound" in note for note in fit_lmm(y, centred, reml=False).notes)


@pytest.mark.parametrize("size, severity, words", [
    (NEGATIVE_EIGENVALUE / 3, "note", "slightly negative eigenvalues"),
    (NEGATIVE_EIGENVALUE * 3, "warning", "negative eigenvalues, so no covariance matrix; fits refuse it"),
])
def test_planted_negative_eigenvalues(kinship, size, severity, words):
    values, vectors = np.linalg.eigh(kinship)
    values[:2] = [-size * values[-1], -0.5 * size * values[-1]]
    K = vectors @ (values[:, None] * vectors.T)
    K = labelled((K + K.T) / 2)
    ((found, sentence),) = said(lint(K), "eigenvalues")
    assert found == severity and sentence.startswith(words)
    assert f"(2 of 40, the smallest {values[0]:.3g}, the largest of all {values[-1]:.3g})" in sentence
    y = pd.Series(np.random.default_rng(1).normal(size=40), K.index)
    if severity == "warning":
        with pytest.raises(InputError):
            fit_lmm(y, K)
    else:
        fit_lmm(y, K)


@pytest.mark.parametrize("factor, severity, words", [(0.5, "note", "symmetric only to rounding"),
                                                     (2.0, "warning", "not symmetric; fits refuse it")])
def test_symmetry(kinship, factor, severity, words):
    assert not said(lint(kinship), "symmetry")
    K = kinship.copy()
    K.loc["i2", "i5"] += factor * ASYMMETRY * np.abs(K.to_numpy()).max()
    ((found, sentence),) = said(lint(K), "symmetry")
    assert found == severity and sentence.startswith(words) and "for ('i2', 'i5') and" in sentence


def test_diagonal(kinship):
    assert not said(lint(kinship), "diagonal")
    K = kinship.copy()
    K.loc["i4", "i4"] = -0.5
    ((severity, sentence),) = said(lint(K), "diagonal")
    assert severity == "warning" and "(i4: -0.5)" in sentence


def test_ids(kinship):
    pheno = pd.Series(np.arange(39.0), [*kinship.index[3:], "x", "y"], name="weight")
    covar = pd.DataFrame({"sex": np.arange(40) % 2}, kinship.index)[5:]
    findings = [finding for finding in lint(kinship, pheno, covar) if finding.what == "ids"]
    assert findings == [
        Finding("note", "ids", "35 individuals in all of kinship, pheno, covar (40 of kinship, 39 of pheno, 35 of "
                               "covar)"),
        Finding("note", "ids", "3 individuals of kinship not in pheno, to be left out (i0, i1, i2)"),
        Finding("note", "ids", "5 individuals of kinship not in covar, to be left out (i0, i1, i2, …)"),
        Finding("warning", "ids", "2 individuals of pheno not in kinship, to be left out (x, y)"),
        Finding("warning", "ids", "4 individuals of pheno not in covar, to be left out (i3, i4, x, …)"),
    ]
    fit = fit_lmm(pheno, kinship, covar)
    assert fit.n == 35
    ((severity, _),) = [(finding.severity, finding.what) for finding in lint(kinship, pheno.rename("M{}".format))
                        if finding.what == "ids"]
    assert severity == "warning"
    assert "no individual is in all of kinship, pheno" in lines(lint(kinship, pheno.rename("M{}".format)))[0]


def test_phenotypes(kinship):
    rng = np.random.default_rng(5)
    pheno = pd.DataFrame({"good": rng.normal(size=40), "constant": 3.0, "binary": np.arange(40) % 2,
                          "rare": rng.normal(size=40), "few": rng.normal(size=40)}, kinship.index)
    pheno.loc["i0":"i24", "rare"] = np.nan
    pheno.loc["i0":"i14", "few"] = np.nan
    findings = [finding for finding in lint(kinship, pheno) if finding.what == "phenotype"]
    assert findings == [
        Finding("warning", "phenotype", "phenotype 'constant': constant, so there is nothing to explain; fits refuse "
                                        "it (3 for all 40)"),
        Finding("note", "phenotype", "phenotype 'binary': binary: a linear model takes its two values as numbers, and "
                                     "hsq is not that of the liability (0: 20, 1: 20)"),
        Finding("warning", "phenotype", "phenotype 'rare': missing for most individuals (25 of 40)"),
        Finding("warning", "phenotype", "2 of 5 phenotypes (rare, few): fewer than 30 individuals with a value, too "
                                        "few for the interval and the tests of hsq to be relied on (rare: 15)"),
    ]
    assert not [finding for finding in lint(kinship, pheno[["good"]]) if finding.what == "phenotype"]
    # who is not in the kinship does not count
    ((_, words),) = said(lint(kinship.iloc[:35, :35], pheno[["binary"]]), "phenotype")
    assert words.endswith("(0: 18, 1: 17)")


def test_every_chromosome_is_looked_at(cross):
    loco = dict(cross("iron")[1])
    quiet = lint(loco)
    assert [finding.what for finding in quiet] == ["scale", "rank"] or said(quiet, "doubles")
    assert quiet[0].sentence.startswith("kinship of 20 of 20 chromosomes (1, 2, 3, …): on the scale of R/qtl2's")
    assert "(1: diagonal " in quiet[0].sentence
    loco["7"] = 2 * loco["7"]
    (warning,) = [finding for finding in lint(loco) if finding.what == "scale" and finding.severity == "warning"]
    assert warning.sentence.startswith("kinship of chromosome '7': on twice the scale")


def test_size(monkeypatch, kinship):
    assert not said(lint(kinship), "size")
    monkeypatch.setattr(module, "SLOW_DENSE", 39)
    (finding,) = [finding for finding in lint(kinship) if finding.what == "size"]
    assert finding == Finding("note", "size", "40 individuals: the dense engine takes minutes for each case; leave it "
                                              "out unless that is wanted")


def test_lines_give_warnings_first():
    findings = [Finding("note", "a", "first."), Finding("warning", "b", "second."), Finding("note", "c", "third.")]
    assert lines(findings) == ["warning: second.", "note: first.", "note: third."]


def test_nothing_is_changed(kinship):
    kinship.attrs["n_pos"] = 3
    pheno = pd.DataFrame({"a": np.arange(40) % 2}, kinship.index)
    before = kinship.copy(), pheno.copy()
    lint(kinship, pheno, pheno)
    pd.testing.assert_frame_equal(kinship, before[0])
    pd.testing.assert_frame_equal(pheno, before[1])
    assert kinship.attrs == {"n_pos": 3}


def test_what_is_no_kinship_is_refused(kinship):
    with pytest.raises(InputError, match="40 rows and 39 columns: it must be square"):
        lint(kinship.iloc[:, 1:])
    with pytest.raises(InputError, match="kinship of chromosome '3': inf for individual 'i0'"):
        lint({"3": kinship.mask(kinship == kinship.iloc[0, 0], np.inf)})
    with pytest.raises(InputError, match="column 'a' holds text"):
        lint(kinship, pd.DataFrame({"a": ["x"] * 40}, kinship.index))
    with pytest.raises(InputError, match="no chromosome"):
        lint({})


def test_examples():
    assert doctest.testmod(module).failed == 0
