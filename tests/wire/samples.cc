#include "samples.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>

namespace flow::wire::samples {
namespace {

using namespace std::chrono_literals;

Bytes of(const std::vector<std::byte>& bytes) {
  return Bytes::copy_of(bytes);
}

std::vector<std::byte> copy(const Bytes& bytes) {
  return {bytes.span().begin(), bytes.span().end()};
}

std::unique_ptr<Failure> full_failure() {
  return std::make_unique<Failure>(Failure{.code = Errc::kExecutorError,
                                           .message = "division by zero in 'scale'",
                                           .executor = "scale",
                                           .instance = "scale/rep-1"});
}

TopologyInstance instance(std::uint32_t id, std::uint16_t node, InstanceState state) {
  return {.id = {id},
          .node = {node},
          .shard = 1,
          .replica = 2,
          .name = "index/shard-1/rep-2",
          .state = state,
          .data_address = "ipc:///run/flow/index.data",
          .lane_address = "ipc:///run/flow/index.lane",
          .endpoints = {"/index", "/search"},
          .catch_all = true,
          .concurrency = 4,
          .host = "host-a",
          .wants_matrix = true};
}

bool equal_maps(const ValueMap& a, const ValueMap& b) {
  return a == b;
}

bool same(const Ready& a, const Ready& b) {
  return a.data_address == b.data_address && a.lane_address == b.lane_address &&
         a.client_addresses == b.client_addresses && a.endpoints == b.endpoints &&
         a.catch_all == b.catch_all && a.concurrency == b.concurrency &&
         a.wants_matrix == b.wants_matrix && a.holds == b.holds;
}

bool same(const Hello& a, const Hello& b) {
  const bool ready = a.ready.has_value() == b.ready.has_value() &&
                     (!a.ready.has_value() || same(*a.ready, *b.ready));
  return ready && a.role == b.role && a.name == b.name && a.instance == b.instance &&
         a.term == b.term && a.highest_id == b.highest_id && a.pid == b.pid && a.host == b.host &&
         a.version == b.version && a.topology == b.topology && a.devices == b.devices;
}

bool same(const Welcome& a, const Welcome& b) {
  return a.instance == b.instance && a.term == b.term && a.beat == b.beat && a.flow == b.flow &&
         a.executor == b.executor && a.node == b.node && a.shard == b.shard &&
         a.shards == b.shards && a.replica == b.replica && a.replicas == b.replicas &&
         equal_maps(a.with, b.with) && a.workspace == b.workspace &&
         equal_maps(a.settings, b.settings) && a.max_part_bytes == b.max_part_bytes &&
         a.timeout == b.timeout && a.threads == b.threads && a.publishes == b.publishes &&
         a.devices == b.devices;
}

bool same(const Refused& a, const Refused& b) {
  return a.message == b.message;
}

bool same(const Beat& a, const Beat& b) {
  return a.queue == b.queue && a.in_flight == b.in_flight && a.executed == b.executed &&
         a.service_us == b.service_us && a.executing_us == b.executing_us &&
         a.rss_bytes == b.rss_bytes && a.far_away == b.far_away && a.far_trouble == b.far_trouble;
}

bool same(const Topology& a, const Topology& b) {
  return a == b;
}

bool same(const TopologyAck& a, const TopologyAck& b) {
  return a.version == b.version && a.accepted == b.accepted && a.reason == b.reason &&
         a.oldest_plan == b.oldest_plan;
}

bool same(const Exit& a, const Exit& b) {
  return a.reason == b.reason && a.planned == b.planned;
}
bool same(const Drain& a, const Drain& b) {
  return a.timeout == b.timeout;
}
bool same(const Subscriptions& a, const Subscriptions& b) {
  return a.marks == b.marks;
}

bool same(const Gone& a, const Gone& b) {
  return a.instance == b.instance;
}

bool same(const CatchUp& a, const CatchUp& b) {
  return a.sibling == b.sibling;
}

bool same(const CaughtUp& a, const CaughtUp& b) {
  return a.sibling == b.sibling && a.code == b.code && a.message == b.message;
}

bool same(const AdminRequest& a, const AdminRequest& b) {
  return a.id == b.id && a.command == b.command && equal_maps(a.arguments, b.arguments);
}

bool same(const AdminReply& a, const AdminReply& b) {
  return a.id == b.id && a.code == b.code && a.message == b.message && equal_maps(a.value, b.value);
}

}  // namespace

Received deliver(const Frames& frames) {
  std::vector<std::byte> first(frames.head.begin(), frames.head.end());
  first.insert(first.end(), frames.tail.begin(), frames.tail.end());
  Received received;
  received.first = of(first);
  if (!frames.payloads.empty()) {
    received.second = frames.payloads.front();
    received.frames = 2;
  }
  return received;
}

Received deliver(const Bytes& frame) {
  return {.first = frame, .second = {}, .frames = 1};
}

Received shifted(const Received& received, std::size_t shift) {
  std::vector<std::byte> room(shift);
  room.insert(room.end(), received.first.span().begin(), received.first.span().end());
  Received moved = received;
  moved.first = of(room).slice(shift, received.first.size());
  return moved;
}

Received changed(const Received& received,
                 const std::function<void(std::vector<std::byte>&)>& change) {
  std::vector<std::byte> first = copy(received.first);
  change(first);
  Received other = received;
  other.first = of(first);
  return other;
}

std::size_t accepted_prefixes(const Received& received, const Decode& decode) {
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < received.first.size(); ++size) {
    Received prefix = received;
    prefix.first = of({received.first.span().begin(),
                       received.first.span().begin() + static_cast<std::ptrdiff_t>(size)});
    if (decode(std::move(prefix))) ++accepted;
  }
  return accepted;
}

