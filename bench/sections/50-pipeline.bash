# pipeline: whether all stages are kept busy

pipeline_seconds=$(normally 4 0.3)

measure_pipeline() {
  local flow name possible text round rates
  printf '\n## Filling a pipeline\n\n64 requests in flight; what is possible follows from the slowest stage.\n\n'
  printf '| flow | requests/s | possible | reached |\n|---|--:|--:|--:|\n'
  for flow in 'eight:200:eight stages of 5 ms' 'replicas:100:ten replicas of 100 ms before one of 1 ms'; do
    IFS=: read -r name possible text <<<"$flow"
    rates=()
    up "$here/flows/$name.toml"
    for ((round = 0; round < rounds; round++)); do
      rates+=("$(bench "$name" / --concurrency 64 --duration "${pipeline_seconds}s" | field throughput_rps)")
    done
    down "$name"
    keep "pipeline.$name.rps" requests/s "${rates[@]}"
    keep "pipeline.$name.reached_percent" % "$(calculate "100 * $(figure "pipeline.$name.rps" 3) / $possible")"
    printf '| %s | %s | %s | %s %% |\n' "$text" "$(figure "pipeline.$name.rps" 1)" "$possible" "$(figure "pipeline.$name.reached_percent" 0)"
  done
}
