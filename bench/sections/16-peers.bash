# peers: what somebody would use instead, for the same chain

# bytes, in flight
if [[ -z $smoke ]]; then peer_cells=("128 64" "4096 64" "65536 64" "1048576 64"); else peer_cells=("128 16"); fi
peer_seconds=$(normally 1 0.1)
peer_rounds=$((rounds < 3 ? rounds : 3))
declare -rA peer_titles=([grpc_unary]='gRPC, the gateway calls a, then b' [grpc_streams]='gRPC, bidirectional streams'
  [nats_chain]=NATS [redis_chain]='Redis Streams')
readonly known_peers=(grpc_unary grpc_streams nats_chain redis_chain)
declare -rA jina_recorded_us=([128]=2340 [4096]=2470 [65536]=2900)  # README.md

measure_peers() {
  local cell peer there=() missing=()
  for peer in "${known_peers[@]}"; do
    if [[ -x $programs/$peer ]]; then there+=("$peer"); else missing+=("$peer"); fi
  done
  printf '\n## The same chain with what else there is\n\nAll processes on one core, servers in between counted too; "times": CPU per request, times that of Flow.\n\n'
  printf '| document | in flight | | CPU us/request | times | times | requests/s | p50 us | p99 us |\n'
  printf '|--:|--:|---|--:|--:|--:|--:|--:|--:|\n'
  up "$here/flows/chain.toml" pinned
  run_flow chain 128 64 0.2 >/dev/null
  for cell in "${peer_cells[@]}"; do
    measure_peer_cell ${cell} "${there[@]}"
  done
  down chain
  for peer in "${missing[@]}"; do
    printf '\nNot measured: %s. Its libraries were missing when Flow was built; `scripts/setup --bench` installs them, then build again.\n' "${peer_titles[$peer]}"
  done
}

measure_peer_cell() {  # BYTES IN-FLIGHT PEER...
  local bytes=$1 in_flight=$2 round peer ours theirs flow_said='' name=peers.$1x$2
  declare -A said=() times=()
  shift 2
  for ((round = 0; round < peer_rounds; round++)); do
    ours=$(run_flow chain "$bytes" "$in_flight" "$peer_seconds")
    flow_said+=${flow_said:+$'\n'}$ours
    for peer in "$@"; do
      theirs=$(run_peer "$peer" "$bytes" "$in_flight" "$peer_seconds")
      said[$peer]+=${said[$peer]:+$'\n'}$theirs
      times[$peer]+=" $(calculate "1 / $(cpu_ratio "$ours" "$theirs")")"
    done
  done
  keep_flow "$name.flow" "$flow_said"
  peer_row "$bytes" "$in_flight" Flow "$name.flow"
  for peer in "$@"; do
    keep_peer "$name.$peer" "${said[$peer]}"
    # shellcheck disable=SC2086
    keep "$name.$peer.times" times ${times[$peer]}
    peer_row "$bytes" "$in_flight" "${peer_titles[$peer]}" "$name.$peer"
  done
  if [[ $in_flight == 64 && -n ${jina_recorded_us[$bytes]:-} ]]; then
    printf '| %d B | 64 | Jina 3.14, recorded elsewhere | %s | | | | | |\n' "$bytes" "${jina_recorded_us[$bytes]}"
  fi
}

peer_row() {  # BYTES IN-FLIGHT TITLE FIGURES
  local times
  times=$(figure "$4.times" 1)
  printf '| %d B | %d | %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$(figure "$4.cpu_us" 2)" \
    "${times:+**$times**}" "$(spread "$4.times" 1)" "$(figure "$4.rps" 0)" "$(figure "$4.p50_us" 0)" "$(figure "$4.p99_us" 0)"
}

goals_peers() {
  goal peers.128x64.grpc_unary.times 1 at-least 8 'CPU per request of gRPC calls, times that of Flow (chain, 128 B, 64 in flight)'
  goal peers.128x64.grpc_streams.times 1 at-least 4 'CPU per request of gRPC streams, times that of Flow (chain, 128 B, 64 in flight)'
}
