// append-name: adds one document whose text is the name of the instance, "executor/rep-R" or
// "executor/shard-S/rep-R".
#pragma once

#include <string>

#include "executors/settings/settings.h"
#include "flow/executor.h"

namespace flow::executors {

class AppendName : public Executor {
 public:
  explicit AppendName(const ExecutorConfig& config);
  void append(Documents& documents, const Request& request);

 private:
  std::string instance_;
  IdSource ids_;
};

}  // namespace flow::executors
