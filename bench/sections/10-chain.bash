# chain: two stages, against ZeroMQ alone

# bytes, in flight
readonly chain_cells=("128 64" "128 512" "4096 64" "65536 64" "1048576 64" "128 1" "1048576 1")
readonly chain_processes=(gateway/0 a/rep-0 b/rep-0 broker redis flowctl)

# keep_processes NAME JSON-LINES: the CPU time of each process of the flow and of its client.
keep_processes() {
  local process
  for process in "${chain_processes[@]}"; do
    # shellcheck disable=SC2046
    keep "$1.$process" us/request $(sed "s|.*\"name\":\"$process\",||" <<<"$2" | while read -r line; do field us_per_request <<<"$line"; done)
  done
}

measure_chain() {
  local cell bytes in_flight flow_said
  printf '\n## A chain of two stages, against ZeroMQ alone\n\nAll processes on one core; CPU is that of all of them, the client too.\n\n'
  zmq_table_head
  up "$here/flows/chain.toml" pinned
  run_flow chain 128 64 0.2 >/dev/null
  for cell in "${chain_cells[@]}"; do
    read -r bytes in_flight <<<"$cell"
    compare_with_zmq chain zmq_chain "$bytes" "$in_flight"
    keep_processes "chain.${bytes}x$in_flight.flow.cpu_us" "$flow_said"
  done
  down chain
  show_processes
}

show_processes() {
  local process cell
  printf "\nWhere Flow's CPU time went, us/request:\n\n| process |"
  for cell in "${chain_cells[@]}"; do
    printf ' %s B x %s |' "${cell% *}" "${cell#* }"
  done
  printf '\n|---|'
  printf -- '--:|%.0s' "${chain_cells[@]}"
  printf '\n'
  for process in "${chain_processes[@]}"; do
    printf '| %s |' "$process"
    for cell in "${chain_cells[@]}"; do
      printf ' %s |' "$(figure "chain.${cell/ /x}.flow.cpu_us.$process" 2)"
    done
    printf '\n'
  done
}

goals_chain() {
  local times='CPU per request, times that of ZeroMQ alone'
  goal chain.128x64.ratio 2 at-most 1.5 "$times (chain, 128 B, 64 in flight)"
  goal chain.128x512.ratio 2 at-most 1.2 "$times (chain, 128 B, 512 in flight)"
  goal chain.4096x64.ratio 2 at-most 1.2 "$times (chain, 4 KiB, 64 in flight)"
  goal chain.65536x64.ratio 2 at-most 1.15 "$times (chain, 64 KiB, 64 in flight)"
  goal chain.1048576x64.ratio 2 at-most 1.15 "$times (chain, 1 MiB, 64 in flight)"
  goal chain.128x1.p50_ratio 2 at-most 1.25 'p50, times that of ZeroMQ alone (chain, 128 B, 1 in flight)'
}
