#!/usr/bin/env bash
# Runs the gate of action.yml: PROJECT, AGAINST, MODELS and BUDGET are its inputs, RESULTS is the folder of what it
# writes. The answer goes to the job's summary, whatever it is; the exit code is the gate's.
set -uo pipefail
project=$(cd "$PROJECT" && pwd) || exit 4
mkdir -p "$RESULTS"
RESULTS=$(cd "$RESULTS" && pwd)
cd "$(dirname "$0")/../../.." || exit 4
unset PYTHONSAFEPATH # with it, Python finds no program in the current folder

# With equals signs: a path that stands alone is a folder of tests to pytest, which would run its conftest.py.
options=("--project=$project" "--against=$AGAINST" "--budget=$BUDGET")
if [ -n "$MODELS" ]; then options+=("--model=$MODELS"); fi
python -m pytest bench "${options[@]}" "--benchmark-json=$RESULTS/gate.json" "--junit-xml=$RESULTS/gate.xml" \
  "--reports=$RESULTS/reports"
code=$?

answer=$RESULTS/gate.md
python -m reports gate "$RESULTS/gate.json" --format markdown >"$answer" || true
if [ ! -s "$answer" ]; then echo "**UNPROVEN** · the gate left no result; see the job's log" >"$answer"; fi
cat "$answer" >>"$GITHUB_STEP_SUMMARY"
echo "answer=$answer" >>"$GITHUB_OUTPUT"
exit "$code"
