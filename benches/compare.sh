#!/usr/bin/env bash
# Compares whole commands with others that do such work, in one run. Whatever peer is not on this
# machine is left out, and the table says so. Numbers are medians.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${RUNS:-15}
cargo build --release --quiet
program=$PWD/target/release/redundancy
work=$(mktemp -d)
started=()

finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for project in "$work"/*/; do
    [ -d "$project/.redundancy" ] && (cd "$project" && "$program" stop >"$work/stop.log" 2>&1)
  done
  [ -d "$work/pm2" ] && PM2_HOME=$work/pm2 pm2 kill >"$work/stop.log" 2>&1
  rm -rf "$work"
}
trap finish EXIT

median() { sort -n | awk '{ it[NR] = $1 } END { print it[int((NR + 1) / 2)] }'; }
now() { date +%s%N; }
row() { printf '| %-52s | %-34s | %12s |\n' "$1" "$2" "$3"; }

# Milliseconds that a command takes.
timed() {
  for _ in $(seq "$runs"); do
    local began
    began=$(now)
    "$@" >"$work/out" 2>&1
    echo $((($(now) - began) / 1000))
  done | median | awk '{ printf "%.1f ms", $1 / 1000 }'
}

# Peak memory of a command.
peak() {
  if [ -x /usr/bin/time ]; then
    /usr/bin/time -f '%M' -o "$work/peak" "$@" >"$work/out" 2>&1
    awk '{ printf "%.0f MiB", $1 / 1024 }' "$work/peak"
  else
    echo 'not measured'
  fi
}

row work who result
row --- --- ---

row 'size of the binary' redundancy "$(stat -c %s "$program" | awk '{ printf "%.1f MiB", $1 / 1048576 }')"

for count in 100 1000 5000 50000; do
  project=$work/plan-$count
  mkdir -p "$project"
  echo 'runner = "embedded"' >"$project/redundancy.toml"
  for n in $(seq "$count"); do
    printf '[[process]]\nname = "p%s"\ncommand = ["true"]\nstate = "stopped"\n\n' "$n"
  done >>"$project/redundancy.toml"
  config=$project/redundancy.toml
  row "plan, all of it to do, $count processes" redundancy "$(timed "$program" -c "$config" plan)"
  row "  its peak memory" redundancy "$(peak "$program" -c "$config" plan)"
  "$program" -c "$config" apply --yes >"$work/out"
  row "plan, nothing to do, $count processes" redundancy "$(timed "$program" -c "$config" plan)"
  row "  its peak memory" redundancy "$(peak "$program" -c "$config" plan)"
done

project=$work/files
mkdir -p "$project/.github/workflows"
for n in $(seq 2500); do
  cp examples/quickstart/.github/workflows/links.yml "$project/.github/workflows/w$n.yml"
done
printf '[[workflow]]\nbacks_up = "*"\n' >"$project/redundancy.toml"
"$program" -c "$project/redundancy.toml" apply --yes >"$work/out"
row 'plan, nothing to do, 2500 workflows, 2500 backups' redundancy \
  "$(timed "$program" -c "$project/redundancy.toml" plan)"

# Makes 1000 files and takes them away again, as often as asked for.
files_anew() {
  rm -f "$project"/.github/workflows/*-backup.yml
  "$program" -c "$project/redundancy.toml" apply --yes
}
project=$work/files-1000
mkdir -p "$project/.github/workflows"
for n in $(seq 1000); do
  cp examples/quickstart/.github/workflows/links.yml "$project/.github/workflows/w$n.yml"
done
printf '[[workflow]]\nbacks_up = "*"\n' >"$project/redundancy.toml"
row 'apply, 1000 backup workflows' redundancy "$(runs=5 timed files_anew)"

if command -v terraform >/dev/null; then
  project=$work/terraform-apply
  mkdir -p "$project"
  printf 'resource "terraform_data" "it" {\n  count = 1000\n  input = count.index\n}\n' >"$project/main.tf"
  terraform -chdir="$project" init >"$work/out"
  terraform_anew() {
    rm -f "$project"/terraform.tfstate*
    terraform -chdir="$project" apply -auto-approve
  }
  row 'apply, 1000 terraform_data' terraform "$(runs=1 timed terraform_anew)"
  project=$work/terraform
  mkdir -p "$project"
  printf 'resource "terraform_data" "it" {\n  count = 5000\n  input = count.index\n}\n' >"$project/main.tf"
  terraform -chdir="$project" init >"$work/out"
  terraform -chdir="$project" apply -auto-approve >"$work/out"
  row 'plan, nothing to do, 5000 terraform_data' terraform \
    "$(runs=3 timed terraform -chdir="$project" plan)"
else
  row 'plan, nothing to do, 5000 terraform_data' terraform 'not here'
fi

# From kill -9 to the replacement executing. The program writes down when it began; that costs all
# of them the same.
job=$work/job.sh
printf '#!/bin/sh\ndate +%%s%%N >>"$STARTS"\nexec sleep 100000\n' >"$job"
chmod +x "$job"

# restarts WHO STARTS-FILE PID-COMMAND: kills what runs and waits for the next start.
restarts() {
  local who=$1 starts=$2 pid_of=$3
  for _ in $(seq "$runs"); do
    local before pid began
    sleep 1.2 # A run that was shorter would count as a failure, and rest.
    before=$(wc -l <"$starts")
    pid=$($pid_of)
    began=$(now)
    kill -9 "$pid"
    for _ in $(seq 3000); do
      [ "$(wc -l <"$starts")" -gt "$before" ] && break
      sleep 0.01
    done
    echo $((($(tail -n 1 "$starts") - began) / 1000))
  done | median | awk '{ printf "%.1f ms", $1 / 1000 }' >"$work/result"
  row 'kill -9 to replacement executing' "$who" "$(cat "$work/result")"
}

floor() {
  for _ in $(seq "$runs"); do
    local began
    began=$(now)
    STARTS=$work/floor.starts "$job" &
    local pid=$!
    sleep 0.1
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    echo $((($(tail -n 1 "$work/floor.starts") - began) / 1000))
  done | median | awk '{ printf "%.1f ms", $1 / 1000 }'
}
row 'fork and exec of the same program' 'bash, the floor' "$(floor)"

project=$work/watch
mkdir -p "$project"
printf 'runner = "embedded"\n[[process]]\nname = "job"\ncommand = ["%s"]\nenv = { STARTS = "%s" }\n' \
  "$job" "$work/watch.starts" >"$project/redundancy.toml"
"$program" -c "$project/redundancy.toml" watch 2>"$work/watch.log" &
watch=$!
started+=("$watch")
while [ ! -s "$work/watch.starts" ]; do sleep 0.05; done
watched_pid() {
  "$program" -c "$project/redundancy.toml" status --json | grep -o 'running, pid [0-9]*' | grep -o '[0-9]*'
}
restarts redundancy "$work/watch.starts" watched_pid

# From the save of the file to a process of the new config executing.
for _ in $(seq "$runs"); do
  before=$(wc -l <"$work/watch.starts")
  printf '# %s\n[process.env]\nSTARTS = "%s"\nN = "%s"\n' "$before" "$work/watch.starts" "$before" >"$work/env"
  {
    printf 'runner = "embedded"\n[[process]]\nname = "job"\ncommand = ["%s"]\n' "$job"
    cat "$work/env"
  } >"$project/redundancy.new"
  began=$(now)
  mv "$project/redundancy.new" "$project/redundancy.toml"
  for _ in $(seq 3000); do
    [ "$(wc -l <"$work/watch.starts")" -gt "$before" ] && break
    sleep 0.01
  done
  echo $((($(tail -n 1 "$work/watch.starts") - began) / 1000))
done | median | awk '{ printf "%.1f ms", $1 / 1000 }' >"$work/result"
row 'save of redundancy.toml to the process made anew' redundancy "$(cat "$work/result")"

idle=$(awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$watch/status")
row 'resident memory of an idle watch' redundancy "$idle"
switches() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' "/proc/$watch/task/$watch/status"; }
sleep 1
before=$(switches)
sleep 20
row 'wakeups of an idle watch with a process, in 20 s' redundancy "$(($(switches) - before))"

# A watch with so many processes, idle: memory, and processor time of an hour.
for count in 1 50 200; do
  project=$work/idle-$count
  mkdir -p "$project"
  echo 'runner = "embedded"' >"$project/redundancy.toml"
  for n in $(seq "$count"); do
    printf '[[process]]\nname = "p%s"\ncommand = ["sleep", "100000"]\n\n' "$n"
  done >>"$project/redundancy.toml"
  "$program" -c "$project/redundancy.toml" apply --yes >"$work/out"
  began=$(now)
  "$program" -c "$project/redundancy.toml" watch 2>"$work/idle.log" &
  idle=$!
  started+=("$idle")
  while [ ! -s "$project/.redundancy/heartbeat.json" ]; do sleep 0.005; done
  [ "$count" = 50 ] && row 'begin of the watch to its first look, 50 processes' redundancy \
    "$(echo $((($(now) - began) / 1000)) | awk '{ printf "%.1f ms", $1 / 1000 }')"
  sleep 5
  ticks() { awk '{ print $14 + $15 }' "/proc/$idle/stat"; }
  before=$(ticks)
  sleep 65
  row "processor time an hour, idle, $count processes" redundancy \
    "$(echo "$before" "$(ticks)" | awk '{ printf "%.1f s", ($2 - $1) / 100 * 3600 / 65 }')"
  row '  its resident memory' redundancy "$(awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$idle/status")"
  kill "$idle"
  wait "$idle" || true
  "$program" -c "$project/redundancy.toml" stop >"$work/out" 2>&1
done

# The peers with as many, all at once: idle, they don't disturb each other.
declare -A idle_before
ticks_of() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
peers=()
for count in 1 50 200; do
  if command -v pm2 >/dev/null; then
    home=$work/pm2-idle-$count
    mkdir -p "$home"
    for n in $(seq "$count"); do
      printf '{"name":"p%s","script":"sleep","args":"100000","interpreter":"none"}\n' "$n"
    done | paste -sd, | sed 's/.*/{"apps":[&]}/' >"$home/all.json"
    PM2_HOME=$home pm2 start "$home/all.json" >"$work/out"
    peers+=("PM2 $count $(cat "$home/pm2.pid")")
  fi
  if command -v supervisord >/dev/null; then
    printf '[supervisord]\nnodaemon=true\nlogfile=%s/idle.log\npidfile=%s/idle-%s.pid\n' "$work" "$work" "$count" >"$work/idle-$count.conf"
    for n in $(seq "$count"); do
      printf '[program:p%s]\ncommand=sleep 100000\n' "$n"
    done >>"$work/idle-$count.conf"
    supervisord -c "$work/idle-$count.conf" >"$work/out" 2>&1 &
    started+=("$!")
    peers+=("supervisord $count $!")
  fi
  if command -v monit >/dev/null; then
    printf 'set daemon 1\nset pidfile %s/m-%s.pid\nset idfile %s/m-%s.id\nset statefile %s/m-%s.state\n' \
      "$work" "$count" "$work" "$count" "$work" "$count" >"$work/monitrc-$count"
    for n in $(seq "$count"); do
      sleep 1000 &
      started+=("$!")
      echo "$!" >"$work/m-$count-$n"
      printf 'check process p%s with pidfile %s/m-%s-%s\n' "$n" "$work" "$count" "$n"
    done >>"$work/monitrc-$count"
    chmod 600 "$work/monitrc-$count"
    monit -I -c "$work/monitrc-$count" >"$work/monit.log" 2>&1 &
    started+=("$!")
    peers+=("monit $count $!")
  fi
