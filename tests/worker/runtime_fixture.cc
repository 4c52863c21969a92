#include "runtime_fixture.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "net/loop.h"
#include "wire/value_codec.h"

namespace flow::worker {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 10s;
constexpr Duration kLook = 5ms;  // at what no socket tells: the child's end

net::Socket bound(net::Context& context, net::SocketType type, net::Traffic traffic,
                  const std::string& address) {
  net::SocketOptions options;
  options.traffic = traffic;
  Result<net::Socket> socket = net::Socket::open(context, type, options);
  REQUIRE(socket.ok());
  REQUIRE(socket->bind(address).ok());
  return std::move(*socket);
}

}  // namespace

TempFolder::TempFolder() {
  std::string pattern = "/tmp/flow-worker-test-XXXXXX";
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Stage::Stage()
    : router_(bound(context_, net::SocketType::kRouter, net::Traffic::kControl,
                    "ipc://" + folder.path() + "/broker.ipc")),
      pull_(bound(context_, net::SocketType::kPull, net::Traffic::kData,
                  "ipc://" + folder.path() + "/data-3.ipc")) {
  welcome_message.instance = kWorker;
  welcome_message.term = 1;
  welcome_message.beat = 200ms;
  welcome_message.flow = "test";
  welcome_message.executor = "node";
  welcome_message.max_part_bytes = 1U << 20;
}

Stage::~Stage() {
  if (pid_ == 0 || exited()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Stage::start(const std::string& uses) {
  const char* program = std::getenv("FLOW_TEST_EXECUTOR");
  REQUIRE(program != nullptr);
  const std::string broker = "ipc://" + folder.path() + "/broker.ipc";
  const std::string errors = folder.path() + "/stderr";
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ != 0) return;
  const int fd = open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, STDERR_FILENO);
  execl(program, program, "--broker", broker.c_str(), "--name", "node/rep-0", "--run-dir",
        folder.path().c_str(), "--uses", uses.c_str(), nullptr);
  _exit(127);
}

bool Stage::wait(const std::function<bool()>& done) {
  net::Loop loop(clock_);
  const Instant limit = clock_.now() + kPatience;
  bool reached = false;
  loop.watch(router_, [this] { on_control(); });
  loop.watch(pull_, [this] { on_data(); });
  if (peers_.publishes()) loop.watch(peers_.publisher(), [this] { peers_.take_subscriptions(); });
  loop.run([&](Instant now) {
    reached = done();
    if (reached || now >= limit) loop.stop();
    return now + kLook;
  });
  return reached;
}

void Stage::on_control() {
  Received received;
  while (router_.receive_from(peer_, received)) {
    Result<wire::ControlMessage> message = wire::decode_control(std::move(received));
    REQUIRE(message.ok());
    control.push_back(std::move(*message));
  }
}

void Stage::on_data() {
  Received received;
  const auto receive = [this](Received& message) { return pull_.receive(message); };
  while (inbox_.next(received, receive)) {
    const auto peeked = wire::peek(received);
    REQUIRE(peeked.has_value());
    if (peeked->kind == wire::Kind::kReport) {
      REQUIRE(wire::decode_report(received, report).ok());
      progress.insert(progress.end(), report.progress.begin(), report.progress.end());
      continue;
    }
    Answer answer;
    REQUIRE(wire::decode_part(std::move(received), answer.part).ok());
    const Result<wire::DocumentList> list = wire::DocumentList::open(answer.part.payload);
    REQUIRE(list.ok());
    for (const wire::Document& document : *list)
      answer.texts.emplace_back(document.text());
    answers.push_back(std::move(answer));
  }
}

void Stage::to_worker(const wire::ControlMessage& message) {
  REQUIRE(router_.send_to(peer_, wire::encode_control(message)) == net::Sent::kSent);
}

bool Stage::welcome() {
  if (!wait([this] { return last<wire::Hello>() != nullptr; })) return false;
  to_worker(welcome_message);
  return true;
}

bool Stage::serve() {
  if (!welcome() || !wait([this] { return last<wire::Ready>() != nullptr; })) return false;
  Result<net::Socket> push = net::Socket::open(context_, net::SocketType::kPush, {});
  REQUIRE(push.ok());
  REQUIRE(push->connect(last<wire::Ready>()->data_address).ok());
  push_ = std::move(*push);
  publish_topology(true);
  return acknowledged();
}

bool Stage::acknowledged() {
  return wait([this] {
    const auto* ack = last<wire::TopologyAck>();
    return ack != nullptr && ack->version == topology_version_ && ack->accepted;
  });
}

void Stage::publish_topology(bool with_gateway) {
  wire::Topology topology;
  topology.term = 1;
  topology.version = ++topology_version_;
  topology.flow = "test";
  wire::TopologyNode& node = topology.nodes.emplace_back();
  node.name = "node";
  node.needs = {flow::kGatewayNode};
  topology.sink = NodeIndex{0};
  wire::TopologyInstance& instance = topology.instances.emplace_back();
  instance.id = kWorker;
  instance.name = "node/rep-0";
  instance.state = wire::InstanceState::kServing;
  instance.data_address = last<wire::Ready>()->data_address;
  if (with_gateway) {
    wire::TopologyGateway& gateway = topology.gateways.emplace_back();
    gateway.id = kGateway;
    gateway.name = "gateway/0";
    gateway.data_address = "ipc://" + folder.path() + "/data-3.ipc";
    if (peers_.publishes()) gateway.lane_address = cluster::lane_address(folder.path(), kGateway);
  }
  shape(topology);
  peers_.update(topology, flow::kGatewayNode, clock_.now());
  to_worker(topology);
}

void Stage::listen_to_members() {
  REQUIRE(peers_.bind_publisher(cluster::lane_address(folder.path(), kGateway)).ok());
}

void Stage::publish(InstanceId lane, std::uint64_t sequence, const std::string& endpoint) {
  wire::PartHeader header = part_header(sequence, endpoint);
  header.target = lane.value;
  header.plan[0] = {.target = lane.value, .polling = wire::Polling::kAll};
  wire::PartEncoder encoder;
  peers_.publish(lane, encoder.encode(header, Bytes()));
  peers_.flush(clock_.now());
}

net::Socket Stage::join_lane(InstanceId lane, InstanceId member) {
  Result<net::Socket> socket = net::Socket::open(context_, net::SocketType::kSub, {});
  REQUIRE(socket.ok());
  REQUIRE(socket->connect(last<wire::Ready>()->lane_address).ok());
  const std::array<std::uint32_t, 2> marker = {lane.value, member.value};
  const std::string_view bytes(reinterpret_cast<const char*>(marker.data()), sizeof marker);
  socket->subscribe(bytes.substr(0, sizeof lane.value));
  socket->subscribe(bytes);
  return std::move(*socket);
}

wire::PartHeader Stage::part_header(std::uint64_t sequence, const std::string& endpoint) const {
  wire::PartHeader header;
  header.target = kWorker.value;
  header.request = {.gateway = kGateway, .sequence = sequence};
  header.topology_version = topology_version_;
  header.remaining = 60s;
  header.endpoint = endpoint;
  header.plan.push_back({.target = kWorker.value});
  return header;
}

Bytes Stage::one_document() const {
  wire::Document document;
  document.set_text("x");
  return wire::DocumentList({document}).encode();
}

void Stage::post(std::uint64_t sequence, const std::string& endpoint, const ValueMap& parameters) {
  wire::PartHeader header = part_header(sequence, endpoint);
  header.parameters = wire::encode_value(parameters);
  if (plan_behind) header.plan.push_back(*plan_behind);
  wire::PartEncoder encoder;
  REQUIRE(push_.send(encoder.encode(header, one_document())) == net::Sent::kSent);
}

void Stage::post_together(const std::vector<std::pair<std::string, ValueMap>>& requests) {
  const auto send = [this](const Frames& frames) {
    REQUIRE(push_.send(frames) == net::Sent::kSent);
  };
  wire::PartEncoder encoder;
  wire::Outbox outbox;
  std::uint64_t sequence = 0;
  for (const auto& [endpoint, parameters] : requests) {
    wire::PartHeader header = part_header(++sequence, endpoint);
    header.parameters = wire::encode_value(parameters);
    outbox.post(encoder.encode(header, one_document()), send);
  }
  outbox.flush(send, kMaxFrames);
}

void Stage::restart_broker() {
  router_.close();
  control.clear();
  router_ = bound(context_, net::SocketType::kRouter, net::Traffic::kControl,
                  "ipc://" + folder.path() + "/broker.ipc");
}

void Stage::terminate() const {
  REQUIRE(kill(pid_, SIGTERM) == 0);
}

std::optional<int> Stage::exited() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_)
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

bool Stage::wait_exit(int status) {
  return wait([this] { return exited().has_value(); }) && *exited() == status;
}

std::string Stage::stderr_text() const {
  std::ostringstream text;
  text << std::ifstream(folder.path() + "/stderr").rdbuf();
  return text.str();
}

}  // namespace flow::worker
