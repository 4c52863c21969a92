// A gateway core with nothing around it, and what it did.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/core.h"
#include "wire/document_list.h"

namespace flow::gateway_tests {

inline constexpr InstanceId kSelf{100};

inline Instant at(Duration since_start) {
  return Instant(std::chrono::seconds(100)) + since_start;
}

// Documents of ids and texts.
inline Bytes documents(const std::vector<std::pair<std::string, std::string>>& list) {
  wire::DocumentList made;
  for (const auto& [id, text] : list) {
    wire::Document document;
    document.set_id(id);
    document.set_text(text);
    made.push_back(std::move(document));
  }
  return made.encode();
}

// "a b c"
inline std::string ids_of(const Bytes& payload) {
  std::string ids;
  const Result<wire::DocumentList> list = wire::DocumentList::open(payload);
  for (const wire::Document& document : *list)
    ids += (ids.empty() ? "" : " ") + std::string(document.id());
  return ids;
}

// What the core did.
struct FakeEffects final : gateway::Effects {
  struct Sent {
    InstanceId to;
    std::uint32_t target;
    RequestId request;
    std::uint16_t attempt;
    NodeIndex source;
    std::vector<wire::PlanEntry> plan;
    std::vector<wire::MissingPart> missing;
    Errc code;
    std::string executor;
    Bytes payload;
    WriteVersion version;
    std::string endpoint;
    std::string parameters;
  };
  struct Answer {
    std::uint64_t id;
    Errc code;
    std::string message;
    std::string executor;
    std::uint16_t attempts;
    std::vector<wire::ResponseHop> hops;
    std::string missing;  // "index:1 index:2"
    Bytes payload;
  };
  static Sent sent_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
    const auto& failure = header.failure;
    return {to,
            header.target,
            header.request,
            header.attempt,
            header.source,
            header.plan,
            header.missing,
            failure ? failure->code : Errc::kOk,
            failure ? failure->executor : "",
            payload,
            header.version(),
            header.endpoint,
            std::string(header.parameters.text())};
  }
  void send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) override {
    sent.push_back(sent_part(to, header, payload));
  }
  void publish_part(InstanceId lane, const wire::PartHeader& header,
                    const Bytes& payload) override {
    published.push_back(sent_part(lane, header, payload));
  }
  void answer(gateway::ClientId, const wire::Response& response) override {
    const auto& failure = response.failure;
    Answer& answer = answers.emplace_back();
    answer.id = response.id;
    answer.code = failure ? failure->code : Errc::kOk;
    answer.message = failure ? failure->message : "";
    answer.executor = failure ? failure->executor : "";
    answer.attempts = response.attempts;
    answer.hops = response.hops;
    for (const wire::MissingShard& one : response.missing) {
      answer.missing +=
          (answer.missing.empty() ? "" : " ") + one.executor + ":" + std::to_string(one.shard);
    }
    answer.payload = response.payload;
  }
  void suspect(InstanceId instance) override { suspects.push_back(instance); }

  std::vector<Sent> sent;
  std::vector<Sent> published;
  std::vector<Answer> answers;
  std::vector<InstanceId> suspects;
};

inline wire::TopologyInstance instance(std::uint32_t id, std::uint16_t node,
                                       std::uint16_t replica) {
  wire::TopologyInstance made;
  made.id = InstanceId{id};
  made.node = NodeIndex{node};
  made.replica = replica;
  made.name = "n" + std::to_string(node) + "/rep-" + std::to_string(replica);
  made.state = wire::InstanceState::kServing;
  made.data_address = "ipc:///d" + std::to_string(id);
  made.catch_all = true;
  return made;
}

// n0 (instances 1, 2) -> n1 (instance 3).
inline wire::Topology two_stages() {
  wire::Topology topology;
  topology.term = topology.version = 1;
  topology.flow = "t";
  topology.nodes.resize(2);
  topology.nodes[0].name = "n0";
  topology.nodes[0].needs = {kGatewayNode};
  topology.nodes[1].name = "n1";
  topology.nodes[1].needs = {NodeIndex{0}};
  topology.sink = NodeIndex{1};
  topology.instances = {instance(1, 0, 0), instance(2, 0, 1), instance(3, 1, 0)};
  return topology;
}

