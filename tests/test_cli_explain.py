"""`lmmbridge explain`: two numbers for one problem, in words and as JSON, with a status a script can use."""
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from lmmbridge import fit_lmm
from lmmbridge.cli import main


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Files of 60 individuals, two phenotypes (one with missing values), a covariate, weights; and the fits."""
    folder = tmp_path_factory.mktemp("explain")
    rng = np.random.default_rng(5)
    ids = [f"m{i}" for i in range(60)]
    G = rng.normal(size=(60, 90))
    kinship = pd.DataFrame(G @ G.T / 90, ids, ids)
    liver = G @ rng.normal(size=90) / 7 + rng.normal(size=60)
    pheno = pd.DataFrame({"liver": liver, "spleen": rng.normal(size=60)}, ids)
    pheno.iloc[[4, 9], 0] = np.nan
    covar = pd.DataFrame({"sex": np.arange(60) % 2}, ids)
    weights = pd.DataFrame({"weights": rng.choice([0.5, 1.0, 2.0], 60)}, ids)
    for name, frame in (("kinship", kinship), ("pheno", pheno), ("covar", covar), ("weights", weights)):
        frame.to_csv(folder / f"{name}.csv", index_label="id")

    def fit(**other):
        K = other.pop("multiple", 1) * kinship
        return fit_lmm(pheno["liver"], K, covar, **other)
    return folder, fit, weights["weights"]


def explain(folder, *arguments):
    files = [f"--{name}={folder / name}.csv" for name in ("pheno", "kinship", "covar")]
    return CliRunner(mix_stderr=False).invoke(main, ["explain", *files, "--column=liver", *map(str, arguments)])


def test_k_doubled(problem):
    folder, fit, _ = problem
    done = explain(folder, "--quantity", "hsq", fit().hsq, fit(multiple=2).hsq)
    assert done.exit_code == 0, done.stderr
    assert "explained by" in done.stdout
    assert "K doubled" in done.stdout
    assert "2 individuals with a missing value of liver, left out (m4, m9)" in done.stderr


def test_negative_numbers_written_with_few_digits(problem):
    folder, fit, _ = problem
    ours, other = fit().loglik, fit().loglik / np.log(10)
    done = explain(folder, f"{ours:.4f}", f"{other:.4f}")
    assert done.exit_code == 0, done.stdout
    assert "log10 for ln" in done.stdout
    assert explain(folder, f"{ours:.2f}", f"{ours:.3f}").exit_code == 0
    assert "equal" in explain(folder, f"{ours:.2f}", f"{ours:.3f}").stdout


def test_ml_at_a_given_hsq_with_weights(problem):
    folder, fit, weights = problem
    forgotten, right = fit(reml=False).loglik, fit(reml=False, weights=weights).loglik
    done = explain(folder, "--ml", "--weights", folder / "weights.csv", right, forgotten)
    assert done.exit_code == 0, done.stdout
    assert "weights forgotten" in done.stdout


def test_json_goes_down_a_pipe(problem):
    folder, fit, _ = problem
    done = explain(folder, "--json", "--quantity=sigmasq", fit().sigmasq, fit(multiple=2).sigmasq_e)
    assert done.exit_code == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "explained"
    assert answer["explanations"][0]["a"] == []
    # The residual's variance is the same under any multiple of K.
    assert [cause["name"] for cause in answer["explanations"][0]["b"]] == ["the residual variance"]
    assert abs(answer["explanations"][0]["gap_left"]) < 1e-6 * fit().sigmasq


def test_silent_and_status_1_where_nothing_fits(problem):
    folder, fit, _ = problem
    done = explain(folder, fit().loglik, fit().loglik - 1.2345678)
    assert done.exit_code == 1
    assert "unexplained: none of" in done.stdout
    answer = json.loads(explain(folder, "--json", fit().loglik, fit().loglik - 1.2345678).stdout)
    assert (answer["status"], answer["explanations"]) == ("unexplained", [])


def test_too_few_digits_are_no_explanation(problem):
    folder, fit, _ = problem
    done = explain(folder, "--quantity=hsq", f"{fit().hsq:.1f}", f"{fit(multiple=2).hsq:.1f}")
    assert done.exit_code == 1
    assert "give more digits" in done.stdout


@pytest.mark.parametrize("arguments, sentence", [
    (["liver", "2"], "a: 'liver' is not a number"), (["1", "--phen"], "b: '--phen' is not a number"),
    (["1", "nan"], "b: nan is not finite"), (["1e400", "1"], "a: 1e400 is not finite"),
    (["--coefficient=intercept", "1", "2"], "coefficient is given, and the numbers are loglik"),
    (["--column=kidney", "1", "2"], "no column 'kidney'"),
    (["--quantity=hsq", "--hsq=0.4", "1", "2"], "nothing to explain"), (["--hsq=2", "1", "2"], "from 0 to 1"),
    (["--quantity=beta", "1", "2"], "name the one (coefficient), one of the columns of X, intercept, sex"),
    (["--weights=none.csv", "1", "2"], "none.csv does not exist")])
def test_bad_input_ends_with_one_sentence_and_status_2(problem, arguments, sentence):
    done = explain(problem[0], *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_help_has_an_example():
    done = CliRunner().invoke(main, ["explain", "--help"])
    assert done.exit_code == 0
    assert "Example: lmmbridge explain" in done.stdout
