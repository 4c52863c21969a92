# demo: four calls at once, two of them slow

# four_calls: to the flow demo, each a process of its own; the seconds until the last has its answer.
four_calls() {
  local slow=/slow endpoint calls=() began
  [[ -z $smoke ]] || slow=/brief
  began=$(now_ns)
  for endpoint in "$slow" /fast "$slow" /fast; do
    flowctl post "$endpoint" --flow demo >/dev/null 2>"$work/post.log" &
    calls+=($!)
    remember $!
  done
  for endpoint in "${calls[@]}"; do
    wait "$endpoint" || fail "a call failed: $(cat "$work/post.log")"
    rm -f "$work/pids/$endpoint"
  done
  calculate "($(now_ns) - $began) / 1e9"
}

measure_demo() {
  local replicas
  printf '\n## Four calls at once: slow (5 s), fast, slow, fast\n\nFrom the start of the four clients to the last answer.\n\n| replicas | s |\n|--:|--:|\n'
  for replicas in 2 1; do
    REPLICAS=$replicas up "$here/flows/demo.toml"
    keep "demo.${replicas}_s" s "$(four_calls)"
    down demo
    printf '| %s | %s |\n' "$replicas" "$(figure "demo.${replicas}_s" 2)"
  done
}

goals_demo() {
  goal demo.2_s 2 at-most 5.2 'four calls at once, two of 5 s, with two replicas: s'
  goal demo.1_s 2 at-most 10.2 'the same with one replica: s'
}
