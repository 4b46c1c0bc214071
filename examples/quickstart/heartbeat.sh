#!/usr/bin/env bash
# Says that it is alive, again and again.
set -euo pipefail

while true; do
  echo "$(date -u +%FT%TZ) alive, process $$"
  sleep "${EVERY_SECONDS:-5}"
done
