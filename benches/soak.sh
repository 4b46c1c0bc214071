#!/usr/bin/env bash
# A watch that has no rest: processes that end as soon as they begin, each of which is started again at once, until it
# has looked PASSES times (some 13 in a second: what wakes it without end is heeded less). What it takes of the machine
# is told once a minute and should stay the same.
set -euo pipefail
cd "$(dirname "$0")/.."

passes=${PASSES:-20000}
cargo build --release --quiet
program=$PWD/target/release/redundancy
project=$(mktemp -d)
cd "$project"
trap '"$program" stop --force >stop.log 2>&1; cd /; rm -rf "$project"' EXIT

settings='[controller]
look_every = "10s"
report_every = "1m"
[metrics]
socket = "metrics.socket"
[[workflow]]
backs_up = "nightly.yml"
'
mkdir -p .github/workflows
cat >.github/workflows/nightly.yml <<'END'
name: nightly
on:
  schedule:
    - cron: "0 3 * * *"
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: "true"
END
processes() { # Five of them, which run "$1".
  for name in a b c d e; do
    cat <<END
[[process]]
name = "$name"
runner = "embedded"
command = $1
restart = "always"
min_uptime = "0s"
backoff = { initial = "5ms", factor = 1, max = "5ms" }
END
  done
}

{ echo "$settings"; processes '["true"]'; } >redundancy.toml
"$program" start
pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' .redundancy/heartbeat.json)

looks() {
  curl -s --unix-socket metrics.socket http://localhost/metrics |
    sed -n 's/^redundancy_look_duration_seconds_count //p'
}
status() { sed -n "s/^$1:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/$pid/status"; }
kib() { du -sk "$1" | cut -f1; }

row='| %7s | %9s | %9s | %5s | %7s | %12s | %10s |\n'
# The row is the format.
# shellcheck disable=SC2059
tell() { printf "$row" "$@"; }
tell minutes looks 'RSS, KiB' files threads 'journal, KiB' 'logs, KiB'
tell ---: ---: ---: ---: ---: ---: ---:
began=$SECONDS
while seen=$(looks) && [ "$seen" -lt "$passes" ]; do
  files=(/proc/"$pid"/fd/*)
  tell $(((SECONDS - began) / 60)) "$seen" "$(status VmRSS)" ${#files[@]} "$(status Threads)" \
    "$(kib .redundancy)" "$(kib automation/logs)"
  sleep 60
done
files=(/proc/"$pid"/fd/*)
tell $(((SECONDS - began) / 60)) "$seen" "$(status VmRSS)" ${#files[@]} "$(status Threads)" \
  "$(kib .redundancy)" "$(kib automation/logs)"

# And it still does what it is for.
{ echo "$settings"; processes '["sleep", "100000"]'; } >redundancy.toml
for _ in $(seq 60); do
  sleep 1
  "$program" plan --detailed-exitcode >plan.log && break
done
"$program" plan
