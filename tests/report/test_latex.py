"""The LaTeX supplement, compiled by the real latexmk from real runs, and what its log and its pages say."""
from __future__ import annotations

import copy
import gzip
import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
import yaml

import lmmbridge
from hostile import NAMES, hostile
from lmmbridge import InputError
from lmmbridge.agreement import simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.results import read_results
from lmmbridge.agreement.run import Run, availability
from lmmbridge.engines import ENGINES
from lmmbridge.report import bibliography, latex, latex_text, summary
from small_runs import RECORDED, results_of

#: Lines may stand out by so much, in points (a fifth of a letter, which nobody sees).
STANDS_OUT = 2.0
#: What TeX, LaTeX and its packages may say in the log; nothing so far.
ALLOWED: tuple[str, ...] = ()


@pytest.fixture(scope="module", autouse=True)
def programs():
    for program, package in (("latexmk", "latexmk"), ("pdflatex", "texlive-latex-base"), ("pdftotext", "poppler-utils")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (Debian: apt-get install {package}; for LaTeX all of "
                        f"{' '.join(latex.PACKAGES)})")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Engines that are always there, on problems that are small, ill-conditioned, and have two maxima."""
    wanted = ("h0-n10-p1", "ill-conditioned-n40-p2", "two-maxima")
    problems = [Problem(f"simulated/{name}", source, data, simulation.seed_of(name))
                for name, source, data in simulation.problems() if name in wanted]
    return Run(tmp_path_factory.mktemp("run") / "out", availability(["python", "dense"]), problems, {},
               "lmmbridge validate --out out").execute()


@pytest.fixture(scope="module")
def failing(results):
    """The same with what this run has not: unexplained, failed, known, explained, not available."""
    changed = copy.deepcopy(results)
    first, second, third, *_ = [one for one in changed["cases"][0]["comparisons"] if one["b"]]
    first |= {"counts": {"unexplained": 3, "agree": 1}, "difference": 0.25, "reasons": {"unexplained": {"off: <dense>": 3}}}
    second |= {"counts": {"known divergence": 2, "agree": 2}, "reasons": {"known divergence": {"one-entry: what is wrong": 2}}}
    third |= {"counts": {"explained": 4}, "reasons": {"explained": {"K doubled": 4}}}
    changed["cases"][1]["comparisons"].append({"a": "dense", "b": None, "quantity": "all", "counts": {"engine failed": 1},
                                               "reasons": {"engine failed": {"its own message": 1}}})
    changed["verdicts"] |= {"unexplained": 3, "engine failed": 1, "known divergence": 2, "explained": 4}
    changed["engines"].append(changed["engines"][0] | {"name": "absent", "version": None, "status": "not available",
                                                       "remedy": "install it"})
    changed["laws"] = [{"engine": "mine", "law": "a-law", "statement": "what must hold", "reason": "and why", "state": "broken",
                        "held": 3, "untold": {"too flat": 1}, "breach": "h = ½ gives σ² = −1"}]
    return changed | {"status": 1, "failures": ["3 comparisons ended in 'unexplained'"]}


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A run of the real R programs from before there were dates, builds and sessions."""
    path = tmp_path_factory.mktemp("old") / "results.json"
    path.write_bytes(gzip.decompress(Path(__file__).with_name("data").joinpath("results-1.0.json.gz").read_bytes()))
    return read_results(path)


def compiled(results, folder: Path) -> str:
    """The text of the supplement's pages; anything amiss in a log fails the test."""
    for name, content in latex.files(results).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    latex.make(folder, results["date"])
    log = (folder / "supplement.log").read_text(encoding="utf-8", errors="replace")
    said = [line for line in log.splitlines() if re.search(r"[Ww]arning:?\s|Missing character|undefined", line)]
    assert [line for line in said if not any(words in line for words in ALLOWED)] == []
    assert [width for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(width) > STANDS_OUT] == []
    assert "Warning" not in (folder / "supplement.blg").read_text()
    subprocess.run(["pdftotext", "-raw", "supplement.pdf"], cwd=folder, check=True)
    return (folder / "supplement.txt").read_text(encoding="utf-8")


def dense(text: str) -> str:
    """Text without blanks, and with typewriter's quotes: lines and columns break it anywhere."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).translate(str.maketrans("’‘−–", "''--"))


@pytest.fixture
def recorded():
    return results_of("recorded")


@pytest.mark.parametrize("which", ["results", "failing", "old", "recorded"])
def test_runs_compile_without_a_warning_and_the_verdict_stands_first(which, request, tmp_path):
    run = request.getfixturevalue(which)
    text = compiled(run, tmp_path)
    page = dense(text.split("\f")[0])
    assert dense(summary.headline(run)) in page
    for verdict, count in run["verdicts"].items():
        assert dense(f"{count:,} {verdict}") in page


def test_what_is_in_the_results_is_on_the_pages(failing, tmp_path):
    text = dense(compiled(failing, tmp_path))
    record = next(one for one in failing["cases"][0]["comparisons"] if one["b"])
    for value in record["values"].values():
        assert dense(f"{value:.9g}") in text
    for words in ("off: <dense>", "its own message", "what is wrong", "K doubled", "install it", "h = ½ gives σ2 = −1",
                  *(max(re.split(r"[^ -{}~]+", entry["reason"]), key=len) for entry in failing["tolerances"].values()),
                  *(problem["content_hash"][:16] for problem in summary.problems(failing))):
        assert dense(words) in text
    session = failing["provenance"]["r"] and failing["provenance"]["r"]["session"]
    for line in (session or "").splitlines():
        assert dense(line) in text


def test_figures_are_those_of_the_drawings(results):
    found = latex.files(results)
    figures = [name for name in found if name.startswith("figures/")]
    assert len(figures) >= 3
    for name in figures:
        assert found[name].startswith(b"%PDF")
        assert f"{{{name}}}" in found["supplement.tex"]


@pytest.mark.parametrize("which", ["results", "old"])
def test_every_engine_is_cited_and_nothing_else_is_in_the_bibliography(which, request):
    run = request.getfixturevalue(which)
    found = latex.files(run)
    keys = re.findall(r"^@\w+\{([^,]+),", found["references.bib"], flags=re.MULTILINE)
    assert sorted(keys) == sorted(bibliography.cited(found["methods.tex"]))
    used = {engine["name"] for engine in run["engines"] if engine["status"] in ("live", "recorded")}
    theirs = {key for name in used for key in bibliography.ENGINES[name]}
    assert theirs <= set(keys)
    others = {key for name in bibliography.ENGINES.keys() - used for key in bibliography.ENGINES[name]} - theirs
    assert not others & set(keys)
    assert which == "old" or others == {"Broman2019", "RCoreTeam", "lmmlite", "pylmm"}


def test_the_methods_say_what_ran_here_and_what_was_recorded():
    results = results_of("recorded")
    found = latex.files(results)
    methods = re.sub(r"\s+", " ", re.sub(r"\\(allowbreak|emergencybreak)\{\}", "", found["methods.tex"]))
    assert f"The answers of dense were recorded elsewhere and not computed anew ({RECORDED})." in methods
    assert "The others ran under Python" in methods and r"\cite{RCoreTeam}" not in methods
    assert "Recorded" not in latex.files(results_of("right"))["methods.tex"]


def test_the_year_of_a_recorded_r_is_in_the_bibliography():
    results = results_of("old")
    results["provenance"]["r"] = None
    for engine in results["engines"]:
        engine |= {"status": "recorded", "recorded": RECORDED} if "RCoreTeam" in bibliography.ENGINES[engine["name"]] else {}
    entry = latex.files(results)["references.bib"].split("@manual{RCoreTeam,")[1].split("\n@")[0]
    assert "year = {2022}" in entry


def test_only_what_was_compared_is_counted():
    results = results_of("right")
    results["engines"].append(results["engines"][0] | {"name": "idle:fit"})
    methods = latex.files(results)["methods.tex"]
    assert "We compared 2 implementations" in methods and "idle" not in methods


@pytest.mark.parametrize("kind", ["right", "old"])
def test_scales_and_tolerances_are_those_of_what_was_compared(kind):
    results = results_of(kind)
    methods = latex.files(results)["methods.tex"]
    assert "$h$ under $K$ as given" in methods and ("$h$ under $2K$" in methods) == (kind == "old")
    assert "that one $\\hat h$ loses is $10^{-9}$" in re.sub(r"\s+", " ", methods)
    basis = summary.basis(results, results["cases"])
    assert basis.endswith("hsq under K as given and under twice K, as R/qtl2's, in scans." if kind == "old" else
                          "hsq under K as given.")


def test_the_letter_of_partial_comparisons_is_told():
    found = re.sub(r"\s+", " ", latex.files(results_of("recorded"))["supplement.tex"])
    assert r"\letters{p}" in found and "p: not both engines can be asked everywhere" in found
    assert r"\letters{p}" not in latex.files(results_of("right"))["supplement.tex"]


def test_every_engine_of_lmmbridge_has_references():
    assert bibliography.ENGINES.keys() == set(ENGINES)


def test_the_methods_can_be_read_by_another_document(results, tmp_path):
    found = latex.files(results)
    (tmp_path / "methods.tex").write_text(found["methods.tex"], encoding="utf-8")
    (tmp_path / "references.bib").write_text(found["references.bib"], encoding="utf-8")
    (tmp_path / "supplement.tex").write_text(r"\documentclass{article}\begin{document}\input{methods}\bibliographystyle{plain}"
                                             r"\bibliography{references}\end{document}", encoding="utf-8")
    assert latex.make(tmp_path, None).startswith(b"%PDF")
    assert "undefined" not in (tmp_path / "supplement.log").read_text(encoding="utf-8", errors="replace")


def test_hostile_names_are_shown_and_harmless(failing, tmp_path):
    text = dense(compiled(hostile(failing), tmp_path))
    assert "root:" not in text
    for name in ("supplement.tex", "methods.tex"):
        assert not re.search("&(amp|lt|gt|#[0-9]+);", (tmp_path / name).read_text(encoding="utf-8"))
    for name in NAMES:
        shown = latex_text.cut(name).replace("…", "...") or "(no name)"
        shown = "".join(one if one.isascii() and one.isprintable() else f"⟨U+{ord(one):04X}⟩" for one in shown)
        assert dense(shown) in text


def test_every_character_compiles(results, tmp_path):
    words = ["".join(map(chr, range(start, start + 16))) for start in (*range(0x00, 0x2700, 16), 0x1F400, 0x10FFF0)]
    changed = copy.deepcopy(results) | {"status": 1, "failures": words, "command": " ".join(words[:0x60])}
    text = compiled(changed, tmp_path)
    for sign in "σβĥχ½²∞≤≥·√→∆":    # Δ comes out of a PDF as the sign of an increment
        assert unicodedata.normalize("NFKC", sign)[0] in unicodedata.normalize("NFKC", text)
    assert "U+4E00" not in text and "U+1F400" in text


@pytest.mark.parametrize("text, expected", [
    ("a_b & 100 % #1 ~ ^ $ { } \\", r"a\_b \& 100 \% \#1 \textasciitilde{} \textasciicircum{} \$ \{ \} \textbackslash{}"),
    ("σ² ≤ 10⁻¹⁶", r"\ensuremath{\sigma}\ensuremath{^{2}} \ensuremath{\le} 10\ensuremath{^{-16}}"),
    ("log₁₀ -- x", r"log\ensuremath{_{10}} -{}- x"),
    ("\u202eabc", r"\codepoint{202E}abc"),
    ("two\nlines\t", "two lines "),
    ("tol 1e-12, lmmlite-cpp", r"tol 1e-\emergencybreak{}12, lmmlite-\allowbreak{}cpp"),
])
def test_text_is_escaped(text, expected):
    assert latex_text.text(text) == expected


@pytest.mark.parametrize("template", [r"\VAR{x}", r"\VAR{[x]|join}", r"\VAR{x ~ '' }", r"\VAR{x if true}", r"\VAR{x|name}",
                                      "%% macro m(it)\n\\VAR{it}\n%% endmacro\n\\VAR{m(x)}"])
def test_templates_cannot_forget_to_escape(template):
    shown = latex._environment().from_string(template).render(x=r"\a_b & <c>")
    expected = r"\textbackslash{}a\_b \& \textless{}c\textgreater{}"
    assert re.sub(r"\\unhyphenated\{(.*)\}$|\\allowbreak\{\}", r"\1", shown).strip() == expected


@pytest.mark.parametrize("value, expected", [(None, "--"), (0.25, "$0.25$"), (1e-9, "$10^{-9}$"),
                                             (2.5e-12, r"$2.5\times 10^{-12}$"), (1.0, "$1$"), (-3e20, r"$-3\times 10^{20}$")])
def test_numbers_have_powers_of_ten(value, expected):
    assert latex_text.number(value) == expected


def test_the_same_results_give_the_same_bytes(results):
    again = json.loads(json.dumps(results))
    assert latex.files(results) == latex.files(again)
    assert latex.pdf(results) == latex.pdf(again)


@pytest.mark.parametrize("gone", ["cases", "answers"])
def test_a_run_without_answers_still_has_a_supplement(results, gone, tmp_path):
    changed = copy.deepcopy(results) | {"status": 1, "failures": ["no problem could be run"], "verdicts": {}}
    if gone == "cases":
        changed["cases"] = []
    else:
        for case in changed["cases"]:
            case |= {"estimates": {}, "comparisons": [], "ill_conditioned": [], "identical": {}, "arbiter": None,
                     "curve": {"phenotype": "y1", "hsq": case["curve"]["hsq"], "native": {}, "loglik": {}}}
    assert "no problem could be run" in compiled(changed, tmp_path)


def test_without_latex_its_packages_are_named(results, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install latexmk texlive-latex-base"):
        latex.pdf(results)


def test_the_first_error_of_latex_is_told(tmp_path):
    (tmp_path / "supplement.tex").write_text(r"\documentclass{article}\begin{document}\nonsense\end{document}",
                                             encoding="utf-8")
    with pytest.raises(InputError, match="cannot make the supplement: Undefined control sequence"):
        latex.make(tmp_path, None)


def test_the_citation_file_is_of_this_version():
    citation = yaml.safe_load(Path(__file__).parents[2].joinpath("CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == lmmbridge.__version__
    assert citation["license"] == "GPL-3.0-or-later"
    assert citation["title"] and citation["authors"][0]["name"] and citation["message"]