inline constexpr NodeIndex kIndex{0};

// Node 0, "index", has two shards of two replicas: 1 and 2 serve shard 0, 3 and 4 shard 1; lanes
// 50 (1, 3) and 51 (2, 4).
inline wire::Topology sharded_index(wire::Polling polling) {
  wire::Topology topology;
  topology.term = topology.version = 1;
  topology.flow = "t";
  topology.nodes.resize(1);
  topology.nodes[0].name = "index";
  topology.nodes[0].needs = {kGatewayNode};
  topology.nodes[0].shards = topology.nodes[0].replicas = 2;
  topology.nodes[0].polling = {{"*", polling}};
  topology.sink = kIndex;
  for (std::uint32_t id = 1; id <= 4; ++id) {
    wire::TopologyInstance& made = topology.instances.emplace_back(instance(id, 0, (id - 1) % 2));
    made.shard = static_cast<std::uint16_t>((id - 1) / 2);
    made.name =
        "index/shard-" + std::to_string(made.shard) + "/rep-" + std::to_string(made.replica);
  }
  topology.lanes = {
      {InstanceId{50}, kIndex, wire::InstanceState::kServing, {InstanceId{1}, InstanceId{3}}},
      {InstanceId{51}, kIndex, wire::InstanceState::kServing, {InstanceId{2}, InstanceId{4}}}};
  return topology;
}

struct Fixture {
  explicit Fixture(wire::Topology topology = two_stages(), gateway::Settings settings = {})
      : core(settings, kSelf, 1, effects), shape(std::move(topology)) {
    core.on_topology(std::make_shared<const wire::Topology>(shape), at({}));
  }
  void ask(std::uint64_t id, Instant now, Duration timeout = {}, Bytes payload = {}) {
    wire::Request request;
    request.id = id;
    request.endpoint = "/x";
    request.timeout = timeout;
    request.payload = std::move(payload);
    core.on_request(gateway::ClientId{1}, std::move(request), now);
    core.tick(now);
  }
  void ask_with(std::uint64_t id, Bytes payload) { ask(id, at({}), {}, std::move(payload)); }

  // All that was sent, to instances or lanes.
  const FakeEffects::Sent& sent(std::size_t index) const {
    return index < effects.sent.size() ? effects.sent[index]
                                       : effects.published.at(index - effects.sent.size());
  }
  // A part of the request that was sent as number `index`.
  wire::Part part(std::size_t index, NodeIndex source, Bytes payload = {}) const {
    wire::Part part;
    part.header.request = sent(index).request;
    part.header.attempt = sent(index).attempt;
    part.header.plan = sent(index).plan;
    part.header.missing = sent(index).missing;
    part.header.source = source;
    part.payload = std::move(payload);
    return part;
  }
  // The final part of the request that was sent as number `index`.
  void finish(std::size_t index, Instant now, Bytes payload = {}) {
    wire::Part last = part(index, shape.sink, std::move(payload));
    core.on_part(std::make_unique<wire::Part>(std::move(last)), now);
    core.tick(now);
  }
  void finish_with(std::size_t index, Bytes payload) {
    finish(index, at(std::chrono::milliseconds(1)), std::move(payload));
  }
  void report(std::uint32_t instance_id, std::size_t index, bool finished, Instant now) {
    wire::Report report;
    report.instance = InstanceId{instance_id};
    report.progress = {{sent(index).request.sequence, sent(index).attempt,
                        static_cast<std::uint8_t>(finished ? 1 : 0), 0, 100}};
    core.on_report(report, now);
    core.tick(now);
  }
  // The instance and the lanes it is in leave the topology.
  void lose(std::uint32_t id, Instant now) {
    ++shape.version;
    std::erase_if(shape.instances, [id](const auto& i) { return i.id.value == id; });
    std::erase_if(shape.lanes, [id](const wire::TopologyLane& lane) {
      return std::ranges::find(lane.members, InstanceId{id}) != lane.members.end();
    });
    core.on_topology(std::make_shared<const wire::Topology>(shape), now);
  }
  FakeEffects effects;
  gateway::Core core;
  wire::Topology shape;
};

}  // namespace flow::gateway_tests