std::size_t refused_flips(const Received& received, const Decode& decode, std::uint64_t seed,
                          std::size_t rounds) {
  std::mt19937_64 random(seed);
  std::size_t refused = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    Received damaged = changed(received, [&random, round](std::vector<std::byte>& bytes) {
      for (std::size_t i = 0; i <= round % 3; ++i) {
        bytes[random() % bytes.size()] ^= std::byte{1} << (random() % 8);
      }
    });
    if (!decode(std::move(damaged))) ++refused;
  }
  return refused;
}

std::unique_ptr<Failure> failure(Errc code, std::string message) {
  auto made = std::make_unique<Failure>();
  made->code = code;
  made->message = std::move(message);
  return made;
}

PartHeader part() {
  PartHeader header;
  header.target = 41;
  header.request = {.gateway = {3}, .sequence = 0x0102030405060708};
  header.attempt = 2;
  header.topology_version = 17;
  header.remaining = 1500ms;
  header.sent_at = Instant(123456789ns);
  header.sent_on_host = 0xCAFE0001;
  header.source = {2};
  header.source_shard = 5;
  header.endpoint = "/search";
  header.plan = {{.target = 7},
                 {.target = 0, .mode = PlanMode::kPassOver},
                 {.target = 9, .polling = Polling::kAll, .parts = 3},
                 {.target = 10, .polling = Polling::kHash, .parts = 300}};
  header.hops = {
      {.instance = 7, .node = 0, .queue_us = 1, .execute_us = 2, .reduce_us = 3, .wire_us = 4},
      {.instance = 9,
       .node = 2,
       .reserved = 0,
       .queue_us = 5,
       .execute_us = 6,
       .reduce_us = 7,
       .wire_us = 8}};
  header.parameters = Bytes::copy_of("opaque parameters");
  header.results = Bytes::copy_of("opaque results");
  header.failure = full_failure();
  header.missing = {{.node = 2, .shard = 1}};
  header.missing_elsewhere = {{"far/index", 2}, {"far/index", 4}};
  header.trace = {.id_high = 11, .id_low = 12, .parent = 13};
  header.written_ns = 0x1862030405060708;
  return header;
}

Bytes small_payload() {
  return Bytes::copy_of(std::string(128, 'p'));
}
Bytes large_payload() {
  return Bytes::copy_of(std::string(kOneFramePayload + 1, 'q'));
}

Report report() {
  return {.instance = {9},
          .progress = {{.sequence = 5, .attempt = 1},
                       {.sequence = 5, .attempt = 1, .finished = 1, .service_us = 250},
                       {.sequence = 6, .attempt = 3}},
          .queue = 4,
          .window = 64,
          .executing = 20ms,
          .dropped = 1};
}

ClientHello client_hello() {
  return {.client = "flow-client 0.1.0", .carriers = true};
}

ClientWelcome client_welcome() {
  return {.gateway = {3},
          .flow = "search",
          .max_request_bytes = 16 << 20,
          .max_in_flight = 1024,
          .deadline = 30s,
          .carriers = true};
}

Request request() {
  return {.id = 77,
          .endpoint = "/index",
          .target_executor = "enc.*",
          .timeout = 2500ms,
          .parameters = Bytes::copy_of("opaque parameters"),
          .payload = small_payload()};
}

Response response() {
  Response response;
  response.id = 77;
  response.request = {.gateway = {3}, .sequence = 9};
  response.failure = full_failure();
  response.attempts = 2;
  response.total_us = 8123;
  response.hops = {{"encode", "encode/rep-0", 1, 2, 3, 4}, {"index", "index/rep-1", 5, 6, 7, 8}};
  response.missing = {{"index", 2}, {"index", 4}};
  response.results = Bytes::copy_of("opaque results");
  response.retry_after = 100ms;
  response.payload = small_payload();
  return response;
}

