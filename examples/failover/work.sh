#!/usr/bin/env bash
# Does one piece of work a second. As long as there is a file `broken` here, the primary can't.
set -euo pipefail

trap 'exit 0' INT TERM
while true; do
  if [[ $1 == primary && -e broken ]]; then
    echo "the primary can't work" >&2
    exit 1
  fi
  echo "$(date -u +%T) done by the $1" >> work.log
  sleep 1 &
  wait $!
done
