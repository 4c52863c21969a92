#include "worker_fixture.h"

#include <algorithm>
#include <utility>

namespace flow::worker {
namespace {

using namespace std::chrono_literals;

NodeIndex find_node(const wire::Topology& topology, const std::string& name) {
  const auto found = std::ranges::find(topology.nodes, name, &wire::TopologyNode::name);
  if (found == topology.nodes.end()) return kGatewayNode;
  return NodeIndex{static_cast<std::uint16_t>(found - topology.nodes.begin())};
}

Self self_of(const wire::Topology& topology, const std::string& name, std::uint64_t limit) {
  const NodeIndex node = find_node(topology, name);
  Self self;
  self.instance = InstanceId{node.value + 1U};
  self.node = node;
  self.host = kHost;
  self.executor = name;
  self.name = name + "/rep-0";
  self.max_part_bytes = limit;
  return self;
}

}  // namespace

Bytes documents(const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  Documents list;
  for (const std::string& text : texts) {
    Document document;
    document.set_id(text);
    document.set_text(text);
    list.push_back(std::move(document));
  }
  return list.encode();
}

std::vector<std::string> texts_of(const Bytes& payload) {
  const Result<Documents> list = Documents::open(payload);
  if (!list) return {list.error().message};
  std::vector<std::string> texts;
  for (const Document& document : *list)
    texts.emplace_back(document.text());
  return texts;
}

namespace {

SentPart sent_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
  SentPart part;
  part.to = to;
  part.header.target = header.target;
  part.header.request = header.request;
  part.header.attempt = header.attempt;
  part.header.remaining = header.remaining;
  part.header.sent_at = header.sent_at;
  part.header.sent_on_host = header.sent_on_host;
  part.header.source = header.source;
  part.header.endpoint = header.endpoint;
  part.header.hops = header.hops;
  part.header.results = header.results;
  part.header.parameters = header.parameters;
  if (header.failure != nullptr)
    part.header.failure = std::make_unique<wire::Failure>(*header.failure);
  part.texts = texts_of(payload);
  part.payload = payload;
  part.header.missing = header.missing;
  part.header.missing_elsewhere = header.missing_elsewhere;
  part.header.written_ns = header.written_ns;
  return part;
}

}  // namespace

void FakePort::send_part(InstanceId to, const wire::PartHeader& header, const Bytes& payload) {
  sent.push_back(sent_part(to, header, payload));
}

void FakePort::publish_part(InstanceId lane, const wire::PartHeader& header, const Bytes& payload) {
  published.push_back(sent_part(lane, header, payload));
}

void FakePort::progress(RequestId /*request*/, wire::Progress progress) {
  reported.push_back(progress);
}

bool FakeExecution::wants_matrix(std::string_view /*endpoint*/) const {
  return matrix;
}

bool FakeExecution::has_room() const {
  return elsewhere.size() < most_elsewhere;
}

bool FakeExecution::run(Ticket ticket, const wire::PartHeader& /*header*/, Contents& contents,
                        Instant begun, Duration remaining, Executed& executed) {
  ++runs;
  seen_remaining = remaining;
  if (goes_elsewhere) {
    elsewhere.push_back({ticket, &contents});
    return false;
  }
  executed.ended = begun + service;
  executed.error = handler(contents);
  executed.results = results;
  return true;
}

void FakeExecution::abandon(Ticket ticket) {
  abandoned.push_back(ticket);
}

std::shared_ptr<wire::Topology> make_graph(const std::vector<GraphNode>& nodes,
                                           const std::string& sink, std::uint64_t version) {
  auto topology = std::make_shared<wire::Topology>();
  topology->term = 1;
  topology->version = version;
  for (const GraphNode& node : nodes) {
    wire::TopologyNode& made = topology->nodes.emplace_back();
    made.name = node.name;
    made.no_reduce = node.no_reduce;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& need : nodes[i].needs)
      topology->nodes[i].needs.push_back(find_node(*topology, need));
    wire::TopologyInstance& instance = topology->instances.emplace_back();
    instance.id = InstanceId{static_cast<std::uint32_t>(i + 1)};
    instance.node = NodeIndex{static_cast<std::uint16_t>(i)};
    instance.state = wire::InstanceState::kServing;
  }
  topology->sink = find_node(*topology, sink);
  wire::TopologyGateway& gateway = topology->gateways.emplace_back();
  gateway.id = kGateway;
  gateway.name = "gateway/0";
  return topology;
}

std::shared_ptr<wire::Topology> sharded_graph(std::uint64_t version) {
  auto topology = make_graph({{"first", {"gateway"}}, {"index", {"first"}}, {"last", {"index"}}},
                             "last", version);
  topology->nodes[1].shards = 2;
  wire::TopologyInstance second = topology->instances[1];
  second.id = InstanceId{9};
  second.shard = 1;
  topology->instances.push_back(second);
  wire::TopologyLane& lane = topology->lanes.emplace_back();
  lane.id = kLane;
  lane.node = NodeIndex{1};
  lane.state = wire::InstanceState::kServing;
  lane.members = {InstanceId{2}, InstanceId{9}};
  return topology;
}

Bench::Bench(std::shared_ptr<wire::Topology> made, const std::string& own, std::uint64_t limit)
    : topology(std::move(made)), name(own), core(self_of(*topology, own, limit), execution, port) {
  execution.clock = at(0ms);
  core.set_topology(topology, at(0ms));
}

NodeIndex Bench::node(const std::string& node_name) const {
  return find_node(*topology, node_name);
}

InstanceId Bench::instance(const std::string& node_name) const {
  return InstanceId{node(node_name).value + 1U};
}

PartPointer Bench::part(const std::string& from, const std::vector<std::string>& texts) const {
  auto part = std::make_unique<wire::Part>();
  wire::PartHeader& header = part->header;
  header.target = instance(name).value;
  header.request = {.gateway = kGateway, .sequence = 1};
  header.topology_version = topology->version;
  header.remaining = 1s;
  header.source = node(from);
  header.endpoint = "/x";
  for (std::size_t i = 0; i < topology->nodes.size(); ++i)
    header.plan.push_back({.target = static_cast<std::uint32_t>(i + 1)});
  part->payload = documents(texts);
  return part;
}

void Bench::feed(PartPointer part, Instant now) {
  core.receive(std::move(part), now);
  run_all(now);
}

void Bench::run_all(Instant now) {
  while (core.execute_next(now, now)) {
  }
}

}  // namespace flow::worker
