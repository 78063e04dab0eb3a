#!/usr/bin/env bash
# Set-up of lmmbridge: `scripts/setup.sh python` fills .venv/, `scripts/setup.sh r` fills .r-library/, `scripts/setup.sh tools`
# gets the browser and the LaTeX in which tests look at reports, Dask, and what checks the R packages, `scripts/setup.sh bench` gets
# the programs beside which `make bench` measures.
# Each step looks first whether there is anything to do, so the script can be cut and run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

# Two set-ups at a time would spoil each other's work.
if command -v flock >/dev/null; then exec 9>.setup.lock; flock 9; fi

say() { printf '[set-up] %s\n' "$*"; }
fail() { printf '[set-up] %s\n' "$*" >&2; exit 1; }

PYTHON_PACKAGES="python3-venv python3-setuptools python3-wheel python3-pip python3-numpy python3-scipy
    python3-pandas python3-xarray python3-rpy2 python3-click python3-rich python3-jinja2 python3-matplotlib
    python3-yaml python3-threadpoolctl python3-pytest python3-pytest-xdist python3-hypothesis python3-fastjsonschema
    python3-psutil python3-mpmath python3-gmpy2 libopenblas0-pthread r-base-core"
R_PACKAGES="r-base-dev r-cran-nlme r-cran-testthat r-cran-rcpp r-cran-rcppeigen r-cran-yaml
    r-cran-jsonlite r-cran-data.table r-cran-rsqlite r-cran-ncdf4 r-cran-reticulate"

TOOLS="r-cran-knitr r-cran-rmarkdown r-cran-roxygen2 pandoc qpdf python3-selenium python3-distributed chromium chromium-driver
    latexmk lmodern poppler-utils texlive-latex-base texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended"

BENCH="gemma r-cran-lme4"

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

# Install those of the named Debian packages that are missing; asks for sudo only if there are any.
apt_install() {
    local missing=() package sudo=""
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "these Debian packages are missing and there is no sudo here; as root, run: apt-get install ${missing[*]}"
        sudo=sudo
    fi
    say "installing ${#missing[@]} Debian packages (1-3 minutes)${sudo:+, with sudo}: ${missing[*]}"
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

setup_python() {
    local base=/usr/bin/python3
    if has_apt; then
        # shellcheck disable=SC2086
        apt_install $PYTHON_PACKAGES
        # `python -m pip` is tried, not the file: a virtual environment whose making was cut has no pip yet.
        .venv/bin/python -m pip --version >/dev/null 2>&1 || "$base" -m venv --clear --system-site-packages .venv
        say "installing lmmbridge itself, editable, into .venv/ (seconds)"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
    else
        base=$(command -v python3) || fail "no python3 found: install Python 3.11 or newer"
        command -v R >/dev/null || fail "no R found: install R 4.2 or newer"
        .venv/bin/python -m pip --version >/dev/null 2>&1 || "$base" -m venv --clear .venv
        say "no apt-get here: installing lmmbridge and what it needs with pip into .venv/ (minutes)"
        { .venv/bin/python -m pip install --quiet --disable-pip-version-check setuptools wheel \
            && .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[test]'; } \
            || fail "pip could not install what lmmbridge needs (its message is above); mend that and run make setup again"
    fi
    .venv/bin/lmmbridge --version >/dev/null
    touch .venv/.ready
    say "Python is ready: .venv/"
}

r_has() { Rscript -e '.libPaths(c(".r-library", .libPaths())); quit(status = !requireNamespace(commandArgs(TRUE), quietly = TRUE))' "$1" >/dev/null 2>&1; }

# Install one R package from CRAN unless one of R's libraries has it; says so where it cannot be had, and goes on.
r_install() {
    local package=$1 time=$2 cores log=.r-library/$1-install.log
    r_has "$package" && return 0
    cores=$(getconf _NPROCESSORS_ONLN)
    say "installing the R package $package from CRAN into .r-library/ ($time on one core; using $cores), log: $log"
    MAKEFLAGS=-j$cores Rscript -e '
        if (identical(unname(getOption("repos")["CRAN"]), "@CRAN@"))
            utils::chooseCRANmirror(graphics = FALSE, ind = 1, local.only = TRUE)
        .libPaths(c(".r-library", .libPaths()))
        install.packages(commandArgs(TRUE), lib = ".r-library", INSTALL_opts = "--no-test-load")
    ' "$package" >"$log" 2>&1 || true
    r_has "$package" && return 0
    say "$package could not be installed: $(grep -E '^(ERROR|Error)|is not available|[Uu]nable to|[Cc]annot ' "$log" | head -n 1)"
    say "going on without $package: what needs it will be reported as 'not available'. To try again: make setup"
}

setup_r() {
    # shellcheck disable=SC2086
    if has_apt; then apt_install $R_PACKAGES; fi
    mkdir -p .r-library
    rm -rf .r-library/00LOCK*   # left by an installation that was cut
    r_install testthat "2 minutes"
    r_install nlme "1 minute"
    r_install ncdf4 "1 minute"
    r_install reticulate "2 minutes"
    r_install qtl2 "about 7 minutes"
    say "installing the R package lmmreference from r_reference/ (seconds)"
    R CMD INSTALL --no-test-load --library=.r-library r_reference >.r-library/lmmreference-install.log 2>&1 \
        || fail "lmmreference could not be installed; see .r-library/lmmreference-install.log"
    say "installing the R package lmmbridge from lmmbridge/r_client/ (seconds)"
    .venv/bin/lmmbridge install-r --library .r-library >/dev/null 2>.r-library/lmmbridge-install.log \
        || say "the R package lmmbridge could not be installed: $(tail -n 1 .r-library/lmmbridge-install.log)"
    touch .r-library/.ready
    say "R is ready: .r-library/"
}

setup_tools() {
    # shellcheck disable=SC2086
    if has_apt; then
        (apt_install $TOOLS) || say "going on without these tools: tests that need one of them are skipped, and say so"
    else
        say "no apt-get here: tests that need Chromium, its driver, selenium, latexmk, pandoc, distributed or R's knitr, rmarkdown and roxygen2" \
            "are skipped where these are missing"
    fi
    touch .venv/.tools-ready
}

setup_bench() {
    # shellcheck disable=SC2086
    if has_apt; then
        (apt_install $BENCH) || say "going on without these programs: their rows of the benchmark are 'not available'"
    else
        say "no apt-get here: rows of the benchmark that need gemma or R's lme4 are 'not available' where these are missing"
    fi
    touch .venv/.bench-ready
}

[ $# -gt 0 ] || fail "usage: scripts/setup.sh python|r|tools|bench ..."
for part in "$@"; do
    case "$part" in
        python) setup_python ;;
        r) setup_r ;;
        tools) setup_tools ;;
        bench) setup_bench ;;
        *) fail "unknown part '$part': use python, r, tools or bench" ;;
    esac
done
