"""GEMMA beside our own core, to the digits that it prints, and what is said when it fails."""
import stat

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lmmbridge import InputError, lmm
from lmmbridge.engines import EngineFailure, gemma


@pytest.fixture(scope="module")
def problem():
    """y, K (not centred), covariates with the intercept, and genotypes as a DataFrame."""
    rng = np.random.default_rng(4)
    n = 80
    Z = rng.normal(size=(n, 160)) * 0.97 ** np.arange(160)
    K = Z @ Z.T / 16 + 0.4
    G = pd.DataFrame(rng.binomial(2, 0.4, (n, 12)).astype(float), columns=[f"rs{i}, odd" for i in range(12)])
    y = Z @ rng.normal(size=160) / 4 + rng.normal(size=n) + 0.4 * G.iloc[:, 3].to_numpy()
    return y, K, np.column_stack([np.ones(n), rng.normal(size=n)]), G


@pytest.fixture(scope="module")
def answers(problem):
    there = gemma.availability()
    if there.version is None:
        pytest.skip(f"gemma is not available: {there.remedy}")
    y, K, X, G = problem
    return {mode: gemma.associations(y, G, K, X, mode) for mode in (1, 2, 4)}


def own(y, K, X, g, reml):
    """Our maximum and the fit at it."""
    rotated, = lmm.rotate(lmm.eigen_decomposition(K), y[:, None], X if g is None else np.column_stack([X, g]))
    maximum = lmm.estimate_hsq(rotated, reml)
    return maximum, lmm.least_squares(rotated, maximum.bounded[0])


def centred(K):
    return K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()


def inside(table, name):
    """The markers whose λ is not at an end of GEMMA's range."""
    markers = table.index[(table[name] > 1e-4) & (table[name] < 1e4)]
    assert len(markers) >= 6
    return markers


def test_reml_and_wald_test_are_ours(problem, answers, tolerance):
    y, K, X, G = problem
    printed, search = tolerance("gemma_loglik"), tolerance("gemma_search")
    table = answers[1].table
    assert list(table.index) == list(G.columns)
    for matrix in (K, centred(K)):      # GEMMA centres K, and REML does not notice
        for marker in inside(table, "l_remle"):
            maximum, fit = own(y, matrix, X, G[marker], reml=True)
            row, df = table.loc[marker], len(y) - 3
            se = np.sqrt(fit.rss / df * fit.XtViX_inverse[2, 2])
            np.testing.assert_allclose(row.l_remle, maximum.hsq / (1 - maximum.hsq), rtol=search)
            np.testing.assert_allclose(row.hsq_remle, maximum.hsq, rtol=search)
            np.testing.assert_allclose(row.logl_H1, maximum.loglik, rtol=printed)
            np.testing.assert_allclose([row.beta, row.se], [fit.beta[2], se], rtol=search, atol=search * se)
            np.testing.assert_allclose(row.p_wald, stats.f.sf((fit.beta[2] / se) ** 2, 1, df), rtol=search)


def test_ml_and_likelihood_ratio_test_are_ours_with_the_kinship_centred(problem, answers, tolerance):
    y, K, X, G = problem
    printed, search = tolerance("gemma_loglik"), tolerance("gemma_search")
    table = answers[2].table
    null = own(y, centred(K), X, None, reml=False)[0].bounded[1]
    differs = False
    for marker in inside(table, "l_mle"):
        hsq, loglik = own(y, centred(K), X, G[marker], reml=False)[0].bounded
        row = table.loc[marker]
        np.testing.assert_allclose(row.l_mle, hsq / (1 - hsq), rtol=search)
        np.testing.assert_allclose(row.logl_H1, loglik, rtol=printed)
        np.testing.assert_allclose(row.p_lrt, stats.chi2.sf(2 * (loglik - null), 1), rtol=search)
        differs |= abs(own(y, K, X, G[marker], reml=False)[0].loglik - loglik) > 0.01
    assert differs      # with K as given the likelihood is another


