#include "far.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace flow::sim {
namespace {

constexpr const char* kAddress = "sim:far";
constexpr std::int64_t kLongestWayUs = 2'000;
constexpr std::uint64_t kMostBytes = 16U << 20;

ExecutorConfig config_of(const std::string& executor, const std::string& instance) {
  ExecutorConfig config;
  config.name = executor;
  config.instance = instance;
  return config;
}

}  // namespace

FarEnd::FarEnd(World& world, const Clock& clock, ProcessId owner, const std::string& executor,
               const std::string& instance, const Program& program, Duration service,
               std::function<void()> arrived)
    : world_(world),
      clock_(clock),
      owner_(owner),
      service_(service),
      arrived_(std::move(arrived)),
      program_(program),
      config_(config_of(executor, instance)),
      executor_(config_, InstanceId{1}, clock),
      core_(kAddress, worker::Forwarder::kLimit, *this),
      forwarder_({kAddress, {}, worker::Forwarder::kShortPatience, kMostBytes, owner}, core_,
                 clock) {
  const Status started = executor_.start([&program, &executor](const ExecutorConfig&) {
    return make_scripted(program, executor, 0, 1);
  });
  FLOW_CHECK(started.ok(), "the far executor does not start");
  core_.start(clock.now());
}

FarEnd::~FarEnd() = default;

Instant FarEnd::tick(Instant now) {
  return std::min(forwarder_.tick(now, {}), core_.tick(now));
}

void FarEnd::comes_back(Duration after, std::function<void()> what) {
  world_.after(after, [this, from = incarnation_, what = std::move(what)] {
    if (!world_.alive(owner_) || from != incarnation_) return;
    what();
    arrived_();
  });
}

void FarEnd::die(Duration down) {
  ++incarnation_;
  there_at_ = world_.now() + down;
  core_.lost("the connection ended", clock_.now());
  arrived_();
}

void FarEnd::send_hello() {
  const Duration wait = std::max(there_at_ - world_.now(), Duration{});
  comes_back(wait + world_.pick_us(0, kLongestWayUs), [this] {
    wire::ClientWelcome welcome;
    welcome.gateway = InstanceId{incarnation_};
    core_.welcomed(welcome, clock_.now());
  });
}

void FarEnd::send_ping() {
  comes_back(world_.pick_us(0, kLongestWayUs), [this] { core_.heard(clock_.now()); });
}

void FarEnd::send_request(const wire::Request& request) {
  worker::Work work;
  work.number = request.id;
  work.endpoint = request.endpoint;
  work.parameters = request.parameters;
  work.payload = request.payload;
  work.deadline = clock_.now() + request.timeout;
  const bool lacks = program_.binds(request.endpoint) &&
                     wire::DocumentList::count(request.payload).value_or(0) % 2 == 1;
  auto done = std::make_shared<worker::WorkDone>(executor_.run(std::move(work), kMostBytes));
  const std::int64_t us = to_us(service_);
  const Duration takes = world_.pick_us(us / 2, us * 3 / 2) + 2 * world_.pick_us(0, kLongestWayUs);
  comes_back(takes, [this, done, lacks] {
    Reply reply;
    wire::Response& response = reply.response;
    response.id = done->number;
    response.attempts = 1;
    response.failure = std::move(done->failure);
    response.payload = std::move(done->payload);
    response.results = std::move(done->results);
    if (lacks && response.failure == nullptr) response.missing.push_back(kLacks);
    core_.responded(std::move(reply), clock_.now());
  });
}

void FarEnd::deliver(const Client::OnReply& on_reply, bool /*open_documents*/, Reply&& reply) {
  on_reply(std::move(reply));
}

}  // namespace flow::sim