done
sleep 20
for peer in "${peers[@]}"; do read -r _ _ pid <<<"$peer" && idle_before[$pid]=$(ticks_of "$pid"); done
sleep 65
for peer in "${peers[@]}"; do
  read -r who count pid <<<"$peer"
  row "processor time an hour, idle, $count processes" "$who" \
    "$(awk -v t="$(($(ticks_of "$pid") - idle_before[$pid]))" 'BEGIN { printf "%.1f s", t / 100 * 3600 / 65 }')"
  row '  its resident memory' "$who" "$(awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$pid/status")"
done
for home in "$work"/pm2-idle-*/; do
  [ -d "$home" ] && PM2_HOME=$home pm2 kill >"$work/stop.log" 2>&1
done

# A thousand functions, each with a backup to be made.
if command -v node >/dev/null; then
  project=$work/functions
  mkdir -p "$project/netlify/functions"
  for n in $(seq 1000); do
    printf 'exports.handler = async (event) => ({ statusCode: 200, body: `%s ${event.path}` });\n' "$n" \
      >"$project/netlify/functions/f$n.js"
  done
  printf '[[function]]\nbacks_up = "*"\nsnapshot = "files"\n' >"$project/redundancy.toml"
  row 'plan of backups for 1000 functions' redundancy "$(timed "$program" -c "$project/redundancy.toml" plan)"
  bundler=$(echo "$PWD"/target/tmp/node-*/node_modules/@netlify/zip-it-and-ship-it | cut -d' ' -f1)
  if [ -d "$bundler" ]; then
    printf 'import { listFunctions } from "%s/dist/main.js";\nawait listFunctions(process.argv[2], { parseISC: true });\n' \
      "$bundler" >"$work/list.mjs"
    row 'listing 1000 functions, with the start of Node' "Netlify's bundler" \
      "$(runs=5 timed node "$work/list.mjs" "$project/netlify/functions")"
  fi
