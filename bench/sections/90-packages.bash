# packages: an index of real texts

documents=$(normally 1000000 500)  # at most
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
