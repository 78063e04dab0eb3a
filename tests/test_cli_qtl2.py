"""`lmmbridge herit`, `scan`, `peaks` on a real cross: R/qtl2's numbers, whole files, a sentence for bad input."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from lmmbridge.cli import main
from lmmbridge.cli.inputs import covariates
from lmmbridge.files import new_folder
from lmmbridge.cli.scan import _figures, _file_names
from lmmbridge.engines import ENGINES
from lmmbridge.qtl2 import (calc_genoprob, calc_kinship, est_herit, extdata, from_r, insert_pseudomarkers, read_cross2,
                            write_cross2, write_genoprobs, write_kinship)
from lmmbridge.rlink import shared_session

#: The scan of R/qtl2 that `lmmbridge scan --covar sex` is to equal.
IN_R = """function(file) {
    iron <- qtl2::read_cross2(file)
    probs <- qtl2::calc_genoprob(iron, error_prob=1e-4)
    sex <- setNames(as.numeric(iron$covar$sex == "m"), rownames(iron$covar))
    loco <- qtl2::calc_kinship(probs, "loco")
    scan <- qtl2::scan1(probs, iron$pheno, loco, addcovar=sex, Xcovar=qtl2::get_x_covar(iron))
    effects <- qtl2::scan1coef(probs[, "16"], iron$pheno[, "liver", drop=FALSE], loco[["16"]], sex)
    herit <- qtl2::est_herit(iron$pheno, qtl2::calc_kinship(probs), addcovar=sex)
    list(effects=unclass(effects)[, c("SS", "SB", "BB")], lod=unclass(scan)[, , drop=FALSE], hsq=attr(scan, "hsq"),
         peaks=qtl2::find_peaks(scan, iron$gmap, threshold=3, drop=1.5),
         peaks4=qtl2::find_peaks(scan, iron$gmap, threshold=4, peakdrop=1, prob=0.9), herit=as.numeric(herit),
         log10lik=as.numeric(attr(herit, "log10lik")))
}"""


def lmmbridge(*arguments, cwd=None, env=None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "lmmbridge", *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, cwd=cwd, env=env)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The iron cross; probabilities and kinship matrices at its markers, in files."""
    missing = ENGINES["qtl2"].availability()
    if missing.version is None:
        pytest.skip(f"R with the package qtl2 is not available: {missing.remedy}")
    folder = tmp_path_factory.mktemp("iron")
    (folder / "iron.zip").write_bytes(extdata("iron.zip").read_bytes())
    cross = read_cross2(folder / "iron.zip")
    probs = calc_genoprob(cross, error_prob=1e-4)
    write_genoprobs(probs, folder / "probs.nc")
    write_kinship(calc_kinship(probs), folder / "overall.nc")
    write_kinship(calc_kinship(probs, "loco"), folder / "loco.nc")
    grid = insert_pseudomarkers(cross.gmap, step=10)
    write_genoprobs(calc_genoprob(cross, grid, error_prob=1e-4), folder / "grid.nc")
    rows = [(chromosome, position, marker) for chromosome, series in grid.items()
            for marker, position in series.items()]
    pd.DataFrame(rows, columns=["chr", "pos", "marker"]).to_csv(folder / "map.csv", index=False)
    write_cross2(replace(cross, pheno=cross.pheno.rename(columns={"liver": "pos"}), phenocovar=None), folder / "named")
    weights = pd.DataFrame({"w": np.random.default_rng(2).choice([0.5, 2.0], len(cross.pheno))}, cross.pheno.index)
    weights.to_csv(folder / "weights.csv")
    return folder


@pytest.fixture
def no_r(tmp_path):
    """An environment without R."""
    return {**os.environ, "PATH": str(tmp_path), "R_HOME": ""}


@pytest.fixture(scope="module")
def markers(folder):
    """The scan with all that is computed by R, at the markers, with effects; and the same in R."""
    done = lmmbridge("scan", "--cross", "iron.zip", "--out", "scan", "--step", 0, "--covar", "sex", "--effects", "16,X",
                     cwd=folder)
    assert done.returncode == 0, done.stderr
    session = shared_session()
    session.eval(f"scan_for_the_command_line <- {IN_R}")
    return folder / "scan", done, session.call("scan_for_the_command_line", str(folder / "iron.zip")).value


