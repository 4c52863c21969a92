# batching: an encoder that is better at many

batching_seconds=$(normally 4 0.3)
batching_requests=$(normally 2000 100)  # of which the longest wait is told
readonly batch_timeout_us=5000  # of flows/batched.toml

# hop_times KEY: of all requests in the JSON on stdin, ascending.
hop_times() { grep -o "\"$1\":[0-9]*" | cut -d: -f2 | sort -n; }

measure_waiting() {  # in the flow "batched"
  local at answers waited executed input=$work/one-by-one.jsonl
  for ((at = 0; at < batching_requests; at++)); do
    printf '{"id":"%d","text":"t"}\n' "$at"
  done >"$input"
  answers=$(flowctl post / --flow batched --input "$input" --request-size 1 --concurrency 64 -o json)
  waited=$(hop_times queue_us <<<"$answers" | tail -n 1)
  executed=$(hop_times execute_us <<<"$answers" | tail -n 1)
  keep batching.wait_us us "$waited"
  keep batching.execute_us us "$executed"
  keep batching.late_us us "$(calculate "$waited - $batch_timeout_us - $executed")"
}

measure_batching() {
  local flow round result rates middle slowest
  printf '\n## Dynamic batching\n\n64 requests of one document in flight, an encoder of 5 ms + 0.1 ms a document; batches: up to 32, within 5 ms.\n\n'
  printf '| flow | requests/s | p50 us | longest us |\n|---|--:|--:|--:|\n'
  for flow in single batched; do
    rates=() middle=() slowest=()
    up "$here/flows/$flow.toml"
    for ((round = 0; round < rounds; round++)); do
      result=$(bench "$flow" / --concurrency 64 --duration "${batching_seconds}s")
      rates+=("$(field throughput_rps <<<"$result")")
      middle+=("$(field p50 <<<"$result")")
      slowest+=("$(field max <<<"$result")")
    done
    [[ $flow == single ]] || measure_waiting
    down "$flow"
    keep "batching.$flow.rps" requests/s "${rates[@]}"
    keep "batching.$flow.p50_us" us "${middle[@]}"
    keep "batching.$flow.max_us" us "${slowest[@]}"
    printf '| %s | %s | %s | %s |\n' "$flow" "$(figure "batching.$flow.rps" 1)" "$(figure "batching.$flow.p50_us" 0)" "$(figure "batching.$flow.max_us" 0)"
  done
  keep batching.gain times "$(calculate "$(figure batching.batched.rps 3) / $(figure batching.single.rps 3)")"
  printf '\nIn batches **%s times** as many. The longest wait for an execution: %s us; the longest execution: %s us.\n' \
    "$(figure batching.gain 1)" "$(figure batching.wait_us 0)" "$(figure batching.execute_us 0)"
}

goals_batching() {
  goal batching.gain 1 at-least 5 'an encoder in batches, times the requests of one without'
  goal batching.late_us 0 at-most 0 'longest wait beyond the timeout of a batch and one execution, us'
}
