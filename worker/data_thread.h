// What runs on a worker's data thread, from the executor's birth to its end.
#pragma once

#include <string>

#include "base/time.h"
#include "flow/executor.h"
#include "net/context.h"
#include "shared.h"
#include "wire/membership.h"

namespace flow::worker {

struct DataThreadOptions {
  std::string name;     // encode/rep-0
  std::string run_dir;  // data-<instance id>.ipc is made there
  ExecutorFactory factory;
  bool forwards = false;  // to an external executor's far end; it has no factory then
  wire::Welcome welcome;
};

std::string data_address(const std::string& run_dir, InstanceId instance);

// Constructs the executor, binds, tells the outcome through `shared`, serves until the end is
// asked for, closes the executor. Never throws; sets shared.ended when it is done.
void run_data_thread(const DataThreadOptions& options, net::Context& context, Shared& shared,
                     const Clock& clock);

}  // namespace flow::worker
