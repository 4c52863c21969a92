# startup

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
