// A flow of one case as real processes: `flowctl up --detach --no-restart` in folders of its own,
// requests through the client library, `flowctl down`. One thread a flow; waits end at the case's
// deadline and when the run is stopped.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "case.h"
#include "flow/client.h"

namespace flow::conformance {

// What all cases of a run share.
struct Surroundings {
  std::string programs;                          // the folder of flowctl
  std::string scripted;                          // the scripted executor
  std::string folder;                            // of this run, short
  Duration patience = std::chrono::seconds(20);  // for one case
  const std::atomic<bool>* stopped = nullptr;
};

class CaseFlow {
 public:
  // `number` tells its folder from the others of the run.
  CaseFlow(const Surroundings& surroundings, std::size_t number);
  ~CaseFlow();  // ends all its processes, deletes its folder
  CaseFlow(const CaseFlow&) = delete;
  CaseFlow& operator=(const CaseFlow&) = delete;

  // How `flowctl up` ended: its exit code and what it said. An error when it did not end in time.
  struct Started {
    int code = 0;
    std::string said;
    bool refused() const;  // the flow file is wrong
  };
  Result<Started> up(const std::string& flow_file);

  // One request, in what is left of the time. An error when there is no gateway or no reply.
  Result<Reply> post(const CaseRequest& request);

  // Ends it; what is wrong when that needed force.
  Status down();

 private:
  std::string dir() const;
  // The exit code of a flowctl with these arguments; nothing when it had to be killed.
  std::optional<int> run_flowctl(std::vector<std::string> arguments, Instant until, bool stoppable);
  Result<Client*> client();
  bool given_up(Instant until, bool stoppable) const;

  const Surroundings& surroundings_;
  const SystemClock clock_;
  const Instant until_;
  std::string folder_;
  bool started_ = false;
  std::optional<Client> client_;
};

// One line of what a program said: the error in it, else its end.
std::string gist(const std::string& said);

}  // namespace flow::conformance
