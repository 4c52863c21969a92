#include "scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "actors.h"
#include "base/check.h"
#include "graph/graph.h"
#include "route/reduce.h"
#include "wire/document_list.h"

namespace flow::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kDeadline = seconds(5);
constexpr Duration kGrace = seconds(1);

std::string name_of(int n) {
  return fmt::format("n{}", n);
}

// Each executor needs one to three of the gateway and the executors above it.
graph::FlowDecl random_flow(World& world, Weather weather) {
  graph::FlowDecl flow;
  flow.name.value = "sim";
  const std::int64_t count = world.pick(1, 6);
  for (int i = 0; i < count; ++i) {
    graph::ExecutorDecl executor;
    executor.name.value = name_of(i);
    executor.uses.value = "add-text";
    executor.replicas =
        static_cast<std::uint32_t>(weather == Weather::kCalm ? world.pick(1, 3) : world.pick(2, 3));
    std::vector<int> needs;
    for (std::int64_t n = world.pick(1, 3); n > 0; --n) {
      const int need = static_cast<int>(world.pick(-1, i - 1));
      if (std::ranges::find(needs, need) == needs.end()) needs.push_back(need);
    }
    for (const int need : needs)
      executor.needs.push_back({need < 0 ? "gateway" : name_of(need), {}});
    flow.executors.push_back(std::move(executor));
  }
  return flow;
}

// What the semantics say, computed directly: every executor appends its name to each text.
wire::DocumentList interpret(const graph::Graph& graph, NodeIndex node,
                             const wire::DocumentList& input) {
  if (node == kGatewayNode) return input;
  std::vector<wire::DocumentList> parts;
  for (const NodeIndex need : graph[node].needs)
    parts.push_back(interpret(graph, need, input));
  wire::DocumentList documents = route::reduce_all(std::move(parts));
  for (wire::Document& document : documents)
    document.change().text += graph[node].name + ".";
  return documents;
}

wire::DocumentList random_documents(World& world, std::uint64_t request) {
  wire::DocumentList documents;
  for (std::int64_t i = world.pick(0, 3); i > 0; --i) {
    wire::Document document;
    document.set_id(fmt::format("{}-{}", request, i));
    document.set_text(fmt::format("t{}:", i));
    documents.push_back(std::move(document));
  }
  return documents;
}

bool same(const wire::DocumentList& a, const Bytes& payload) {
  const auto b = wire::DocumentList::open(payload);
  if (!b || b->size() != a.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] == (*b)[i])) return false;
  }
  return true;
}

class Scenario {
 public:
  Scenario(std::uint64_t seed, Weather weather) : weather_(weather), world_(seed) {
    graph::FlowDecl flow = random_flow(world_, weather);
    graph::Diagnostics diagnostics;
    std::optional<graph::Graph> graph = graph::compile(flow, diagnostics);
    FLOW_CHECK(graph.has_value(), "a random flow does not compile");
    cluster_ =
        std::make_unique<Cluster>(world_, std::move(flow), std::move(*graph),
                                  [this](const std::string&) { return world_.pick_us(20, 8000); });
  }

  Verdict run() {
    cluster_->start();
    world_.run_until(Instant(seconds(2)));
    if (cluster_->broker()->core().state() != broker::FlowState::kReady) {
      violation("the flow is not ready after 2 s: " + cluster_->broker()->core().reason());
      return verdict_;
    }
    plan_requests();
    if (weather_ != Weather::kCalm) plan_faults();
    world_.run_until(Instant(seconds(2)) + load_ + kDeadline + kGrace);
    check_outcomes();
    world_.run_until(world_.now() + seconds(40));
    check_empty();
    verdict_.lost_messages = world_.lost();
    verdict_.redispatched = cluster_->gateway().core()->counters()[gateway::Counter::kRedispatched];
    return std::move(verdict_);
  }

 private:
  void violation(std::string text) { verdict_.violations.push_back(std::move(text)); }

