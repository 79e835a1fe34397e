#!/usr/bin/env bash
# One gated run of evalkit on any CI host: `EVALKIT_CONFIG=configs/mine.yaml bash configs/ci/run.sh`.
#
#   EVALKIT_CONFIG     the config to run (needed)
#   EVALKIT_PROFILE    a profile of it
#   EVALKIT_GATE       true (default): hold the run to the config's gate; false: only run
#   EVALKIT_BASELINE   what to hold it to, instead of the config's gate.baseline
#   EVALKIT_ARGUMENTS  more options of `evalkit run`, such as "--limit 200 --max-cost 5"
#   EVALKIT_REPORTS    where run folders go (reports)
#   EVALKIT_OUTPUT     where the report is put for upload (evalkit-report)
#   EVALKIT            the command of an evalkit that is installed already; left out, one is installed
#   EVALKIT_SOURCE     what is installed then: a folder or a requirement (the repository of this file)
#
# It ends with evalkit's own exit code; the files are in EVALKIT_OUTPUT whatever the verdict.
set -euo pipefail

config=${EVALKIT_CONFIG:?name the config in EVALKIT_CONFIG}
output=${EVALKIT_OUTPUT:-evalkit-report}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [ -n "${EVALKIT:-}" ]; then
  read -r -a evalkit <<<"$EVALKIT"
else
  "${PYTHON:-python3}" -m venv .evalkit-venv
  .evalkit-venv/bin/python -m pip --disable-pip-version-check --quiet install "${EVALKIT_SOURCE:-$here}"
  evalkit=(.evalkit-venv/bin/evalkit)
fi

options=(--reports "${EVALKIT_REPORTS:-reports}" --set report.junit=true)
[ -z "${EVALKIT_PROFILE:-}" ] || options+=(--profile "$EVALKIT_PROFILE")
if [ "${EVALKIT_GATE:-true}" = true ]; then
  options+=(--gate)
  [ -z "${EVALKIT_BASELINE:-}" ] || options+=(--baseline "$EVALKIT_BASELINE")
fi
read -r -a more <<<"${EVALKIT_ARGUMENTS:-}"

code=0
folder=$("${evalkit[@]}" run "$config" "${options[@]}" ${more[@]+"${more[@]}"} | tail -n 1) || code=$?

mkdir -p "$output"
if [ -n "$folder" ]; then
  for name in run.json report.html summary.md comment.md junit.xml; do
    [ ! -f "$folder/$name" ] || cp "$folder/$name" "$output/"
  done
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'code=%s\nfolder=%s\n' "$code" "$folder" >>"$GITHUB_OUTPUT"
fi
exit "$code"
