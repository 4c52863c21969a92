// flow-gateway: the front door of a flow.
#include <cstdio>

#include "base/host.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process_id.h"
#include "base/stop_signal.h"
#include "gateway/arguments.h"
#include "gateway/service.h"

int main(int argc, char** argv) {
  const flow::gateway::Parsed parsed = flow::gateway::parse_arguments(argc, argv);
  if (parsed.exit_status) return *parsed.exit_status;
  flow::keep_freed_memory();
  flow::remember_process_id();
  flow::StopSignal stop;
  flow::log::init("gateway");
  flow::SystemClock clock;
  flow::net::Context context;
  const flow::Status status = [&] {
    flow::gateway::Service service(parsed.arguments, context, clock);
    return service.run(stop);
  }();
  if (!status) {
    std::fprintf(stderr, "flow-gateway: %s: %s\n", parsed.arguments.name.c_str(),
                 status.error().message.c_str());
    return 1;
  }
  return 0;
}
