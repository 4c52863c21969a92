// sleep: waits before it passes a request on.
//
// `with.ms` is a number of milliseconds for every endpoint, or a table of endpoints with "*" for
// all others (0 when it is missing). `with.ms_per_document` is added for each document: a stand-in
// for a model that is better at many. `with.ms_of_replica` is a list: the replica with this number
// waits so much longer (those behind the list do not), a stand-in for machines that are not alike.
#pragma once

#include <string>
#include <unordered_map>

#include "base/time.h"
#include "flow/executor.h"

namespace flow::executors {

class Sleep : public Executor {
 public:
  explicit Sleep(const ExecutorConfig& config);
  void wait(const Request& request);
  void wait_for_each(Documents& documents, const Request& request);

  // How long a request of so many documents to this endpoint takes.
  Duration pause_of(std::string_view endpoint, std::size_t documents = 0) const;

 private:
  std::unordered_map<std::string, Duration> by_endpoint_;
  Duration of_replica_{};
  Duration otherwise_{};
  Duration per_document_{};
};

}  // namespace flow::executors