fi

# Workflows of a folder of yours, each of which gets a backup.
if [ -n "${WORKFLOWS:-}" ] && command -v node >/dev/null; then
  project=$work/corpus
  folder=$project/.github/workflows
  mkdir -p "$folder"
  number=0
  while IFS= read -r file; do
    number=$((number + 1))
    cp "$file" "$folder/$number.yml"
  done < <(find "$WORKFLOWS" -name '*.yml' -o -name '*.yaml')
  printf '[[workflow]]\nbacks_up = "*"\n' >"$project/redundancy.toml"
  row "plan of backups for $number workflows" redundancy "$(timed "$program" -c "$project/redundancy.toml" plan)"
  row '  its peak memory' redundancy "$(peak "$program" -c "$project/redundancy.toml" plan)"
  parser=$(echo "$PWD"/target/tmp/node-*/node_modules/@actions/workflow-parser | cut -d' ' -f1)
  if [ -d "$parser" ]; then
    cat >"$work/parse.mjs" <<END
import { readFileSync, readdirSync } from 'node:fs'
import { register } from 'node:module'
register('$PWD/tests/node/json-modules.mjs', import.meta.url)
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import('$parser/dist/index.js')
for (const name of readdirSync('$folder')) {
  const content = readFileSync('$folder/' + name, 'utf8')
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter())
  if (value) await convertWorkflowTemplate(context, value)
}
END
    row "reading $number workflows, with the start of Node" "GitHub's own parser" "$(timed node "$work/parse.mjs")"
  fi
