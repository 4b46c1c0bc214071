#!/usr/bin/env bash
# Counts the lines that the heartbeat wrote so far.
set -euo pipefail
shopt -s nullglob

lines=$(cat /dev/null automation/logs/heartbeat*.log | wc -l)
echo "$(date -u +%FT%TZ) $lines heartbeats"
