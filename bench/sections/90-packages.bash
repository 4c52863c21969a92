# packages: an index of real texts

documents=$(normally 1000000 500)  # at most
readonly questions=("message queue library" "photo editor" "python http client" "terminal multiplexer" "game about ancient war")

# hollow FILE: the flow of the example with the same processes, none of which does anything: what is
# left is the engine, but for the embeddings that nobody makes and so nobody sends (1 KiB a document).
hollow() {
  sed -e '/^\[\[test\]\]/,$d' -e 's/^name = "package-search"/name = "hollow"/' -e 's/uses = "[a-z-]*"/uses = "pass-through"/' \
    -e 's/, with = {[^}]*}//' -e '/^with = /d' -e '/^no_reduce = /d' "$here/../examples/package-search/flow.toml" >"$1"
}

# index FLOW FILE: sends it the documents; sets took (s), and used (CPU of its processes, ns).
index() {
  local began before
  before=$(flow_cpu_ns "$1")
  began=$(now_ns)
  flowctl post /index --flow "$1" --input "$2" --request-size 100 >/dev/null 2>"$work/post.log" ||
    fail "indexing: $(cat "$work/post.log")"
  took=$(calculate "($(now_ns) - $began) / 1e9")
  used=$(($(flow_cpu_ns "$1") - before))
}

measure_packages() {
  local example=$here/../examples/package-search input=$work/packages.jsonl count took used full name pid all times
  printf '\n## Indexing the package descriptions of apt\n\n'
  if ! { "$example/packages-to-jsonl" packages 2>/dev/null || true; } | awk -v most="$documents" 'NR <= most' >"$input" || [[ ! -s $input ]]; then
    printf 'Not measured: apt has no package lists here.\n'
    return
  fi
  count=$(wc -l <"$input")
  up "$example/flow.toml"
  all=$(processes package-search)
  index package-search "$input"
  full=$used
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
  hollow "$work/hollow.toml"
  up "$work/hollow.toml"
  index hollow "$input"
  down hollow
  keep packages.cpu_us us/document "$(calculate "$full / 1e3 / $count")"
  keep packages.engine_us us/document "$(calculate "$used / 1e3 / $count")"
  keep packages.engine_percent % "$(calculate "100 * $used / $full")"
  printf '\nOf the CPU time of indexing, %s us a document, **%s %%** is the engine'"'"'s: so much do the same processes need (%s us) when none of their executors does anything.\n' \
    "$(figure packages.cpu_us 1)" "$(figure packages.engine_percent 0)" "$(figure packages.engine_us 1)"
}