def table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype={"chr": str, "chromosomes": str}, float_precision="round_trip")


def test_lod_curves_hsq_and_peaks_are_those_of_qtl2(markers, tolerance):
    out, _, theirs = markers
    lod = table(out / "lod.csv")
    assert list(lod.columns) == ["chr", "pos", "marker", "liver", "spleen"]
    expected = from_r(theirs["lod"])
    assert list(lod["marker"]) == list(expected.index)
    assert np.abs(lod[["liver", "spleen"]].to_numpy() - expected.to_numpy()).max() <= tolerance("cli_own_hsq")
    hsq = table(out / "hsq.csv").set_index("chromosomes")
    assert np.abs(hsq.to_numpy() - from_r(theirs["hsq"]).to_numpy()).max() <= tolerance("cli_own_hsq")
    assert list(hsq.index) == [str(k) for k in range(1, 20)] + ["X"]
    same_peaks(table(out / "peaks.csv"), theirs["peaks"], tolerance)
    assert json.loads((out / "scan.json").read_text())["criterion"] == "REML"


def same_peaks(found: pd.DataFrame, theirs, tolerance) -> None:
    expected = from_r(theirs) if not isinstance(theirs, pd.DataFrame) else theirs
    assert len(found) == len(expected) > 3
    assert list(found["chr"]) == list(expected["chr"].astype(str))
    assert list(found["lodcolumn"]) == list(expected["lodcolumn"])
    for column in ("pos", "ci_lo", "ci_hi"):
        assert np.array_equal(found[column], expected[column].astype(float))
    assert np.abs(found["lod"].to_numpy() - expected["lod"].to_numpy(float)).max() <= tolerance("cli_own_hsq")


def test_what_was_done_to_the_covariates_is_said(markers):
    _, done, _ = markers
    assert "covariate 'sex': 'f' is 0 and 'm' is 1" in done.stderr
    assert "X chromosome: its null model has the covariates sex, direction" in done.stderr
    assert "on the scale of R/qtl2's calc_kinship" in done.stderr


def test_figures_are_there_for_each_phenotype(markers):
    out, _, _ = markers
    assert {path.name for path in out.glob("*.svg")} == {
        "lod.svg", "lod-liver.svg", "lod-spleen.svg", *(f"effects-{chr}-{name}.svg" for chr in ("16", "X")
                                                        for name in ("liver", "spleen"))}
    assert "liver" in (out / "lod-liver.svg").read_text() and "SS" in (out / "effects-16-liver.svg").read_text()


def test_effects_are_those_of_qtl2_sum_to_zero_and_have_errors(markers, tolerance):
    out, _, theirs = markers
    effects, lod = table(out / "effects.csv"), table(out / "lod.csv")
    sums = effects[effects["chr"] == "16"].groupby(["phenotype", "marker"])["effect"].sum()
    assert len(sums) == 2 * (lod["chr"] == "16").sum()
    assert np.abs(sums).max() <= tolerance("centred_effects") * effects["effect"].abs().max()
    liver = effects[(effects["chr"] == "16") & (effects["phenotype"] == "liver")]
    liver = liver.pivot(index="marker", columns="genotype", values="effect")
    expected = from_r(theirs["effects"])
    assert np.allclose(liver.loc[expected.index, expected.columns], expected, rtol=tolerance("cli_own_hsq"))
    assert (effects["se"].dropna() > 0.0).all() and set(effects["genotype"]) >= {"SS", "SB", "BB", "SY", "BY"}


def test_peaks_of_a_finished_scan(markers, tolerance):
    out, _, theirs = markers
    done = lmmbridge("peaks", out, "--threshold", 4, "--peakdrop", 1, "--prob", 0.9)
    assert done.returncode == 0, done.stderr
    (out.parent / "peaks4.csv").write_text(done.stdout)
    same_peaks(table(out.parent / "peaks4.csv"), theirs["peaks4"], tolerance)
    same = lmmbridge("peaks", out / "lod.csv")
    assert same.stdout == (out / "peaks.csv").read_text()