  void plan_requests() {
    const std::int64_t count = world_.pick(20, 120);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto id = static_cast<std::uint64_t>(i + 1);
      const Instant when = world_.now() + world_.pick_us(0, to_us(load_));
      inputs_[id] = random_documents(world_, id);
      sent_[id] = when;
      world_.at(when, [this, id] { cluster_->request(id, inputs_[id].encode(), kDeadline); });
    }
    verdict_.requests = static_cast<std::uint64_t>(count);
  }

  void plan_faults() {
    const bool rough = weather_ == Weather::kRough;
    const auto some_time = [this] { return world_.now() + world_.pick_us(0, to_us(load_)); };
    for (std::int64_t i = rough ? world_.pick(1, 8) : world_.pick(1, 2); i > 0; --i) {
      // Gently: only replicas above the first die, so that one of each always lives.
      std::vector<std::string> mortal;
      for (const std::string& name : cluster_->worker_names()) {
        if (rough || !name.ends_with("/rep-0")) mortal.push_back(name);
      }
      const std::string victim = mortal[static_cast<std::size_t>(
          world_.pick(0, static_cast<std::int64_t>(mortal.size()) - 1))];
      world_.at(some_time(), [this, victim] { cluster_->kill_worker(victim); });
    }
    if (world_.chance(0.5)) {
      const Duration down = world_.pick_us(50'000, 1'500'000);
      world_.at(some_time(), [this, down] { cluster_->kill_broker(down); });
    }
    if (world_.chance(0.3)) {
      const Duration away = world_.pick_us(50'000, 3'000'000);
      world_.at(some_time(), [this, away] { cluster_->store_away(away); });
    }
    for (std::int64_t i = rough ? world_.pick(0, 6) : 0; i > 0; --i) {
      world_.at(some_time(), [this] { cut_something(); });
    }
  }

  void cut_something() {
    std::vector<ProcessId> ends{cluster_->gateway().id()};
    for (const auto& [name, worker] : cluster_->workers())
      ends.push_back(worker->id());
    const auto pick = [&] {
      return ends[static_cast<std::size_t>(
          world_.pick(0, static_cast<std::int64_t>(ends.size()) - 1))];
    };
    const Plane plane = world_.chance(0.7) ? Plane::kData : Plane::kReport;
    const ProcessId from = pick();
    const ProcessId to = pick();
    world_.cut(from, to, plane, world_.pick_us(1000, 300'000));
  }

  void check_outcomes() {
    const bool must_succeed = weather_ != Weather::kRough;
    for (const auto& [id, outcome] : cluster_->outcomes()) {
      verdict_.trace += fmt::format("{}:{}@{} ", id, to_string(outcome.code),
                                    outcome.at.time_since_epoch().count());
      if (outcome.count != 1)
        violation(fmt::format("request {} had {} outcomes", id, outcome.count));
      if (outcome.count == 0) continue;
      if (outcome.at > sent_[id] + kDeadline + kGrace)
        violation(fmt::format("request {} ended late", id));
      if (outcome.code != Errc::kOk) {
        if (must_succeed)
          violation(fmt::format("request {} failed: {} {}", id, to_string(outcome.code),
                                outcome.message));
        continue;
      }
      ++verdict_.ok;
      const auto expected = interpret(cluster_->graph(), cluster_->graph().sink(), inputs_[id]);
      if (!same(expected, outcome.payload))
        violation(fmt::format("request {} has wrong documents", id));
    }
  }

  void check_empty() {
    gateway::Core& gateway = *cluster_->gateway().core();
    gateway.drain();
    if (!gateway.drained()) {
      violation(fmt::format("the gateway still holds requests: in flight {}, queued {}",
                            gateway.in_flight(), gateway.queued()));
    }
    for (const auto& [name, worker] : cluster_->workers()) {
      if (worker->core() == nullptr || !world_.alive(worker->id())) continue;
      if (!worker->core()->idle()) {
        violation(fmt::format("{} is not empty: {} jobs, {} gathers", name, worker->core()->jobs(),
                              worker->core()->gathering()));
      }
    }
  }

  Weather weather_;
  World world_;
  std::unique_ptr<Cluster> cluster_;
  std::map<std::uint64_t, wire::DocumentList> inputs_;
  std::map<std::uint64_t, Instant> sent_;
  Duration load_ = seconds(2);
  Verdict verdict_;
};

}  // namespace

Verdict run_scenario(std::uint64_t seed, Weather weather) {
  return Scenario(seed, weather).run();
}

}  // namespace flow::sim
