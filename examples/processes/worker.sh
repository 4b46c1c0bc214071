#!/usr/bin/env bash
# Takes one job after the other from a queue.
set -euo pipefail

trap 'echo "stopped between two jobs"; exit 0' INT TERM
while true; do
  echo "$(date -u +%FT%TZ) no job in ${2:-default}"
  sleep 2 &
  wait $!
done