Topology topology() {
  Topology topology;
  topology.term = 4;
  topology.version = 19;
  topology.flow = "search";
  TopologyNode encode;
  encode.name = "encode";
  encode.needs = {kGatewayNode};
  encode.replicas = 2;
  encode.batching = {{"/index", 32, 10ms}, {"*", 4, 1s}};
  TopologyNode index;
  index.name = "index";
  index.needs = {kGatewayNode, {0}};
  index.no_reduce = index.floating = true;
  index.shards = 3;
  index.replicas = 2;
  index.timeout = 5s;
  index.effects = {{"/index", "idempotent"}, {"*", "readonly"}};
  topology.nodes = {encode, index};
  topology.sink = {1};
  topology.instances = {instance(7, 0, InstanceState::kServing),
                        instance(8, 1, InstanceState::kRetired)};
  topology.gateways = {
      {{3}, "gateway/0", "tcp://127.0.0.1:7001", "tcp://127.0.0.1:7002", "host-a"}};
  return topology;
}

Ready ready() {
  return {.data_address = "ipc:///run/flow/a.data",
          .lane_address = "ipc:///run/flow/a.lane",
          .client_addresses = {"tcp://127.0.0.1:7000", "ipc:///run/flow/clients"},
          .endpoints = {"/index", "/search"},
          .catch_all = true,
          .concurrency = 8,
          .wants_matrix = true};
}

SnapshotAsk snapshot_ask() {
  return {.target = 8, .from = {9}, .cursor = "p7-1234", .limit = 1U << 20};
}

SnapshotPiece snapshot_piece() {
  return {.target = 9,
          .from = {8},
          .asked = "p7-1234",
          .next = "p7-5678",
          .last = true,
          .code = Errc::kNotFound,
          .message = "another process",
          .payload = small_payload()};
}

Hello hello() {
  Hello hello;
  hello.role = Role::kGateway;
  hello.name = "gateway/0";
  hello.instance = {3};
  hello.term = 4;
  hello.highest_id = 12;
  hello.pid = 4711;
  hello.host = "host-a";
  hello.version = "0.1.0";
  hello.topology = topology();
  hello.ready = ready();
  hello.devices = {"RR0:2", 4};
  return hello;
}

Welcome welcome() {
  Welcome welcome;
  welcome.instance = {13};
  welcome.term = 4;
  welcome.beat = 250ms;
  welcome.flow = "search";
  welcome.executor = "index";
  welcome.node = {1};
  welcome.shard = 2;
  welcome.shards = 3;
  welcome.replica = 1;
  welcome.replicas = 2;
  welcome.with = {{"greeting", "hello"}, {"top_k", 10}};
  welcome.workspace = "/var/lib/flow/index";
  welcome.settings = {{"max_request", 16777216}, {"ratio", 0.5}};
  welcome.max_part_bytes = 32 << 20;
  welcome.timeout = 5s;
  welcome.threads = 4;
  welcome.devices = "1";
  return welcome;
}

// What a flow with lanes and companions has besides.
Topology topology_with_lanes() {
  Topology topology = samples::topology();
  TopologyNode& before = topology.nodes[0];
  before.name = "index/uses_before";
  before.takes_parts = true;
  before.when = {{"tags__lang", ValueMap{{"$eq", "en"}}}};
  TopologyNode& index = topology.nodes[1];
  index.polling = {{"/search", Polling::kAll}, {"/try", Polling::kAllAsync}, {"*", Polling::kAny}};
  index.allow_partial = true;
  topology.instances[0].state = InstanceState::kStarting;
  topology.lanes = {
      {.id = {14}, .node = {1}, .members = {{8}, {9}, {11}}},
      {.id = {15}, .node = {1}, .state = InstanceState::kServing, .members = {{8}, {}, {10}}},
      {.id = {17}, .node = {1}, .state = InstanceState::kRetired, .members = {{7}, {}, {10}}}};
  topology.sorts = true;
  return topology;
}

// What a flow that replicates has besides.
Topology topology_with_groups() {
  Topology topology = samples::topology();
  TopologyNode& index = topology.nodes[1];
  index.shards = 2;
  index.replicas = 2;
  index.replicate = {"/index", "/delete"};
  topology.instances[0].state = InstanceState::kBehind;
  topology.groups = {{.id = {18}, .node = {1}, .members = {{8}, {}, {10}, {11}}},
                     {.id = {17},
                      .node = {1},
                      .state = InstanceState::kRetired,
                      .members = {{}, {7}, {10}, {11}}}};
  return topology;
}

