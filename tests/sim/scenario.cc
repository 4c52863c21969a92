#include "scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "cluster.h"
#include "graph/graph.h"
#include "interpreter.h"
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

constexpr std::uint32_t kMostInstances = 20;

// What tells apart which shards took part, where all of them must, and is the same for all shards
// where any may; or a program that does not bind the endpoint that is asked for.
Program program_for(const std::string& name, Polling polling, bool binds) {
  ValueList operations;
  operations.emplace_back(ValueMap{{"op", "append_text"}, {"value", name + "."}});
  if (polling == Polling::kAll || polling == Polling::kHash)
    operations.emplace_back(ValueMap{{"op", "add_shard_match"}});
  return {ValueMap{{binds ? "/default" : "/other", std::move(operations)}}, false};
}

ValueMap random_filter(World& world) {
  switch (world.pick(0, 3)) {
    case 0: return {{"tags__k", ValueMap{{"$lt", world.pick(1, 3)}}}};
    case 1: return {{"text", ValueMap{{"$regex", "t[12]:"}}}};
    case 2: return {{"tags__k", ValueMap{{"$in", ValueList{1, 3}}}}};
    default: return {};
  }
}

void choose_shards(World& world, Weather weather, graph::ExecutorDecl& executor,
                   std::uint32_t room) {
  executor.shards = static_cast<std::uint32_t>(world.pick(2, 3));
  if (executor.shards * executor.replicas > room) executor.shards = 1;
  constexpr Polling kPollings[] = {Polling::kAny,      Polling::kAll,  Polling::kAll,
                                   Polling::kAllAsync, Polling::kHash, Polling::kHash};
  executor.polling.others = kPollings[world.pick(0, 5)];
  executor.no_reduce = world.chance(0.2);
  executor.allow_partial = weather == Weather::kRough && world.chance(0.3);
}