fi

if command -v pm2 >/dev/null; then
  export PM2_HOME=$work/pm2
  mkdir -p "$PM2_HOME"
  STARTS=$work/pm2.starts pm2 start "$job" --name job >"$work/out"
  while [ ! -s "$work/pm2.starts" ]; do sleep 0.05; done
  pm2_pid() { pm2 pid job; }
  restarts PM2 "$work/pm2.starts" pm2_pid
  daemon=$(cat "$PM2_HOME/pm2.pid")
  row 'resident memory of an idle daemon' PM2 \
    "$(awk '/VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$daemon/status")"

  project=$work/watch-pm2
  mkdir -p "$project"
  for n in $(seq 200); do
    printf '[[process]]\nname = "p%s"\ncommand = ["sleep", "100000"]\n' "$n"
  done >"$project/redundancy.toml"
  printf '[[process]]\nname = "ours"\ncommand = ["%s"]\nenv = { STARTS = "%s" }\nbackoff = { initial = "0s" }\n' \
    "$job" "$work/ours.starts" >>"$project/redundancy.toml"
  "$program" -c "$project/redundancy.toml" apply --yes >"$work/out"
  row 'status of 200 processes' redundancy "$(timed "$program" -c "$project/redundancy.toml" status)"
  row 'status of 200 processes' 'pm2 jlist' "$(timed pm2 jlist)"
  "$program" -c "$project/redundancy.toml" watch 2>"$work/watch-pm2.log" &
  started+=("$!")
  ours_pid() { pm2 pid ours; }
  restarts 'PM2, under redundancy watch' "$work/ours.starts" ours_pid
  before=$(wc -l <"$work/ours.starts")
  pm2 delete ours >"$work/out"
  began=$(now)
  for _ in $(seq 1000); do
    [ "$(wc -l <"$work/ours.starts")" -gt "$before" ] && break
    sleep 0.005
  done
  row 'pm2 delete to the process running again' redundancy \
    "$(echo $((($(tail -n 1 "$work/ours.starts") - began) / 1000000)) | awk '{ print $1 " ms" }')"