std::vector<Control> control_messages() {
  std::vector<Control> all;
  all.push_back({"hello", hello()});
  all.push_back({"welcome", welcome()});
  all.push_back({"refused", Refused{.message = "slot index/rep-9 is not in the flow"}});
  all.push_back({"ready", ready()});
  const char* const trouble = "nobody answers at tcp://10.0.0.8:7001";
  all.push_back({"beat", Beat{1, 2, 3, 4, 5, 6, 7us, trouble}});
  all.push_back({"topology", topology()});
  all.push_back({"topology_ack", TopologyAck{.version = 19,
                                             .accepted = true,
                                             .reason = "version 19 is older than 20",
                                             .oldest_plan = 18}});
  all.push_back({"exit", Exit{.reason = "drained", .planned = true}});
  all.push_back({"drain", Drain{.timeout = 30s}});
  all.push_back({"gone", Gone{.instance = {8}}});
  Welcome publisher = welcome();
  publisher.publishes = true;
  publisher.devices = "";  // there, and empty
  all.push_back({"welcome_of_publisher", publisher});
  all.push_back({"topology_with_lanes", topology_with_lanes()});
  all.push_back({"topology_with_groups", topology_with_groups()});
  Ready replica = ready();
  replica.holds = Holding{{1'700'000'000'000'000'000, 3}, 0x1234'5678'9abc'def0, 42};
  all.push_back({"ready_of_replica", replica});
  all.push_back({"catch_up", CatchUp{.sibling = {8}}});
  all.push_back({"caught_up", CaughtUp{{8}, Errc::kUnavailable, "it does not answer"}});
  all.push_back({"subscriptions", Subscriptions{.marks = {{{9}, {4}}, {{9}, {5}}}}});
  all.push_back({"admin_request",
                 AdminRequest{.id = 5, .command = "drain", .arguments = {{"timeout", 30000000}}}});
  all.push_back({"admin_reply", AdminReply{.id = 5,
                                           .code = Errc::kUnavailable,
                                           .message = "shutting down",
                                           .value = {{"state", "draining"}}}});
  return all;
}

bool equal(const Failure* a, const Failure* b) {
  return a == nullptr || b == nullptr ? a == b : *a == *b;
}

bool equal(const PartHeader& a, const PartHeader& b) {
  return a.target == b.target && a.request == b.request && a.attempt == b.attempt &&
         a.topology_version == b.topology_version && a.remaining == b.remaining &&
         a.sent_at == b.sent_at && a.sent_on_host == b.sent_on_host && a.source == b.source &&
         a.source_shard == b.source_shard && a.source_replica == b.source_replica &&
         a.endpoint == b.endpoint && a.plan == b.plan && a.hops == b.hops &&
         a.parameters == b.parameters && a.results == b.results && a.missing == b.missing &&
         a.missing_elsewhere == b.missing_elsewhere && equal(a.failure.get(), b.failure.get()) &&
         a.trace == b.trace && a.written_ns == b.written_ns;
}

bool equal(const Report& a, const Report& b) {
  return a.instance == b.instance && a.progress == b.progress && a.queue == b.queue &&
         a.window == b.window && a.executing == b.executing && a.dropped == b.dropped;
}

bool equal(const ClientWelcome& a, const ClientWelcome& b) {
  return a.gateway == b.gateway && a.flow == b.flow && a.max_request_bytes == b.max_request_bytes &&
         a.max_in_flight == b.max_in_flight && a.deadline == b.deadline && a.carriers == b.carriers;
}

bool equal(const Request& a, const Request& b) {
  return a.id == b.id && a.endpoint == b.endpoint && a.target_executor == b.target_executor &&
         a.timeout == b.timeout && a.parameters == b.parameters && a.payload == b.payload;
}

bool equal(const Response& a, const Response& b) {
  const auto same_hop = [](const ResponseHop& x, const ResponseHop& y) {
    return x.executor == y.executor && x.instance == y.instance && x.queue_us == y.queue_us &&
           x.execute_us == y.execute_us && x.reduce_us == y.reduce_us && x.wire_us == y.wire_us;
  };
  return a.id == b.id && a.request == b.request && equal(a.failure.get(), b.failure.get()) &&
         a.attempts == b.attempts && a.total_us == b.total_us &&
         std::ranges::equal(a.hops, b.hops, same_hop) && a.missing == b.missing &&
         a.results == b.results && a.retry_after == b.retry_after && a.payload == b.payload;
}

bool equal(const ControlMessage& a, const ControlMessage& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto& content) {
        return same(content, std::get<std::decay_t<decltype(content)>>(b));
      },
      a);
}

}  // namespace flow::wire::samples
