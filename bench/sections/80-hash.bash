# hash: documents split by id over shards

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

goals_hash() {
  goal hash.pass-through.times 2 at-most 1.3 'HASH over four shards, times the CPU of ANY of four replicas (executors that do nothing)'
  goal hash.text-index.times 2 at-most 1.3 'the same, with text-index'
}