else
  row 'kill -9 to replacement executing' PM2 'not here'
fi

if command -v supervisord >/dev/null; then
  printf '[supervisord]\nnodaemon=true\nlogfile=%s/supervisord.log\npidfile=%s/supervisord.pid\n[unix_http_server]\nfile=%s/supervisor.sock\n[supervisorctl]\nserverurl=unix://%s/supervisor.sock\n[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n[program:job]\ncommand=%s\nenvironment=STARTS="%s/supervisord.starts"\n' \
    "$work" "$work" "$work" "$work" "$job" "$work" >"$work/supervisord.conf"
  supervisord -c "$work/supervisord.conf" >"$work/out" 2>&1 &
  started+=("$!")
  while [ ! -s "$work/supervisord.starts" ]; do sleep 0.05; done
  supervised_pid() { supervisorctl -c "$work/supervisord.conf" pid job; }
  restarts supervisord "$work/supervisord.starts" supervised_pid
else
  row 'kill -9 to replacement executing' supervisord 'not here'
fi

if command -v monit >/dev/null; then
  printf '#!/bin/sh\nSTARTS=%s/monit.starts setsid sh -c "echo \\$\\$ >%s/monit-job.pid; exec %s" >/dev/null 2>&1 &\n' \
    "$work" "$work" "$job" >"$work/monit-start.sh"
  chmod +x "$work/monit-start.sh"
  # Once a second is the most often that it looks.
  printf 'set daemon 1\nset pidfile %s/monit.pid\nset idfile %s/monit.id\nset statefile %s/monit.state\ncheck process job with pidfile %s/monit-job.pid\n  start program = "%s/monit-start.sh"\n' \
    "$work" "$work" "$work" "$work" "$work" >"$work/monitrc"
  chmod 600 "$work/monitrc"
  monit -I -c "$work/monitrc" >"$work/monit.log" 2>&1 &
  started+=("$!")
  while [ ! -s "$work/monit.starts" ]; do sleep 0.05; done
  monit_pid() { cat "$work/monit-job.pid"; }
  restarts monit "$work/monit.starts" monit_pid
  kill "$!" && wait "$!" 2>/dev/null || true
  kill "$(cat "$work/monit-job.pid")"
else
  row 'kill -9 to replacement executing' monit 'not here'
fi