def test_peaks_of_several_scans_say_which(markers):
    out, _, _ = markers
    done = lmmbridge("peaks", out, out / "lod.csv")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("scan,lodindex")
    assert len(lines) == 2 * len((out / "peaks.csv").read_text().splitlines()) - 1
    assert {line.split(",")[0] for line in lines[1:]} == {str(out), str(out / "lod.csv")}


def test_with_probabilities_and_kinship_from_files_no_r_is_needed(folder, markers, no_r, tmp_path):
    out, _, _ = markers
    done = lmmbridge("scan", "--cross", folder / "iron.zip", "--out", tmp_path / "scan", "--probs", folder / "probs.nc",
                     "--kinship", folder / "loco.nc", "--covar", "sex", "--plot-format", "png", env=no_r)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scan" / "lod.csv").read_text() == (out / "lod.csv").read_text()
    assert "lmmbridge netCDF, file loco.nc" in done.stderr
    assert (tmp_path / "scan" / "lod.png").read_bytes().startswith(b"\x89PNG")
    herit = lmmbridge("herit", "--cross", folder / "iron.zip", "--kinship", folder / "overall.nc", env=no_r)
    assert herit.returncode == 0, herit.stderr


def test_without_r_the_remedy_is_said(folder, no_r, tmp_path):
    done = lmmbridge("scan", "--cross", folder / "iron.zip", "--out", tmp_path / "scan", env=no_r)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "give probabilities and kinship as files (--probs, --kinship)" in done.stderr
    assert not (tmp_path / "scan").exists()


def test_herit_is_that_of_qtl2(folder, markers, tolerance):
    _, _, theirs = markers
    done = lmmbridge("herit", "--cross", folder / "iron.zip", "--probs", folder / "probs.nc", "--covar", "sex", "--out",
                     folder / "herit.csv", "--plot", folder / "herit.pdf")
    assert done.returncode == 0, done.stderr
    found = table(folder / "herit.csv").set_index("phenotype")
    assert list(found.index) == ["liver", "spleen"] and done.stdout == ""
    assert np.abs(found["hsq"].to_numpy() - theirs["herit"]).max() <= tolerance("cli_own_hsq")
    assert np.abs(found["log10lik"].to_numpy() - theirs["log10lik"]).max() <= tolerance("cli_own_hsq")
    assert ((found["hsq_low"] < found["hsq"]) & (found["hsq"] < found["hsq_high"])).all()
    assert set(found["criterion"]) == {"REML"} and list(found["sample_size"]) == [284, 284]
    assert (folder / "herit.pdf").read_bytes().startswith(b"%PDF")
    again = lmmbridge("herit", "--cross", folder / "iron.zip", "--kinship", folder / "overall.nc", "--covar", "sex")
    assert again.stdout == (folder / "herit.csv").read_text()


def test_positions_that_are_no_markers_need_their_map(folder, tmp_path):
    arguments = ["scan", "--cross", folder / "iron.zip", "--probs", folder / "grid.nc", "--kinship", "none", "--pheno",
                 "spleen", "--out", tmp_path / "scan"]
    done = lmmbridge(*arguments)
    assert done.returncode == 2 and "is not in the maps of the cross; give the map" in done.stderr
    done = lmmbridge(*arguments, "--map", folder / "map.csv")
    assert done.returncode == 0, done.stderr
    lod, given = table(tmp_path / "scan" / "lod.csv"), table(folder / "map.csv")
    assert list(lod.columns) == ["chr", "pos", "marker", "spleen"]
    pd.testing.assert_frame_equal(lod[["chr", "pos", "marker"]], given)
    assert not (tmp_path / "scan" / "hsq.csv").exists() and not (tmp_path / "scan" / "lod.svg").exists()


def scanned(folder: Path, out: Path, *more) -> Path:
    done = invoked("scan", "--cross", folder / "iron.zip", "--probs", folder / "probs.nc", "--out", out, "--pheno",
                   "liver", *more)
    assert done.exit_code == 0, done.output
    return out


