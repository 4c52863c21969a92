# fanout: four shards that all get a request, against ZeroMQ alone

measure_fanout() {
  local bytes flow_said
  printf '\n## Four shards and gathering, against ZeroMQ alone\n\n'
  printf 'All processes on one core. Flow merges the four answers, which are alike here: up to 4 KiB a document it sees that by comparing bytes, beyond by opening them. The gateway of the ZeroMQ program counts them and passes the last on.\n\n'
  zmq_table_head
  up "$here/flows/fanout.toml" pinned
  run_flow fanout 128 64 0.2 >/dev/null
  for bytes in 128 65536 1048576; do
    compare_with_zmq fanout zmq_fanout "$bytes" 64
  done
  down fanout
}

goals_fanout() {
  local times='CPU per request, times that of ZeroMQ alone'
  goal fanout.128x64.ratio 2 at-most 1.5 "$times (four shards, 128 B, 64 in flight)"
  goal fanout.65536x64.ratio 2 at-most 1.2 "$times (four shards, 64 KiB, 64 in flight)"
  goal fanout.1048576x64.ratio 2 at-most 1.2 "$times (four shards, 1 MiB, 64 in flight)"
}
