# external: an executor in a worker of its own

# start_far ADDRESS: a worker on its own; sets far, its address, and far_pid.
start_far() {
  : >"$work/far.out"
  taskset -c "$(first_core)" flow-worker --listen "$1" >"$work/far.out" 2>"$work/far.err" &
  far_pid=$!
  remember "$far_pid"
  until far=$(sed -n 's/.* listens at //p' "$work/far.out") && [[ -n $far ]]; do
    kill -0 "$far_pid" 2>/dev/null || fail "flow-worker --listen $1: $(cat "$work/far.err")"
    sleep 0.02
  done
}

measure_external() {
  local way far far_pid round name took
  declare -A p50=()
  printf '\n## An executor that runs elsewhere on this host\n\nOne executor that does nothing, one request in flight, all processes on one core.\n\n'
  printf '| executor | p50 us | times local |\n|---|--:|--:|\n'
  for ((round = 0; round < rounds; round++)); do
    for way in local ipc tcp; do
      name=external
      case $way in
        local) name=local ;;
        ipc) start_far "ipc://$work/far.ipc" ;;
        tcp) start_far tcp://127.0.0.1:0 ;;
      esac
      FAR=${far:-} up "$here/flows/$name.toml" pinned
      pinned flowctl bench "$name" / --concurrency 1 --duration 0.3s -o json >/dev/null
      took=$(pinned flowctl bench "$name" / --concurrency 1 --duration "${seconds}s" -o json | field p50)
      p50[$way]+=" $took"
      down "$name"
      [[ $way == local ]] || end "$far_pid"
    done
  done
  for way in local ipc tcp; do
    keep "external.$way.p50_us" us ${p50[$way]}
    [[ $way == local ]] || keep "external.$way.times" times $(paste <(printf '%s\n' ${p50[$way]}) <(printf '%s\n' ${p50[local]}) | awk '{ print $1 / $2 }')
    printf '| %s | %s | %s |\n' "$way" "$(figure "external.$way.p50_us" 0)" "$(figure "external.$way.times" 2)"
  done
}

goals_external() {
  goal external.ipc.times 2 at-most 1.5 'an executor elsewhere on the host, times the latency of a local one (1 in flight)'
}
