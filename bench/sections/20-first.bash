# first: the first request and the others

first_requests=$(normally 200 10)
readonly alone_pause=0.3 alone_requests=5  # what a request costs that finds everybody asleep

# post_times FILE: what the gateway measured for each document of the file, one after the other.
post_times() {
  pinned flowctl post / --flow chain --input "$1" --request-size 1 --concurrency 1 -o json |
    grep -o '"total_us":[0-9]*' | cut -d: -f2
}

measure_first() {
  local round again input=$work/documents.jsonl one=$work/document.jsonl first=() alone=() steady=() times
  for ((round = 0; round < first_requests; round++)); do
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
  printf '| one after the other without a pause, median of %d | %s |\n' "$((first_requests - 1))" "$(figure first.steady_us 0)"
}
