"""Do the engines agree, and where not, why: problems, ledger, comparison, verdicts, register of divergences, run."""
