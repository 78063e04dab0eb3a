#!/usr/bin/env bash
# Check a mixed model of yours, for any CI: scripts/check.sh MODULE:FUNCTION FOLDER [OPTIONS OF lmmbridge validate]
# FOLDER gets the report and, in ci/, report.md and junit.xml. The status is that of lmmbridge validate: 1 where something is
# unexplained, an engine failed, a law is broken, fewer than two engines could run, nothing could be compared, two engines are
# one, or agreement is worse than in a baseline, and also where the run wrote no results; 2 for bad input; else 0.
set -uo pipefail
[ $# -ge 2 ] || { echo "usage: scripts/check.sh MODULE:FUNCTION FOLDER [OPTIONS OF lmmbridge validate]" >&2; exit 2; }
engine=$1 out=$2
shift 2
written() { ls -i -- "$out/results.json" 2>/dev/null; }     # every run writes it anew, as another file
before=$(written)
lmmbridge validate --engine "$engine" --out "$out" "$@"
status=$?
[ "$status" -le 1 ] || exit "$status"          # bad input: what lies in the folder is of another run
[ -e "$out/results.json" ] && [ "$(written)" != "$before" ] || { echo "the run wrote no results (status $status)" >&2; exit 1; }
rm -rf "$out/ci"      # of an earlier run of the same command
lmmbridge report "$out/results.json" --format markdown --format junit --out "$out/ci" || exit 2
cat "$out/ci/report.md" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
exit "$status"
