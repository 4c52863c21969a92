# growth: how cost, latency and memory grow with the work

growth_seconds=$(normally 1 0.1)
growth_rounds=$((rounds < 3 ? rounds : 3))
growth_steps=$(normally 99 2)  # of each curve, at most
readonly growth_curves=(executors shards replicas documents requests)
declare -rA growth_points=([executors]='1 2 4 8 16' [shards]='1 2 4 8 16' [replicas]='1 2 4 8 16 32'
  [documents]='1 10 100 1000' [requests]='10 100 1000 10000')
declare -rA growth_titles=([executors]='executors in a chain, 64 requests in flight'
  [shards]='shards that all get a request (ALL), 64 requests in flight'
  [replicas]='replicas of one executor, 64 requests in flight'
  [documents]='documents of 128 B in a request, 16 requests in flight'
  [requests]='requests in flight or waiting, from ten clients')
declare -rA growth_peers=([executors]=zmq_chain [shards]=zmq_fanout)  # the same shape of ZeroMQ alone
readonly growth_clients=10  # of the last curve: a gateway lets one have 1,024 requests in flight

growth_flow() {  # CURVE N
  local at executors=1
  [[ $1 != executors ]] || executors=$2
  printf '[flow]\nname = "growth"\n\n[gateway]\nmax_queued = 16384\n'
  for ((at = 0; at < executors; at++)); do
    printf '\n[[executor]]\nname = "e%d"\nuses = "pass-through"\n' "$at"
  done
  case $1 in
    shards) printf 'shards = %d\npolling = "ALL"\n' "$2" ;;
    replicas) printf 'replicas = %d\n' "$2" ;;
  esac
}

# growth_load CLIENTS IN-FLIGHT DOCUMENTS SECONDS: by all clients at once; what each said, one a line.
growth_load() {
  local clients=$1 at pid pids=() failed=
  for ((at = 0; at < clients; at++)); do
    pinned flowctl bench growth / --concurrency $(($2 / clients)) --documents "$3" --duration "$4s" -o json \
      >"$work/client.$at" 2>"$work/client.$at.log" &
    pids+=($!)
    remember $!
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || failed=yes
    rm -f "$work/pids/$pid"
  done
  [[ -z $failed ]] || fail "flowctl bench growth: $(cat "$work"/client.*.log)"
  for ((at = 0; at < clients; at++)); do cat "$work/client.$at"; done
}

flow_rss_mib() {  # FLOW
  local name pid
  while read -r name pid; do rss_mib "$pid"; echo; done < <(processes "$1") | awk '{ sum += $1 } END { printf "%.1f", sum }'
}

# growth_point CURVE N: "CPU-us p50-us MiB" of a flow that was started for it.
growth_point() {
  local clients=1 in_flight=64 documents=1 before used said line requests=0 theirs=0
  case $1 in
    documents) in_flight=16 documents=$2 ;;
    requests) clients=$growth_clients in_flight=$2 ;;
  esac
  growth_flow "$1" "$2" >"$work/growth.toml"
  up "$work/growth.toml" pinned
  growth_load "$clients" "$in_flight" "$documents" 0.1 >/dev/null
  before=$(flow_cpu_ns growth)
  said=$(growth_load "$clients" "$in_flight" "$documents" "$growth_seconds")
  used=$(($(flow_cpu_ns growth) - before))
  while read -r line; do
    requests=$((requests + $(field requests <<<"$line")))
    theirs="$theirs + $(field requests <<<"$line") * $(sed 's/.*"name":"flowctl",//' <<<"$line" | field us_per_request)"
  done <<<"$said"
  printf '%s %s %s\n' "$(calculate "($used / 1000 + $theirs) / $requests")" \
    "$(while read -r line; do field p50 <<<"$line"; done <<<"$said" | median)" "$(flow_rss_mib growth)"
  down growth
}

# growth_peer CURVE N: the CPU-us of ZeroMQ alone.
growth_peer() { run_peer "${growth_peers[$1]}" 128 64 "$growth_seconds" "$2" | field cpu_us_per_request; }

