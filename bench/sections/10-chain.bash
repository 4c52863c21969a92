# chain: against ZeroMQ alone

readonly cells=("128 64" "4096 64" "65536 64" "128 1")  # bytes, in flight
readonly chain_processes=(gateway/0 a/rep-0 b/rep-0 broker redis flowctl)

# keep_side NAME JSON-LINES RPS-KEY P50-KEY P99-KEY CPU-KEY
keep_side() {
  local name=$1 lines=$2 pair what unit key
  for pair in "rps:requests/s:$3" "p50_us:us:$4" "p99_us:us:$5" "cpu_us:us/request:$6"; do
    IFS=: read -r what unit key <<<"$pair"
    keep "$name.$what" "$unit" $(while read -r line; do field "$key" <<<"$line"; done <<<"$lines")
  done
}

# keep_processes NAME JSON-LINES: the CPU time of each process of the flow and of its client.
keep_processes() {
  local process
  for process in "${chain_processes[@]}"; do
    keep "$1.$process" us/request $(sed "s|.*\"name\":\"$process\",||" <<<"$2" | while read -r line; do field us_per_request <<<"$line"; done)
  done
}

measure_cell() {  # BYTES IN-FLIGHT
  local name=chain.$1x$2 flow='' peer='' ratios=() round ours theirs
  for ((round = 0; round < rounds; round++)); do
    ours=$(pinned flowctl bench chain / --size "$1B" --concurrency "$2" --duration "${seconds}s" -o json)
    theirs=$(pinned "$programs/zmq_chain" "$1" "$2" "$seconds")
    flow+=${flow:+$'\n'}$ours
    peer+=${peer:+$'\n'}$theirs
    ratios+=("$(calculate "$(field us_per_request <<<"$ours") / $(field cpu_us_per_request <<<"$theirs")")")
  done
  keep_side "$name.flow" "$flow" throughput_rps p50 p99 us_per_request
  keep_processes "$name.flow.cpu_us" "$flow"
  keep_side "$name.zmq" "$peer" rps p50_us p99_us cpu_us_per_request
  keep "$name.ratio" times "${ratios[@]}"
  printf '| %d B | %d | %s | %s | **%s** | %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$2" \
    "$(figure "$name.flow.cpu_us" 2)" "$(figure "$name.zmq.cpu_us" 2)" "$(figure "$name.ratio" 2)" \
    "$(spread "$name.ratio" 2)" "$(figure "$name.flow.rps" 0)" "$(figure "$name.zmq.rps" 0)" \
    "$(figure "$name.flow.p50_us" 0)" "$(figure "$name.zmq.p50_us" 0)" \
    "$(figure "$name.flow.p99_us" 0)" "$(figure "$name.zmq.p99_us" 0)"
}

measure_chain() {
  local cell bytes in_flight
  printf '\n## A chain of two stages, against ZeroMQ alone\n\nAll processes on one core; CPU is that of all of them, the client too.\n\n'
  printf '| document | in flight | CPU us/request | ZeroMQ | ratio | ratios | requests/s | ZeroMQ | p50 us | ZeroMQ | p99 us | ZeroMQ |\n'
  printf '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n'
  up "$here/flows/chain.toml" pinned
  pinned flowctl bench chain / --concurrency 64 --duration 0.2s -o json >/dev/null
  for cell in "${cells[@]}"; do
    read -r bytes in_flight <<<"$cell"
    measure_cell "$bytes" "$in_flight"
  done
  down chain
  show_processes
}

show_processes() {
  local process cell
  printf "\nWhere Flow's CPU time went, us/request:\n\n| process |"
  printf ' %s B x %s |' ${cells[*]}
  printf '\n|---|'
  printf -- '--:|%.0s' "${cells[@]}"
  printf '\n'
  for process in "${chain_processes[@]}"; do
    printf '| %s |' "$process"
    for cell in "${cells[@]}"; do
      printf ' %s |' "$(figure "chain.${cell/ /x}.flow.cpu_us.$process" 2)"
    done
    printf '\n'
  done
}

goals_chain() {
  goal chain.128x64.ratio 2 at-most 2.5 'CPU per request, times that of ZeroMQ alone (128 B, 64 in flight)'
}
