# Flows and processes: starting, ending, asking them; bench/run sources this.

# The first core this process may use: what is compared runs on it alone.
first_core() { taskset -cp $$ | sed 's/.*: //; s/[-,].*//'; }
pinned() { taskset -c "$(first_core)" "$@"; }

up() { "${@:2}" flowctl up "$1" --detach >"$work/up.log" 2>&1 || fail "$1 did not come up: $(cat "$work/up.log")"; }  # FILE [PREFIX...]
down() { flowctl down "$1" >"$work/down.log" 2>&1 || fail "$1 did not end: $(cat "$work/down.log")"; }            # FLOW
now_ns() { date +%s%N; }

# processes FLOW: the name and the pid of each, one a line.
processes() {
  tr -d ' \n' <"$FLOW_RUN_DIR/$1/endpoints.json" | sed 's/.*"pids":{\([^}]*\)}.*/\1/' | tr ',' '\n' | tr -d '"' | tr ':' ' '
  echo  # else who reads line by line misses the last
}
cpu_ns() { cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'; }  # PID
rss_mib() { awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }                  # PID

flow_cpu_ns() {  # FLOW: of all its processes
  local name pid sum=0
  while read -r name pid; do sum=$((sum + $(cpu_ns "$pid"))); done < <(processes "$1")
  printf '%s' "$sum"
}

bench() { flowctl bench "$@" -o json 2>"$work/bench.log" || fail "flowctl bench $*: $(cat "$work/bench.log")"; }

# What a section starts itself ends with the run at the latest: remember PID when it has started, and
# end PID when it has done its work. In files, as a section may run in a subshell.
remember() { : >"$work/pids/$1"; }
end() {
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
  rm -f "$work/pids/$1"
}