measure_growth() {
  local curve points round n cpu p50 rss
  declare -A got=() peer=()
  printf '\n## Growth\n\nEach point is a flow of its own, all processes on one core. A slope is that of logarithms between neighbours: 1 is growth\n'
  printf 'in proportion, 0 is none. "one more": what each of those that were added costs. Memory: resident, of all processes of the flow.\n'
  printf 'ZeroMQ: the CPU of the same shape with ZeroMQ alone, and its slope; "times": that of Flow, times it.\n'
  for curve in "${growth_curves[@]}"; do
    read -r -a points <<<"${growth_points[$curve]}"
    points=("${points[@]:0:growth_steps}")
    for ((round = 0; round < growth_rounds; round++)); do
      for n in "${points[@]}"; do
        got[$curve.$n]+=$(growth_point "$curve" "$n")$'\n'
        [[ -z ${growth_peers[$curve]:-} ]] || peer[$curve.$n]+=" $(growth_peer "$curve" "$n")"
      done
    done
    for n in "${points[@]}"; do
      read -r -d '' -a cpu < <(cut -s -d' ' -f1 <<<"${got[$curve.$n]}") || true
      read -r -d '' -a p50 < <(cut -s -d' ' -f2 <<<"${got[$curve.$n]}") || true
      read -r -d '' -a rss < <(cut -s -d' ' -f3 <<<"${got[$curve.$n]}") || true
      keep "growth.$curve.$n.cpu_us" us/request "${cpu[@]}"
      keep "growth.$curve.$n.p50_us" us "${p50[@]}"
      keep "growth.$curve.$n.rss_mib" MiB "${rss[@]}"
      [[ -z ${peer[$curve.$n]:-} ]] || keep "growth.$curve.$n.zmq_us" us/request ${peer[$curve.$n]}
    done
    growth_table "$curve" "${points[@]}"
  done
}

growth_table() {  # CURVE N...
  local curve=$1 n what before='' steps=() fits=() beside=${growth_peers[$1]:-}
  shift
  printf '\n| %s | CPU us/request | slope | one more | p50 us | slope | MiB | slope | one more |%s\n' "${growth_titles[$curve]}" \
    "${beside:+ ZeroMQ | slope | times |}"
  printf '|--:|--:|--:|--:|--:|--:|--:|--:|--:|%s\n' "${beside:+--:|--:|--:|}"
  for n in "$@"; do
    printf '| %d |' "$n"
    for what in cpu_us p50_us rss_mib; do
      printf ' %s | %s |' "$(figure "growth.$curve.$n.$what" 2)" "$(slope "$curve" "$before" "$n" "$what")"
      [[ $what == p50_us ]] || printf ' %s |' "$(one_more "$curve" "$before" "$n" "$what")"
      [[ -z $before ]] || steps+=("$(slope "$curve" "$before" "$n" "$what")")
    done
    [[ -z $beside ]] || printf ' %s | %s | %.2f |' "$(figure "growth.$curve.$n.zmq_us" 2)" "$(slope "$curve" "$before" "$n" zmq_us)" \
      "$(calculate "$(figure "growth.$curve.$n.cpu_us" 3) / $(figure "growth.$curve.$n.zmq_us" 3)")"
    printf '\n'
    before=$n
  done
  printf '| **all** |'
  for what in cpu_us p50_us rss_mib; do
    fits+=("$(fit "$curve" "$what" "$@")")
    printf ' | **%s** |' "${fits[-1]}"
    [[ $what == p50_us ]] || printf ' |'
  done
  [[ -z $beside ]] || printf ' | **%s** | |' "$(fit "$curve" zmq_us "$@")"
  printf '\n'
  keep "growth.$curve.slope" slope "$(printf '%s\n' "${fits[@]}" | sort -g | tail -n 1)"
  keep "growth.$curve.steepest" slope "$(printf '%s\n' "${steps[@]}" | sort -g | tail -n 1)"
}

# fit CURVE FIGURE N...: the slope of the whole curve: that of the straight line through the logarithms, by least squares.
fit() {
  local curve=$1 what=$2 n
  shift 2
  for n in "$@"; do printf '%s %s\n' "$n" "$(figure "growth.$curve.$n.$what" 3)"; done |
    awk '{ x = log($1); y = log($2); sx += x; sy += y; sxx += x * x; sxy += x * y }
      END { printf "%.2f", (NR * sxy - sx * sy) / (NR * sxx - sx * sx) }'
}

slope() {  # CURVE N N FIGURE
  [[ -n $2 ]] || return 0
  awk -v a="$(figure "growth.$1.$2.$4" 3)" -v b="$(figure "growth.$1.$3.$4" 3)" -v n="$3/$2" \
    'BEGIN { split(n, at, "/"); printf "%.2f", log(b / a) / log(at[1] / at[2]) }'
}
one_more() {  # CURVE N N FIGURE
  [[ -n $2 ]] || return 0
  printf '%.3f' "$(calculate "($(figure "growth.$1.$3.$4" 3) - $(figure "growth.$1.$2.$4" 3)) / ($3 - $2)")"
}

goals_growth() {
  local curve
  for curve in "${growth_curves[@]}"; do
    goal "growth.$curve.slope" 2 at-most 1 "the largest slope of CPU, p50 and memory: ${growth_titles[$curve]} (1: in proportion)"
  done
}
