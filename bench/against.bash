# Flow against another program of the same shape, in turns and all on one core; bench/run sources this.

# keep_side NAME JSON-LINES RPS-KEY P50-KEY P99-KEY CPU-KEY
keep_side() {
  local name=$1 lines=$2 pair what unit key line
  for pair in "rps:requests/s:$3" "p50_us:us:$4" "p99_us:us:$5" "cpu_us:us/request:$6"; do
    IFS=: read -r what unit key <<<"$pair"
    # shellcheck disable=SC2046
    keep "$name.$what" "$unit" $(while read -r line; do field "$key" <<<"$line"; done <<<"$lines")
  done
}
keep_flow() { keep_side "$1" "$2" throughput_rps p50 p99 us_per_request; }      # NAME JSON-LINES
keep_peer() { keep_side "$1" "$2" rps p50_us p99_us cpu_us_per_request; }       # NAME JSON-LINES

run_flow() { pinned flowctl bench "$1" / --size "$2B" --concurrency "$3" --duration "$4s" -o json; }  # FLOW BYTES IN-FLIGHT SECONDS
run_peer() { pinned "$programs/$1" "${@:2}"; }  # PROGRAM BYTES IN-FLIGHT SECONDS [PLACES]

# The CPU time of a request, Flow's times the peer's.
cpu_ratio() { calculate "$(field us_per_request <<<"$1") / $(field cpu_us_per_request <<<"$2")"; }  # JSON JSON
p50_ratio() { calculate "$(field p50 <<<"$1") / $(field p50_us <<<"$2")"; }

# compare_with_zmq FLOW PROGRAM BYTES IN-FLIGHT: a row of the table; what the flow said is left in flow_said.
compare_with_zmq() {
  local name=$1.$3x$4 peer_said='' ratios=() times=() round ours theirs
  flow_said=''
  for ((round = 0; round < rounds; round++)); do
    ours=$(run_flow "$1" "$3" "$4" "$seconds")
    theirs=$(run_peer "$2" "$3" "$4" "$seconds")
    flow_said+=${flow_said:+$'\n'}$ours
    peer_said+=${peer_said:+$'\n'}$theirs
    ratios+=("$(cpu_ratio "$ours" "$theirs")")
    times+=("$(p50_ratio "$ours" "$theirs")")
  done
  keep_flow "$name.flow" "$flow_said"
  keep_peer "$name.zmq" "$peer_said"
  keep "$name.ratio" times "${ratios[@]}"
  keep "$name.p50_ratio" times "${times[@]}"
  printf '| %d B | %d | %s | %s | **%s** | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$3" "$4" \
    "$(figure "$name.flow.cpu_us" 2)" "$(figure "$name.zmq.cpu_us" 2)" "$(figure "$name.ratio" 2)" \
    "$(spread "$name.ratio" 2)" "$(figure "$name.flow.rps" 0)" "$(figure "$name.zmq.rps" 0)" \
    "$(figure "$name.flow.p50_us" 0)" "$(figure "$name.zmq.p50_us" 0)" "$(figure "$name.p50_ratio" 2)" \
    "$(figure "$name.flow.p99_us" 0)" "$(figure "$name.zmq.p99_us" 0)"
}

zmq_table_head() {
  printf '| document | in flight | CPU us/request | ZeroMQ | ratio | ratios | requests/s | ZeroMQ | p50 us | ZeroMQ | ratio | p99 us | ZeroMQ |\n'
  printf '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n'
}
