# What is measured, section by section; bench/run sources this.

# ---- flows ---------------------------------------------------------------------------------------

# The first core this process may use: what is compared runs on it alone.
first_core() { taskset -cp $$ | sed 's/.*: //; s/[-,].*//'; }
pinned() { taskset -c "$(first_core)" "$@"; }

up() { "${@:2}" flowctl up "$1" --detach >"$work/up.log" 2>&1 || fail "$1 did not come up: $(cat "$work/up.log")"; }  # FILE [PREFIX...]
down() { flowctl down "$1" >"$work/down.log" 2>&1 || fail "$1 did not end: $(cat "$work/down.log")"; }            # FLOW
now_ns() { date +%s%N; }

# processes FLOW: the name and the pid of each, one a line.
processes() {
  tr -d ' \n' <"$FLOW_RUN_DIR/$1/endpoints.json" | sed 's/.*"pids":{\([^}]*\)}.*/\1/' | tr ',' '\n' | tr -d '"' | tr ':' ' '
}
cpu_ns() { cat /proc/"$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'; }  # PID
rss_mib() { awk '/^VmRSS:/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }                  # PID

bench() { flowctl bench "$@" -o json 2>"$work/bench.log" || fail "flowctl bench $*: $(cat "$work/bench.log")"; }

# ---- chain: against ZeroMQ alone ------------------------------------------------------------------

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

# ---- first: the first request and the others ------------------------------------------------------

readonly alone_pause=0.3 alone_requests=5  # what a request costs that finds everybody asleep

# post_times FILE: what the gateway measured for each document of the file, one after the other.
post_times() {
  pinned flowctl post / --flow chain --input "$1" --request-size 1 --concurrency 1 -o json |
    grep -o '"total_us":[0-9]*' | cut -d: -f2
}

measure_first() {
  local round again input=$work/documents.jsonl one=$work/document.jsonl first=() alone=() steady=() times
  for ((round = 0; round < requests; round++)); do
    printf '{"id":"%d","text":"%0128d"}\n' "$round" 0
  done >"$input"
  head -n 1 "$input" >"$one"
  for ((round = 0; round < rounds; round++)); do
    up "$here/flows/chain.toml" pinned
    first+=("$(post_times "$one")")
    for ((again = 0; again < alone_requests; again++)); do
      sleep "$alone_pause"
      alone+=("$(post_times "$one")")
    done
    times=$(post_times "$input")
    steady+=("$(sed 1d <<<"$times" | median)")
    down chain
  done
  keep first.first_us us "${first[@]}"
  keep first.alone_us us "${alone[@]}"
  keep first.steady_us us "${steady[@]}"
  printf '\n## The first request after start, and the others\n\nThe same chain, one request at a time, as the gateway measures it.\n\n'
  printf '| | us |\n|---|--:|\n| first request after ready | %s |\n' "$(figure first.first_us 0)"
  printf '| a later one, %s s after the one before | %s |\n' "$alone_pause" "$(figure first.alone_us 0)"
  printf '| one after the other without a pause, median of %d | %s |\n' "$((requests - 1))" "$(figure first.steady_us 0)"
}

# ---- idle: what doing nothing costs ---------------------------------------------------------------

measure_idle() {
  local name pid group all before after
  declare -A used=([broker]=0 [gateway]=0 [workers]=0 [redis]=0 [supervisor]=0) start=()
  up "$here/flows/ten.toml"
  bench ten / --concurrency 4 --duration 0.2s >/dev/null
  [[ -n $smoke ]] || sleep 2  # what follows a start and a load is over
  all=$(processes ten)
  before=$(now_ns)
  while read -r name pid; do start[$name]=$(cpu_ns "$pid"); done <<<"$all"
  sleep "$idle_seconds"
  while read -r name pid; do
    case $name in
      stage*) group=workers ;;
      gateway/*) group=gateway ;;
      *) group=$name ;;
    esac
    used[$group]=$((used[$group] + $(cpu_ns "$pid") - start[$name]))
  done <<<"$all"
  after=$(now_ns)
  down ten
  printf '\n## Ten idle workers, gateway and broker\n\nOver %s s, in percent of one core.\n\n| | %% |\n|---|--:|\n' "$idle_seconds"
  for group in broker gateway workers redis supervisor; do
    keep "idle.${group}_percent" % "$(calculate "100 * ${used[$group]} / ($after - $before)")"
    printf '| %s | %s |\n' "$group" "$(figure "idle.${group}_percent" 3)"
  done
  keep idle.percent % "$(calculate "100 * (${used[broker]} + ${used[gateway]} + ${used[workers]}) / ($after - $before)")"
  printf '| **broker, gateway and workers** | **%s** |\n' "$(figure idle.percent 3)"
}

# ---- startup --------------------------------------------------------------------------------------

measure_startup() {
  local flow round began ups downs
  printf '\n## Starting and ending a flow\n\nFrom the command to its end: everything is ready, or everything has ended.\n\n'
  printf '| executors | up ms | down ms |\n|--:|--:|--:|\n'
  for flow in three:3 ten:10; do
    ups=() downs=()
    for ((round = 0; round < rounds; round++)); do
      began=$(now_ns)
      up "$here/flows/${flow%:*}.toml"
      ups+=("$(calculate "($(now_ns) - $began) / 1e6")")
      began=$(now_ns)
      down "${flow%:*}"
      downs+=("$(calculate "($(now_ns) - $began) / 1e6")")
    done
    keep "startup.${flow#*:}.up_ms" ms "${ups[@]}"
    keep "startup.${flow#*:}.down_ms" ms "${downs[@]}"
    printf '| %s | %s | %s |\n' "${flow#*:}" "$(figure "startup.${flow#*:}.up_ms" 0)" "$(figure "startup.${flow#*:}.down_ms" 0)"
  done
}

# ---- pipeline: whether all stages are kept busy ---------------------------------------------------

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

# ---- batching: an encoder that is better at many --------------------------------------------------

readonly batch_timeout_us=5000  # of flows/batched.toml

# hop_times KEY: of all requests in the JSON on stdin, ascending.
hop_times() { grep -o "\"$1\":[0-9]*" | cut -d: -f2 | sort -n; }

measure_waiting() {  # in the flow "batched"
  local at answers waited executed input=$work/one-by-one.jsonl
  for ((at = 0; at < 10 * requests; at++)); do
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
      result=$(bench "$flow" / --concurrency 64 --duration "${pipeline_seconds}s")
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

# ---- external: an executor in a worker of its own -------------------------------------------------

# start_far ADDRESS: a worker on its own; its address in far, its pid in far_pid.
start_far() {
  : >"$work/far.out"
  taskset -c "$(first_core)" flow-worker --listen "$1" >"$work/far.out" 2>"$work/far.err" &
  far_pid=$!
  until far=$(sed -n 's/.* listens at //p' "$work/far.out") && [[ -n $far ]]; do
    kill -0 "$far_pid" 2>/dev/null || fail "flow-worker --listen $1: $(cat "$work/far.err")"
    sleep 0.02
  done
}

measure_external() {
  local way far round name took
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
      if [[ -n $far_pid ]]; then kill "$far_pid"; wait "$far_pid" || true; far_pid=''; fi
    done
  done
  for way in local ipc tcp; do
    keep "external.$way.p50_us" us ${p50[$way]}
    [[ $way == local ]] || keep "external.$way.times" times $(paste <(printf '%s\n' ${p50[$way]}) <(printf '%s\n' ${p50[local]}) | awk '{ print $1 / $2 }')
    printf '| %s | %s | %s |\n' "$way" "$(figure "external.$way.p50_us" 0)" "$(figure "external.$way.times" 2)"
  done
}

# ---- hash: documents split by id over shards ------------------------------------------------------

readonly hash_documents=100  # in each request

measure_hash() {
  local what round any hash
  printf '\n## HASH over four shards, against ANY of four replicas\n\n%s documents of 128 B a request, 16 requests in flight, all processes on one core; CPU us a document.\n\n' "$hash_documents"
  printf '| executor | ANY | HASH | times | times |\n|---|--:|--:|--:|--:|\n'
  for what in pass-through text-index; do
    local suffix='' endpoint=/
    [[ $what == pass-through ]] || suffix=-index endpoint=/index
    any=() hash=()
    for ((round = 0; round < rounds; round++)); do
      any+=("$(cpu_a_document "any$suffix" "$endpoint")")
      hash+=("$(cpu_a_document "hash$suffix" "$endpoint")")
    done
    keep "hash.$what.any_us" us/document "${any[@]}"
    keep "hash.$what.hash_us" us/document "${hash[@]}"
    keep "hash.$what.times" times $(paste <(printf '%s\n' "${hash[@]}") <(printf '%s\n' "${any[@]}") | awk '{ print $1 / $2 }')
    printf '| %s | %s | %s | **%s** | %s |\n' "$what" "$(figure "hash.$what.any_us" 3)" "$(figure "hash.$what.hash_us" 3)" \
      "$(figure "hash.$what.times" 2)" "$(spread "hash.$what.times" 2)"
  done
}

cpu_a_document() {  # FLOW ENDPOINT
  up "$here/flows/${1/-/_}.toml" pinned
  pinned flowctl bench "$1" "$2" --documents "$hash_documents" --concurrency 16 --duration 0.2s -o json >/dev/null
  calculate "$(pinned flowctl bench "$1" "$2" --documents "$hash_documents" --concurrency 16 --duration "${seconds}s" -o json | field us_per_request) / $hash_documents"
  down "$1"
}

# ---- packages: an index of real texts -------------------------------------------------------------

readonly questions=("message queue library" "photo editor" "python http client" "terminal multiplexer" "game about ancient war")

measure_packages() {
  local example=$here/../examples/package-search input=$work/packages.jsonl count began took name pid all times
  printf '\n## Indexing the package descriptions of apt\n\n'
  if ! { "$example/packages-to-jsonl" packages 2>/dev/null || true; } | awk -v most="$documents" 'NR <= most' >"$input" || [[ ! -s $input ]]; then
    printf 'Not measured: apt has no package lists here.\n'
    return
  fi
  count=$(wc -l <"$input")
  up "$example/flow.toml"
  all=$(processes package-search)
  began=$(now_ns)
  flowctl post /index --flow package-search --input "$input" --request-size 100 >/dev/null 2>"$work/post.log" ||
    fail "indexing: $(cat "$work/post.log")"
  took=$(calculate "($(now_ns) - $began) / 1e9")
  keep packages.documents documents "$count"
  keep packages.index_rate documents/s "$(calculate "$count / $took")"
  printf '%d documents in %.1f s: **%s documents/s**\n\n| process | MiB resident |\n|---|--:|\n' "$count" "$took" "$(figure packages.index_rate 0)"
  while read -r name pid; do
    keep "packages.rss_mib.$name" MiB "$(rss_mib "$pid")"
    printf '| %s | %s |\n' "$name" "$(figure "packages.rss_mib.$name" 1)"
  done <<<"$all"
  times=$(for name in "${questions[@]}"; do printf '{"text":"%s"}\n' "$name"; done |
    flowctl post /search --flow package-search --input - --request-size 1 --concurrency 1 -o json |
    grep -o '"total_us":[0-9]*' | cut -d: -f2)
  keep packages.search_us us ${times}
  printf '\nA search among them: %s us, median of %d (%s).\n' "$(figure packages.search_us 0)" "${#questions[@]}" "$(spread packages.search_us 0)"
  down package-search
}

# ---- micro: single operations ---------------------------------------------------------------------

measure_micro() {
  local table line name ns
  table=$("$programs/micro_bench" "$batch_ms")
  printf '\n## Single operations\n\nThe median and the least of five batches, in ns.\n\n%s\n' "$table"
  while IFS='|' read -r _ name ns _; do
    name=$(sed 's/^ *//; s/ *$//; s/,//g; s/ /_/g' <<<"$name")
    keep "micro.$name" ns "${ns// /}"
  done < <(sed 1,2d <<<"$table")
}

# ---- goals ----------------------------------------------------------------------------------------

# goal FIGURE DIGITS at-most|at-least LIMIT TEXT
goal() {
  local got met
  got=$(figure "$1" "$2")
  [[ -n $got ]] || return 0
  if [[ $3 == at-most ]]; then met="$got <= $4"; else met="$got >= $4"; fi
  met=$(awk "BEGIN { print ($met) ? \"yes\" : \"**no**\" }")
  ((goals++ > 0)) || printf '\n## Goals\n\n| | goal | here | met |\n|---|--:|--:|---|\n'
  printf '| %s | %s %s | %s | %s |\n' "$5" "${3/-/ }" "$4" "$got" "$met"
}

show_goals() {
  local goals=0
  goal chain.128x64.ratio 2 at-most 2.5 'CPU per request, times that of ZeroMQ alone (128 B, 64 in flight)'
  goal batching.gain 1 at-least 5 'an encoder in batches, times the requests of one without'
  goal batching.late_us 0 at-most 0 'longest wait beyond the timeout of a batch and one execution, us'
  goal external.ipc.times 2 at-most 1.5 'an executor elsewhere on the host, times the latency of a local one (1 in flight)'
  goal idle.percent 3 at-most 1 'ten idle workers, gateway and broker, % of one core'
}
