# Everything a newcomer needs: `make report` and `make test` set up what is missing, then do their job.
PYTHON := .venv/bin/python
R_PACKAGES := $(shell find r_reference lmmbridge/r_client -type f)

.PHONY: setup report test deep bench mutants r-documentation

# Asked for by name, set-up also tries again what could not be installed before.
setup:
	scripts/setup.sh python r tools bench

.venv/.ready: scripts/setup.sh pyproject.toml
	scripts/setup.sh python

.r-library/.ready: scripts/setup.sh $(R_PACKAGES) | .venv/.ready
	scripts/setup.sh r

# What only tests need: a browser, LaTeX and Dask.
.venv/.tools-ready: scripts/setup.sh | .venv/.ready
	scripts/setup.sh tools

# What is measured beside us: gemma and R's lme4.
.venv/.bench-ready: scripts/setup.sh | .venv/.ready
	scripts/setup.sh bench

# A finished report is made anew; one that was cut goes on where it stopped.
report: .venv/.ready .r-library/.ready
	@if [ -e report/report.html ]; then rm -rf report; fi
	.venv/bin/lmmbridge validate --out report

# On all cores, file by file; then what measures time or takes several cores itself.
test deep: .venv/.ready .r-library/.ready .venv/.tools-ready
	$(PYTHON) -m pytest -n logical --dist loadfile -m "not alone" $(PROFILE); together=$$?; \
	$(PYTHON) -m pytest -m alone $(PROFILE) && exit $$together

deep: PROFILE := --hypothesis-profile=deep

# Writes validation_reports/performance; wants the machine for itself.
bench: .venv/.ready .r-library/.ready .venv/.bench-ready
	$(PYTHON) tests/benchmarks/run.py

# The tests of the numerical core on every mutant of it: a quarter of an hour, more on a busy machine; a run that was cut goes on.
mutants: .venv/.ready
	OPENBLAS_NUM_THREADS=1 $(PYTHON) tests/mutation/run.py

# The help pages of the R package from the comments in its code.
r-documentation:
	cd lmmbridge/r_client && Rscript -e 'roxygen2::roxygenise(load_code = "source")'