def invoked(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_hsq_at_each_position_or_as_given(folder, tmp_path, tolerance):
    kinship = ("--kinship", folder / "overall.nc", "--no-xcovar")
    each = scanned(folder, tmp_path / "each", *kinship, "--ml", "--hsq", "each", "--effects", "16")
    hsq, lod = table(each / "hsq.csv"), table(each / "lod.csv")
    assert list(hsq["marker"]) == list(lod["marker"]) and hsq["liver"].nunique() > 60
    given = scanned(folder, tmp_path / "given", *kinship, "--hsq", 0.5)
    assert table(given / "hsq.csv").to_dict("records") == [{"chromosomes": "all", "liver": 0.5}]
    xcovar = scanned(folder, tmp_path / "xcovar", *kinship[:2])
    assert list(table(xcovar / "hsq.csv")["chromosomes"]) == ["autosomes", "X"]
    # Each position at its own maximum is at least as likely as at the null's hsq.
    null = scanned(folder, tmp_path / "null", *kinship, "--ml")
    assert (lod["liver"] >= table(null / "lod.csv")["liver"] - tolerance("lod_given_hsq")).all()


def test_error_probability_and_positions(folder, tmp_path, tolerance):
    cross = read_cross2(folder / "iron.zip")
    done = invoked("herit", "--cross", folder / "iron.zip", "--error-prob", 0.05, "--out", tmp_path / "herit.csv")
    assert done.exit_code == 0, done.output
    expected = est_herit(cross.pheno, calc_kinship(calc_genoprob(cross, error_prob=0.05)), quiet=True)
    assert table(tmp_path / "herit.csv").set_index("phenotype")["hsq"].to_dict() == expected.hsq.to_dict()
    scans = {}
    for name, more in {"computed": ("--step", 10),
                       "read": ("--probs", folder / "grid.nc", "--map", folder / "map.csv")}.items():
        done = invoked("scan", "--cross", folder / "iron.zip", "--out", tmp_path / name, "--kinship", "none", *more)
        assert done.exit_code == 0, done.output
        scans[name] = table(tmp_path / name / "lod.csv")
    pd.testing.assert_frame_equal(scans["computed"], scans["read"])
    assert len(scans["read"]) > len(cross.gmap.markers)


def test_interactions_weights_and_alleles(folder, tmp_path):
    base = table(scanned(folder, tmp_path / "base", "--kinship", "none", "--covar", "sex") / "lod.csv")["liver"]
    for name, more in {"interaction": ("--intcovar", "sex"), "weights": ("--covar", "sex", "--weights",
                       folder / "weights.csv"), "alleles": ("--covar", "sex", "--allele-probs")}.items():
        other = table(scanned(folder, tmp_path / name, "--kinship", "none", *more) / "lod.csv")["liver"]
        assert np.abs(other - base).max() > 0.1


BAD = {
    "unknown phenotype": (["--pheno", "livr"], "the cross has no phenotype 'livr'; it has liver, spleen"),
    "unknown covariate": (["--covar", "age"], "the cross has no covariate 'age'; it has sex, cross_direction"),
    "empty list": (["--pheno", ","], "an empty list was given"),
    "no such kinship": (["--kinship", "absent.csv"], "absent.csv does not exist"),
    "unknown chromosome": (["--effects", "16,21"], "there is no chromosome '21'; there are 1, 2,"),
    "hsq out of range": (["--hsq", "1.5", "--kinship", "overall"], "hsq has the value 1.5"),
    "hsq that is no number": (["--hsq", "all", "--kinship", "overall"], "--hsq is 'all'"),
    "hsq without kinship": (["--hsq", "0.5", "--kinship", "none"], "--hsq has no meaning without kinship"),
    "each by REML": (["--hsq", "each"], "give --ml"),
    "step with probabilities": (["--step", "1"], "--step is for probabilities that are to be computed"),
    "error probability with probabilities": (["--error-prob", "0.1"], "leave it out with --probs"),
    "no such weights": (["--weights", "absent.csv"], "absent.csv does not exist"),
    "probabilities that are kinship": (["--probs", "{folder}/overall.nc"], "overall.nc"),
    "a phenotype like a column": (["--cross", "{folder}/named"], "'pos' is the name of a column of lod.csv"),
    "a map without positions": (["--map", "{folder}/weights.csv"], "has no column 'marker'"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_to_scan(folder, tmp_path, fault):
    more, sentence = BAD[fault]
    arguments = {"--cross": folder / "iron.zip", "--probs": folder / "probs.nc", "--out": tmp_path / "out"}
    arguments |= {name: value.format(folder=folder) for name, value in zip(more[::2], more[1::2])}
    done = invoked("scan", *(part for pair in arguments.items() for part in pair))
    refused(done, sentence)
    assert not list(tmp_path.iterdir())


def refused(done, sentence: str) -> None:
    assert done.exit_code == 2, done.output
    said = [line for line in done.output.splitlines() if not line.startswith(("note: ", "warning: "))]
    assert len(said) == 1 and said[0].startswith("lmmbridge: ") and sentence in said[0], done.output


def test_names_may_be_given_one_by_one(folder, tmp_path):
    arguments = ("scan", "--cross", folder / "iron.zip", "--probs", folder / "probs.nc", "--kinship", "none")
    done = invoked(*arguments, "--out", tmp_path / "out", "--pheno", "spleen", "--pheno", "liver")
    assert done.exit_code == 0
    assert list(pd.read_csv(tmp_path / "out" / "lod.csv").columns)[-2:] == ["spleen", "liver"]


def test_bad_input_to_herit(folder, tmp_path):
    cross = ("--cross", folder / "iron.zip")
    (tmp_path / "there.csv").write_text("")
    for more, sentence in (
            (["--kinship", folder / "loco.nc"], "has a matrix for each chromosome; one for all is needed"),
            (["--kinship", folder / "overall.nc", "--probs", folder / "probs.nc"], "leave them out with --kinship"),
            (["--plot", tmp_path / "x.jpg"], "ends in none of .svg, .png and .pdf"),
            (["--out", tmp_path / "there.csv"], "there.csv exists"),
            (["--plot", tmp_path / "no" / "x.svg"], "there is no folder"),
            (["--pheno", "kidney"], "no phenotype 'kidney'")):
        refused(invoked("herit", *cross, *more), sentence)
    refused(invoked("herit", "--cross", tmp_path / "absent.zip"), "absent.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


def test_bad_input_to_peaks(folder, tmp_path):
    files = {"columns.csv": "marker,pos,y\nm1,1,2\n", "text.csv": "chr,pos,marker,y\n1,1,m1,high\n",
             "order.csv": "chr,pos,marker,y\n1,1,m1,2\n2,1,m2,2\n1,2,m3,2\n", "none.csv": "chr,pos,marker\n1,1,m1\n",
             "down.csv": "chr,pos,marker,y\n1,2,m1,2\n1,1,m2,2\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    for name, sentence in {"columns.csv": "has no column 'chr'",
                           "text.csv": "'high' is no number, column 'y' at marker 'm1'",
                           "order.csv": "do not stand together", "none.csv": "no column of LOD scores",
                           "down.csv": "out of order", "absent.csv": "does not exist"}.items():
        refused(invoked("peaks", tmp_path / name), sentence)
    refused(invoked("peaks", tmp_path), "has no lod.csv")
    refused(invoked("peaks", tmp_path / "text.csv", "--drop", 1, "--prob", 0.9), "--drop and --prob are both given")


def test_a_folder_that_is_not_empty_is_left_alone(folder, tmp_path):
    (tmp_path / "precious.txt").write_text("precious")
    arguments = ("scan", "--cross", folder / "iron.zip", "--probs", folder / "probs.nc", "--kinship", "none", "--out")
    refused(invoked(*arguments, tmp_path), "is not empty")
    refused(invoked(*arguments, tmp_path / "precious.txt"), "is a file")
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
    assert (tmp_path / "precious.txt").read_text() == "precious"
    (tmp_path / "empty").mkdir()
    assert invoked(*arguments, tmp_path / "empty").exit_code == 0
    assert (tmp_path / "empty" / "lod.csv").exists()


@pytest.mark.alone
def test_ctrl_c_leaves_nothing(folder, tmp_path):
    # Where the tests run in the background, Ctrl-C may be ignored by inheritance.
    code = ("import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from lmmbridge.cli import main; main()")
    process = subprocess.Popen([sys.executable, "-c", code, "scan", "--cross", folder / "iron.zip", "--probs",
                                folder / "probs.nc", "--kinship", folder / "loco.nc", "--ml", "--hsq", "each", "--out",
                                tmp_path / "out"], stderr=subprocess.PIPE, text=True, start_new_session=True)
    said = ""
    while "not of full rank" not in said:      # the last that is said before the scan itself
        assert process.poll() is None
        said += process.stderr.readline()
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; nothing was written" in rest and "Traceback" not in rest
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_folder_that_was_not_finished_is_gone(tmp_path, error):
    with pytest.raises(error):
        with new_folder(tmp_path / "out") as part:
            (part / "lod.csv").write_text("half")
            raise error
    assert not list(tmp_path.iterdir())


def test_text_covariates(folder):
    cross = read_cross2(folder / "iron.zip")
    cross.covar["batch"] = (["a", "b", "c"] * 100)[:284]
    cross.covar["one"] = "same"
    cross.covar["age"] = [str(k / 2) for k in range(284)]
    cross.covar.loc["5", ["batch", "sex"]] = None
    with pytest.raises(ValueError, match="'one' is 'same' for all individuals"):
        covariates(cross, "one", "--covar")
    made = covariates(cross, "sex,batch,age", "--covar")
    assert list(made.columns) == ["sex", "batch=b", "batch=c", "age"]
    known = cross.covar.index != "5"
    assert made.loc["5", ["sex", "batch=b", "batch=c"]].isna().all()
    assert ((made["batch=b"] == 1.0) == (cross.covar["batch"] == "b"))[known].all()
    assert (made["sex"] == (cross.covar["sex"] == "m"))[known].all()
    assert made["age"].tolist() == [k / 2 for k in range(284)]


def test_phenotypes_whose_names_are_no_names_of_files():
    names = _file_names(["a/b", "a b", "A_B", "ok-1.5", "../x"])
    assert len({name.casefold() for name in names.values()}) == 5
    assert not any(re.search(r"[/\s]", name) for name in names.values()) and names["ok-1.5"] == "ok-1.5"


def test_many_genotypes_are_a_table_without_a_figure(tmp_path, capsys):
    places = pd.DataFrame({"chr": "1", "pos": [1.0, 2.0], "marker": ["m1", "m2"]})
    lod = pd.DataFrame({"y": [1.0, 2.0]}, places["marker"])
    few, many = (pd.DataFrame(np.arange(2.0 * k).reshape(2, k), places["marker"]) for k in (8, 9))
    _figures(tmp_path, "svg", places, lod, {("1", "y"): (many, many)}, "cM")
    assert {path.name for path in tmp_path.iterdir()} == {"lod-y.svg"}
    assert "not drawn; --allele-probs" in capsys.readouterr().err
    _figures(tmp_path, "svg", places, lod, {("1", "y"): (few, few)}, "cM")
    assert {path.name for path in tmp_path.iterdir()} == {"lod-y.svg", "effects-1-y.svg"}


def test_lint_of_own_data_in_validate(folder, tmp_path):
    rng = np.random.default_rng(5)
    ids = [f"m{i}" for i in range(40)]
    G = rng.binomial(2, 0.5, size=(40, 90)) - 1.0
    pd.DataFrame(G @ G.T / 45, ids, ids).to_csv(tmp_path / "kinship.csv")
    pd.DataFrame({"sick": rng.integers(0, 2, 40)}, ids).to_csv(tmp_path / "pheno.csv")
    done = lmmbridge("validate", "--out", tmp_path / "out", "--engines", "python,dense", "--pheno",
                     tmp_path / "pheno.csv", "--kinship", tmp_path / "kinship.csv")
    assert done.returncode == 0, done.stderr
    assert "note: kinship: on the scale of a genomic relationship matrix" in done.stderr
    assert "note: phenotype 'sick': binary" in done.stderr


@pytest.mark.parametrize("command", ["herit", "scan", "peaks"])
def test_help_has_an_example(command):
    done = invoked(command, "--help")
    assert done.exit_code == 0 and f"Example: lmmbridge {command}" in done.output
