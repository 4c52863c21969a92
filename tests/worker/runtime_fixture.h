// A broker and a gateway made of sockets and messages, and a worker process between them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "cluster/peer_set.h"
#include "net/context.h"
#include "net/socket.h"
#include "wire/carrier.h"
#include "wire/document_list.h"
#include "wire/membership.h"
#include "wire/part.h"

namespace flow::worker {

// A fresh folder, removed with all that is in it.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Answer {
  wire::Part part;
  std::vector<std::string> texts;
};

// One worker process, `node/rep-0`, the only node of its flow, instance 7; the gateway is
// instance 3. The test's thread plays broker and gateway.
class Stage {
 public:
  static constexpr InstanceId kWorker{7};
  static constexpr InstanceId kGateway{3};

  Stage();
  ~Stage();  // ends the worker

  // Starts the worker. With `welcome`, hello is answered with it and the worker gets ready.
  void start(const std::string& uses = "test");

  // Takes what comes until `done`; false after ten seconds.
  bool wait(const std::function<bool()>& done);

  bool welcome();  // waits for hello, answers with welcome_message
  bool serve();    // welcome(), waits for ready, publishes the topology, waits for its ack
  void publish_topology(bool with_gateway);
  bool acknowledged();  // waits until the worker uses the newest topology
  void to_worker(const wire::ControlMessage& message);

  // Sends a request for an endpoint with one document "x".
  void post(std::uint64_t sequence, const std::string& endpoint, const ValueMap& parameters = {});

  // The same for several, which come in one message; they are numbered from 1.
  void post_together(const std::vector<std::pair<std::string, ValueMap>>& requests);

  // What a part for the worker starts as.
  wire::PartHeader part_header(std::uint64_t sequence, const std::string& endpoint) const;

  // Publishes such a part to a lane, as the gateway does; listen_to_members() comes before.
  void publish(InstanceId lane, std::uint64_t sequence, const std::string& endpoint);
  void listen_to_members();
  std::vector<wire::LaneMark> marks() const { return peers_.marks(); }

  // A socket of this test's process that hears what the worker publishes to a lane as `member`.
  net::Socket join_lane(InstanceId lane, InstanceId member);

  // A broker that knows nothing takes the address over.
  void restart_broker();

  void terminate() const;       // SIGTERM
  std::optional<int> exited();  // exit status, once it ended
  bool wait_exit(int status);
  std::string stderr_text() const;

  template <typename T>
  const T* last() const {
    for (auto message = control.rbegin(); message != control.rend(); ++message) {
      if (const T* found = std::get_if<T>(&*message)) return found;
    }
    return nullptr;
  }

  TempFolder folder;
  wire::Welcome welcome_message;
  std::function<void(wire::Topology&)> shape = [](wire::Topology&) {};  // changes what is published
  std::optional<wire::PlanEntry> plan_behind;  // of a second node, for post()
  std::vector<wire::ControlMessage> control;   // from the worker
  std::vector<Answer> answers;
  std::vector<wire::Progress> progress;
  wire::Report report;  // the last

 private:
  void on_control();
  void on_data();
  Bytes one_document() const;

  SystemClock clock_;
  net::Context context_;
  net::Socket router_;
  net::Socket pull_;
  wire::Inbox inbox_;
  net::Socket push_;
  cluster::PeerSet peers_{context_};
  net::PeerId peer_;
  pid_t pid_ = 0;
  std::optional<int> status_;
  std::uint64_t topology_version_ = 0;
};

}  // namespace flow::worker
