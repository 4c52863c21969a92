# micro: single operations

batch_ms=$(normally 20 1)

measure_micro() {
  local table line name ns
  table=$("$programs/micro_bench" "$batch_ms")
  printf '\n## Single operations\n\nThe median and the least of five batches, in ns.\n\n%s\n' "$table"
  while IFS='|' read -r _ name ns _; do
    name=$(sed 's/^ *//; s/ *$//; s/,//g; s/ /_/g' <<<"$name")
    keep "micro.$name" ns "${ns// /}"
  done < <(sed 1,2d <<<"$table")
}