// Each executor needs one to three of the gateway and the executors above it.
ScriptedFlow random_cluster(World& world, Weather weather) {
  ScriptedFlow flow;
  flow.declaration.name.value = "sim";
  const std::int64_t count = world.pick(1, 6);
  std::uint32_t room = kMostInstances;
  for (int i = 0; i < count && room >= 3; ++i) {
    graph::ExecutorDecl executor;
    executor.name.value = name_of(i);
    executor.uses.value = "scripted";
    executor.replicas =
        static_cast<std::uint32_t>(weather == Weather::kCalm ? world.pick(1, 3) : world.pick(2, 3));
    std::vector<int> needs;
    for (std::int64_t n = world.pick(1, 3); n > 0; --n) {
      const int need = static_cast<int>(world.pick(-1, i - 1));
      if (std::ranges::find(needs, need) == needs.end()) needs.push_back(need);
    }
    for (const int need : needs)
      executor.needs.push_back({need < 0 ? "gateway" : name_of(need), {}});
    if (world.chance(0.4)) choose_shards(world, weather, executor, room);
    const bool joins_unreduced = executor.no_reduce && needs.size() > 1;
    if (world.chance(0.25) && !joins_unreduced) {
      executor.batching = {{"*", static_cast<std::uint32_t>(world.pick(1, 8)),
                            microseconds(world.pick(100, 20'000))}};
    }
    if (world.chance(0.15)) executor.when = random_filter(world);
    executor.external =
        executor.shards == 1 && executor.batching.empty() && !joins_unreduced && world.chance(0.25);
    if (executor.external) executor.hosts.assign(executor.replicas, "sim:far");
    room -= executor.shards * executor.replicas;
    const Polling polling =
        executor.shards == 1 ? Polling::kAny : executor.polling.others.value_or(Polling::kAny);
    flow.programs[executor.name.value] =
        program_for(executor.name.value, polling, world.chance(0.75));
    flow.declaration.executors.push_back(std::move(executor));
  }
  return flow;
}

model::Documents random_documents(World& world, std::uint64_t request) {
  model::Documents documents;
  for (std::int64_t i = world.pick(0, 3); i > 0; --i) {
    documents.push_back({{"id", fmt::format("{}-{}", request, i)},
                         {"text", fmt::format("t{}:", i)},
                         {"tags", ValueMap{{"k", i}}}});
  }
  return documents;
}

// All shards do the same where one is chosen; those that an answer lacks are left out.
class Lacking final : public Choices {
 public:
  explicit Lacking(const std::vector<wire::MissingShard>& missing) : missing_(missing) {}
  int shard(const std::string&, int) override { return 0; }
  int first(int) override { return 0; }
  bool lost(const std::string& executor, int shard) override {
    return std::ranges::any_of(missing_, [&](const wire::MissingShard& each) {
      return each.executor == executor && static_cast<int>(each.shard) == shard;
    });
  }

 private:
  const std::vector<wire::MissingShard>& missing_;
};

bool same(const std::optional<model::Documents>& expected, const Bytes& payload) {
  const auto documents = wire::DocumentList::open(payload);
  return documents && expected && model::from_wire(*documents) == *expected;
}

class Scenario {
 public:
  Scenario(std::uint64_t seed, Weather weather) : weather_(weather), world_(seed) {
    flow_ = random_cluster(world_, weather);
    graph::Diagnostics diagnostics;
    std::optional<graph::Graph> graph = graph::compile(flow_.declaration, diagnostics);
    FLOW_CHECK(graph.has_value(), "a random flow does not compile");
    cluster_ =
        std::make_unique<Cluster>(world_, flow_, std::move(*graph),
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
    if (weather_ != Weather::kRough && cluster_->unheard() > 0)
      violation(fmt::format("{} parts did not reach a member of a lane", cluster_->unheard()));
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
      Asked& asked = asked_[id];
      asked.endpoint = "/work";
      asked.documents = random_documents(world_, id);
      sent_[id] = when;
      world_.at(when, [this, id] { send(id); });
    }
    verdict_.requests = static_cast<std::uint64_t>(count);
  }

  void send(std::uint64_t id) {
    wire::Request request;
    request.id = id;
    request.endpoint = asked_[id].endpoint;
    request.timeout = kDeadline;
    request.payload = model::to_wire(asked_[id].documents).encode();
    cluster_->request(std::move(request));
  }

  template <typename List>
  const auto& one_of(const List& list) {
    return list[static_cast<std::size_t>(
        world_.pick(0, static_cast<std::int64_t>(list.size()) - 1))];
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
      const std::string victim = one_of(mortal);
      world_.at(some_time(), [this, victim] { cluster_->kill_worker(victim); });
    }
    for (std::int64_t i = rough ? world_.pick(0, 6) : world_.pick(0, 1); i > 0; --i) {
      const Duration down = world_.pick_us(1000, 1'500'000);
      world_.at(some_time(), [this, rough, down] { kill_far(rough, down); });
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

  void kill_far(bool rough, Duration down) {
    std::vector<WorkerProcess*> mortal;
    for (const auto& [name, worker] : cluster_->workers()) {
      const bool spared = !rough && name.ends_with("/rep-0");
      if (world_.alive(worker->id()) && worker->forwards() && !spared)
        mortal.push_back(worker.get());
    }
    if (!mortal.empty()) one_of(mortal)->far_dies(down);
  }

  void cut_something() {
    const Duration down = world_.pick_us(1000, 300'000);
    const auto lanes = cluster_->lane_connections();
    if (!lanes.empty() && world_.chance(0.4)) {
      const auto& [publisher, member] = one_of(lanes);
      return cluster_->cut_lane(publisher, member, down);
    }
    std::vector<ProcessId> ends{cluster_->gateway().id()};
    for (const auto& [name, worker] : cluster_->workers())
      ends.push_back(worker->id());
    const Plane plane = world_.chance(0.7) ? Plane::kData : Plane::kReport;
    const ProcessId from = one_of(ends);
    world_.cut(from, one_of(ends), plane, down);
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
      const auto is_own = [](const wire::MissingShard& each) {
        return each.executor.find('/') == std::string::npos;
      };
      if (std::ranges::any_of(outcome.missing, is_own) && must_succeed)
        violation(fmt::format("request {} misses shards", id));
      Lacking choices(outcome.missing);
      const Answer expected = interpret(flow_, asked_[id], choices);
      if (!same(expected.documents, outcome.payload))
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
  ScriptedFlow flow_;
  std::unique_ptr<Cluster> cluster_;
  std::map<std::uint64_t, Asked> asked_;
  std::map<std::uint64_t, Instant> sent_;
  Duration load_ = seconds(2);
  Verdict verdict_;
};

}  // namespace

Verdict run_scenario(std::uint64_t seed, Weather weather) {
  return Scenario(seed, weather).run();
}

}  // namespace flow::sim
