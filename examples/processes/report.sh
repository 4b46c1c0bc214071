#!/usr/bin/env bash
# Writes the report of the day.
set -euo pipefail

echo "$(date -u +%F): everything as usual"
