// A small language for tests of the worker's core: a graph, a fake port, a fake executor.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core.h"

namespace flow::worker {

inline constexpr std::uint32_t kHost = 77;
inline constexpr InstanceId kGateway{100};

inline Instant at(Duration time) {
  return Instant(std::chrono::seconds(1000) + time);
}

struct SentPart {
  InstanceId to;
  wire::PartHeader header;
  std::vector<std::string> texts;  // of its documents
  Bytes payload;
};

class FakePort final : public WorkerPort {
 public:
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override;
  void publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) override;
  void progress(RequestId request, wire::Progress progress) override;

  std::vector<SentPart> sent;
  std::vector<SentPart> published;
  std::vector<wire::Progress> reported;
};

// Runs `handler` and takes `service` of the fake clock.
class FakeExecution final : public Execution {
 public:
  bool wants_matrix(std::string_view endpoint) const override;
  bool run(Ticket ticket, const wire::PartHeader& header, Contents& contents, Instant begun,
           Duration remaining, Executed& executed) override;
  bool has_room() const override;
  void abandon(Ticket ticket) override;
  void together(std::span<const Running> requests) override {
    named.assign(requests.begin(), requests.end());
  }
  Instant now() const override { return clock; }

  // Executions that go on elsewhere.
  struct Elsewhere {
    Ticket ticket;
    Contents* contents;
  };
  bool goes_elsewhere = false;
  std::size_t most_elsewhere = 1000;
  std::vector<Elsewhere> elsewhere;
  std::vector<Ticket> abandoned;
  std::vector<Running> named;  // of the last batch

  std::function<std::optional<Error>(Contents&)> handler = [](Contents&) { return std::nullopt; };
  bool matrix = false;
  std::optional<ValueMap> results;
  Duration service{};
  Duration seen_remaining{};
  Instant clock{};
  int runs = 0;
};

// A graph by node names and needs, each node with one instance: node i has instance i + 1.
// "gateway" is a need like any other.
struct GraphNode {
  std::string name;
  std::vector<std::string> needs;
  bool no_reduce = false;
};
std::shared_ptr<wire::Topology> make_graph(const std::vector<GraphNode>& nodes,
                                           const std::string& sink, std::uint64_t version = 1);

// first -> index (two shards: instances 2 and 9, together lane kLane) -> last, which answers.
inline constexpr InstanceId kLane{50};
std::shared_ptr<wire::Topology> sharded_graph(std::uint64_t version = 1);

// The worker under test: `name` in that graph.
class Bench {
 public:
  Bench(std::shared_ptr<wire::Topology> topology, const std::string& name,
        std::uint64_t max_part_bytes = 1U << 20);

  // A part as `from` sends it, with a document for each text; planned for one instance of every
  // node, with a second left.
  PartPointer part(const std::string& from, const std::vector<std::string>& texts) const;

  // Receives, then runs all jobs at `now`.
  void feed(PartPointer part, Instant now = at(Duration{}));
  void run_all(Instant now);

  NodeIndex node(const std::string& name) const;
  InstanceId instance(const std::string& name) const;

  std::shared_ptr<wire::Topology> topology;
  std::string name;
  FakePort port;
  FakeExecution execution;
  Core core;
};

Bytes documents(const std::vector<std::string>& texts);  // ids are the texts
std::vector<std::string> texts_of(const Bytes& payload);

}  // namespace flow::worker
