# idle: what doing nothing costs

idle_seconds=$(normally 10 0.5)

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

goals_idle() {
  goal idle.percent 3 at-most 1 'ten idle workers, gateway and broker, % of one core'
}
