// record: writes down every request, for tests and debugging, and passes it on.
//
// A line of JSON a request, {"endpoint","parameters","docs","instance"}, is appended to `with.file`
// (default record.jsonl; a relative path starts in the workspace) in one write, so several
// instances may share a file. A write that fails fails the request.
#pragma once

#include <string>

#include "flow/executor.h"

namespace flow::executors {

class Record : public Executor {
 public:
  explicit Record(const ExecutorConfig& config);
  ~Record() override;
  void record(Documents& documents, const Request& request);

 private:
  std::string instance_;
  std::string path_;
  int fd_ = -1;
};

}  // namespace flow::executors