def test_mode_4_is_both(answers):
    for name in ("l_remle", "p_wald", "beta", "se"):
        pd.testing.assert_series_equal(answers[4].table[name], answers[1].table[name])
    for name in ("l_mle", "p_lrt", "logl_H1"):
        pd.testing.assert_series_equal(answers[4].table[name], answers[2].table[name])
    assert "p_score" in answers[4].table


def test_times_and_version(answers):
    for found in answers.values():
        times = found.times
        assert 0.0 <= times.UtX and 0.0 < times.optimization < times.total < times.wall + 1.0
        assert found.version == gemma.availability().version and found.version in found.log


def test_rare_markers_are_kept_and_lost_ones_are_named(problem, answers, tolerance):
    y, K, X, G = problem
    rare = np.zeros(len(y))
    rare[0] = 1.0
    G = pd.DataFrame({"rare": rare, "large": 7.5 + 3.0 * G.iloc[:, 0], "constant": 1.0, "covariate": X[:, 1]})
    found = gemma.associations(y, G, K, X)
    assert found.table["p_wald"].notna().to_dict() == {"rare": True, "large": True, "constant": False, "covariate": False}
    np.testing.assert_allclose(found.table.loc["large", "p_wald"], answers[1].table["p_wald"].iloc[0],
                               rtol=tolerance("gemma_search"))
    note, = found.notes
    assert note.startswith("GEMMA left out 2 of 4 markers") and "m2, m3" in note
    assert not answers[1].notes


def script(folder, lines):
    path = folder / "program"
    path.write_text("#!/bin/sh\n" + lines, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize("lines, timeout, words", [
    ("echo begun; echo 'out of luck' >&2; exit 3", 60.0, "gemma ended with status 3: out of luck"),
    ("exit 1", 60.0, "gemma ended with status 1: it printed nothing"),
    ("echo here; kill -SEGV $$", 60.0, "gemma was ended by signal 11 .*: here"),
    ("[ \"$1\" = -h ] && exit; printf '10%%\\r20%%\\n'; sleep 100", 1.0, "gemma took more than 1 seconds and was ended: 20%"),
    ("echo done", 60.0, "gemma wrote no results that can be read .*: done"),
])
def test_failures_are_told_with_the_last_line(problem, tmp_path, lines, timeout, words):
    y, K, X, G = problem
    with pytest.raises(EngineFailure, match=words):
        gemma.associations(y, G, K, X, timeout=timeout, program=script(tmp_path, lines))


def test_a_program_that_is_not_there_or_another(tmp_path, problem):
    y, K, X, G = problem
    assert gemma.availability(str(tmp_path / "none")).version is None
    other = gemma.availability(script(tmp_path, "echo hello"))
    assert other.version is None and "does not say that it is GEMMA; apt-get install gemma" in other.remedy
    with pytest.raises(EngineFailure, match="there is no program"):
        gemma.associations(y, G, K, X, program=str(tmp_path / "none"))


def test_bad_input_is_refused_with_a_sentence(problem):
    y, K, X, G = problem
    missing = y.copy()
    missing[5] = np.nan
    order = pd.Series(y, np.arange(len(y))[::-1])
    for arguments, sentence in [
            ((missing, G, K, X), r"pheno has a value that is missing or not finite, at \(5\)"),
            ((y, G, K[:, 1:], X), r"kinship has the shape \(80, 79\): pheno has 80 individuals"),
            ((y, G.iloc[1:], K, X), r"genotypes has the shape \(79, 12\)"),
            ((y, G, K, X[:, 1:]), "covariates has no column of ones"),
            ((["a"] * 80, G, K, X), "pheno is not numeric"),
            ((y[:, None], G, K, X), r"pheno has the shape \(80, 1\): give 1 dimension"),
            ((order, G, K, X), "genotypes has other individuals than pheno, or another order"),
            ((y, G, K, X, 7), "mode is 7")]:
        with pytest.raises(InputError, match=sentence):
            gemma.associations(*arguments)
