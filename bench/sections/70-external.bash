# external: an executor in a worker of its own

# start_far ADDRESS [PREFIX...]: a worker on its own; sets far, its address, and far_pid.
start_far() {
  : >"$work/far.out"
  "${@:2}" flow-worker --listen "$1" >"$work/far.out" 2>"$work/far.err" &
  far_pid=$!
  remember "$far_pid"
  until far=$(sed -n 's/.* listens at //p' "$work/far.out") && [[ -n $far ]]; do
    kill -0 "$far_pid" 2>/dev/null || fail "flow-worker --listen $1: $(cat "$work/far.err")"
    sleep 0.02
  done
}

# external_flow WAY: the file of its flow, which is called like it.
external_flow() {
  local source=external
  [[ $1 != local ]] || source=local
  sed "s/^name = \"$source\"/name = \"$1\"/" "$here/flows/$source.toml" >"$work/$1.toml"
  printf '%s' "$work/$1.toml"
}

# All three are up at once, and measured in turns.
measure_external() {
  local where at=() way far='' far_pid round
  local -a far_pids=()
  declare -A p50=()
  printf '\n## An executor that runs elsewhere on this host\n\nOne executor that does nothing, one request in flight.\n\n'
  printf '| executor | all cores: p50 us | times local | times | one core: p50 us | times local | times |\n|---|--:|--:|--:|--:|--:|--:|\n'
  for where in cores one; do
    at=()
    [[ $where == cores ]] || at=(taskset -c "$(first_core)")
    far_pids=()
    for way in local ipc tcp; do
      case $way in
        ipc) start_far "ipc://$work/far.ipc" "${at[@]}" && far_pids+=("$far_pid") ;;
        tcp) start_far tcp://127.0.0.1:0 "${at[@]}" && far_pids+=("$far_pid") ;;
      esac
      FAR=$far up "$(external_flow "$way")" "${at[@]}"
      "${at[@]}" flowctl bench "$way" / --concurrency 1 --duration 0.3s -o json >/dev/null
    done
    for ((round = 0; round < 2 * rounds; round++)); do
      for way in local ipc tcp; do
        p50[$where.$way]+=" $("${at[@]}" flowctl bench "$way" / --concurrency 1 --duration "${seconds}s" -o json | field p50)"
      done
    done
    for way in local ipc tcp; do down "$way"; done
    for far_pid in "${far_pids[@]}"; do end "$far_pid"; done
  done
  for way in local ipc tcp; do
    printf '| %s |' "$way"
    for where in cores one; do
      keep "external.$where.$way.p50_us" us ${p50[$where.$way]}
      [[ $way == local ]] || keep "external.$where.$way.times" times \
        $(paste <(printf '%s\n' ${p50[$where.$way]}) <(printf '%s\n' ${p50[$where.local]}) | awk '{ print $1 / $2 }')
      printf ' %s | %s | %s |' "$(figure "external.$where.$way.p50_us" 0)" "$(figure "external.$where.$way.times" 2)" \
        "$(spread "external.$where.$way.times" 2)"
    done
    printf '\n'
  done
}

goals_external() {
  goal external.cores.ipc.times 2 at-most 1.5 'an executor elsewhere on the host, times the latency of a local one (1 in flight, all cores)'
  goal external.one.ipc.times 2 at-most 1.5 'the same, all processes on one core'
}
