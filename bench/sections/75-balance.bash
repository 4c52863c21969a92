# balance: three replicas of which one is ten times slower

balance_seconds=$(normally 4 0.3)
readonly balance_possible=420  # requests/s, of flows/uneven.toml
readonly balance_rate=168      # 40 % of it

measure_balance() {
  local round flow rates=() even=() uneven=()
  up "$here/flows/even.toml"
  up "$here/flows/uneven.toml"
  for flow in even uneven; do bench "$flow" / --concurrency 64 --duration 0.3s >/dev/null; done
  for ((round = 0; round < rounds; round++)); do
    rates+=("$(bench uneven / --concurrency 64 --duration "${balance_seconds}s" | field throughput_rps)")
    even+=("$(bench even / --rate "$balance_rate" --duration "${balance_seconds}s" | field p99)")
    uneven+=("$(bench uneven / --rate "$balance_rate" --duration "${balance_seconds}s" | field p99)")
  done
  down even
  down uneven
  keep balance.rps requests/s "${rates[@]}"
  keep balance.reached_percent % "$(calculate "100 * $(figure balance.rps 3) / $balance_possible")"
  keep balance.even.p99_us us "${even[@]}"
  keep balance.uneven.p99_us us "${uneven[@]}"
  keep balance.p99_times times $(paste <(printf '%s\n' "${uneven[@]}") <(printf '%s\n' "${even[@]}") | awk '{ print $1 / $2 }')
  printf '\n## Three replicas of which one is ten times slower\n\nReplicas of 5, 5 and 50 ms. Closed loop: 64 in flight, %s requests/s are possible. Open loop: %s requests/s, 40 %% of that, against three replicas of 5 ms.\n\n' \
    "$balance_possible" "$balance_rate"
  printf '| requests/s | reached | p99 us | of equal ones | times | times |\n|--:|--:|--:|--:|--:|--:|\n'
  printf '| %s | %s %% | %s | %s | **%s** | %s |\n' "$(figure balance.rps 1)" "$(figure balance.reached_percent 0)" \
    "$(figure balance.uneven.p99_us 0)" "$(figure balance.even.p99_us 0)" "$(figure balance.p99_times 2)" "$(spread balance.p99_times 2)"
}

goals_balance() {
  goal balance.reached_percent 0 at-least 90 'one replica of three 10 times slower, 64 in flight: % of the sum of their capacities'
  goal balance.p99_times 2 at-most 2.5 'the same at 40 % of that sum, open loop: p99, times that of three equal ones'
}
