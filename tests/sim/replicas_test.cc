// Replicated writes in the simulator: replicas, the broker and connections die while documents are
// written, removed and searched for. Nothing acknowledged is lost, nothing found is older than what
// was acknowledged before it was asked for, and in the end all replicas of a shard hold the same.
//
// FLOW_SIM_SEED=N runs only that seed, FLOW_SIM_SEEDS=N that many (default 200).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "cluster.h"
#include "graph/graph.h"
#include "replica_store.h"

namespace flow::sim {
namespace {

using std::chrono::seconds;

constexpr Duration kDeadline = seconds(8);
constexpr int kIds = 12;

std::uint64_t number(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

graph::ExecutorDecl executor(const std::string& name, const std::string& need) {
  graph::ExecutorDecl made;
  made.name.value = name;
  made.uses.value = "scripted";
  made.replicas = 2;
  made.needs.push_back({need, {}});
  return made;
}

ScriptedFlow random_index(World& world) {
  ScriptedFlow flow;
  flow.declaration.name.value = "replicas";
  auto& executors = flow.declaration.executors;
  if (world.chance(0.5)) executors.push_back(executor("front", "gateway"));
  graph::ExecutorDecl index = executor("index", executors.empty() ? "gateway" : "front");
  index.shards = static_cast<std::uint32_t>(world.pick(1, 3));
  index.replicas = static_cast<std::uint32_t>(world.pick(2, 3));
  index.replicate = {{"/index", {}}, {"/update", {}}, {"/delete", {}}};
  index.polling.endpoints = {{"/index", Polling::kHash},
                             {"/update", Polling::kHash},
                             {"/delete", Polling::kHash},
                             {"/search", Polling::kAll}};
  executors.push_back(index);
  if (world.chance(0.3)) executors.push_back(executor("last", "index"));
  return flow;
}

// One write; their positions are in the order in which the gateway admits them.
struct Write {
  std::set<std::string> ids;
  bool removes = false;
};

using Positions = std::map<std::string, std::int64_t>;  // of writes, by id of a document

struct Search {
  std::set<std::string> ids;
  Positions acknowledged;  // the newest, when it was asked
};

// "w7" is 7; "-", removed, and "", unknown, have no number.
std::int64_t position_in(std::string_view text) {
  return text.starts_with('w') ? std::atoll(std::string(text.substr(1)).c_str()) : -1;
}

class Story {
 public:
  explicit Story(std::uint64_t seed) : world_(seed), slow_(world_.chance(0.5)) {
    ScriptedFlow flow = random_index(world_);
    graph::Diagnostics diagnostics;
    std::optional<graph::Graph> graph = graph::compile(flow.declaration, diagnostics);
    FLOW_CHECK(graph.has_value(), "the flow does not compile");
    cluster_ = std::make_unique<Cluster>(
        world_, std::move(flow), std::move(*graph),
        [this](const auto&) { return world_.pick_us(20, slow_ ? 60'000 : 4000); });
    cluster_->make_with([this](const std::string& node, const std::string& instance) {
      return node == "index" ? make_store(disks_[instance]) : nullptr;
    });
  }

  std::string run() {
    cluster_->start();
    world_.run_until(Instant(seconds(2)));
    if (broker().state() != broker::FlowState::kReady)
      return "not ready after 2 s: " + broker().reason();
    const Duration load = seconds(world_.pick(2, 5));
    for (std::int64_t i = world_.pick(60, 300); i > 0; --i)
      world_.after(world_.pick_us(0, to_us(load)), [this] { ask(); });
    plan_faults(load);
    world_.run_until(world_.now() + load + kDeadline + seconds(1));
    world_.run_until(world_.now() + seconds(60));  // what groups that are retired still hold up
    check_outcomes();
    check_disks();
    copies = broker().counters().copies;
    return trouble_;
  }

  std::uint64_t written = 0;
  std::uint64_t failed = 0;
  std::uint64_t copies = 0;
  std::uint64_t compared = 0;  // documents that all replicas must have

 private:
  const broker::Core& broker() { return cluster_->broker()->core(); }
  void complain(std::string text) { trouble_ += "\n  " + text; }

  void ask() {
    const std::uint64_t id = ++requests_;
    const bool searches = world_.chance(0.4);
    std::set<std::string> ids;
    for (std::int64_t i = world_.pick(1, 4); i > 0; --i)
      ids.insert(fmt::format("d{}", world_.pick(0, kIds - 1)));
    wire::DocumentList documents;
    for (const std::string& each : ids) {
      Document document;
      document.set_id(each);
      if (!searches) document.set_text(fmt::format("w{}", writes_.size()));
      documents.push_back(std::move(document));
    }
    wire::Request request;
    request.id = id;
    request.timeout = kDeadline;
    request.payload = documents.encode();
    request.endpoint = "/search";
    if (searches) {
      searches_[id] = {ids, acknowledged()};
    } else {
      const bool removes = world_.chance(0.25);
      request.endpoint = removes ? "/delete" : world_.chance(0.3) ? "/update" : "/index";
      position_[id] = writes_.size();
      writes_.push_back({ids, removes});
    }
    cluster_->request(std::move(request));
  }

  Positions acknowledged() const {
    Positions newest;
    for (const auto& [request, position] : position_) {
      const auto outcome = cluster_->outcomes().find(request);
      const bool done = outcome != cluster_->outcomes().end() && outcome->second.count > 0 &&
                        outcome->second.code == Errc::kOk;
      if (!done) continue;
      for (const std::string& id : writes_[position].ids) {
        std::int64_t& at = newest.try_emplace(id, -1).first->second;
        at = std::max(at, static_cast<std::int64_t>(position));
      }
    }
    return newest;
  }

  template <typename List>
  const auto& one_of(const List& list) {
    return list[static_cast<std::size_t>(world_.pick(0, std::ssize(list) - 1))];
  }

  void plan_faults(Duration load) {
    const auto some_time = [&] { return world_.now() + world_.pick_us(0, to_us(load)); };
    const std::vector<std::string>& names = cluster_->worker_names();
    for (std::int64_t i = world_.pick(1, 8); i > 0; --i) {
      const std::string victim = one_of(names);
      world_.at(some_time(), [this, victim] { cluster_->kill_worker(victim); });
    }
    if (world_.chance(0.2)) {  // the power fails
      const Instant when = some_time();
      for (const std::string& name : names)
        world_.at(when, [this, name] { cluster_->kill_worker(name); });
    }
    if (world_.chance(0.4)) {
      const Duration down = world_.pick_us(50'000, 1'500'000);
      world_.at(some_time(), [this, down] { cluster_->kill_broker(down); });
    }
    for (std::int64_t i = world_.pick(0, 3); i > 0; --i)
      world_.at(some_time(), [this] { cut_something(); });
  }

  void cut_something() {
    std::vector<ProcessId> ends{cluster_->gateway().id()};
    for (const auto& [name, worker] : cluster_->workers())
      ends.push_back(worker->id());
    const ProcessId from = one_of(ends);
    world_.cut(from, one_of(ends), Plane::kData, world_.pick_us(1000, 300'000));
  }

  void check_outcomes() {
    for (const auto& [request, outcome] : cluster_->outcomes()) {
      if (outcome.count != 1)
        complain(fmt::format("request {} had {} outcomes", request, outcome.count));
      const bool ok = outcome.code == Errc::kOk;
      if (position_.contains(request)) ++(ok ? written : failed);
      if (ok && searches_.contains(request)) check_search(searches_.at(request), outcome);
    }
    if (broker().state() != broker::FlowState::kReady)
      complain("not ready in the end: " + broker().reason());
  }

  void check_search(const Search& search, const Outcome& outcome) {
    const auto list = wire::DocumentList::open(outcome.payload);
    for (const Document& document : *list) {
      const std::string id(document.id());
      const auto known = search.acknowledged.find(id);
      if (known == search.acknowledged.end()) continue;
      check_text(id, std::string(document.text()), known->second, "a search found");
    }
  }

  // A text that is not older than the write that was acknowledged.
  void check_text(const std::string& id, const std::string& text, std::int64_t least,
                  const char* who) {
    if (text == "-" ? may_be_removed(id, least) : position_in(text) >= least) return;
    complain(fmt::format("{} '{}' of {}, but write {} was acknowledged", who, text, id, least));
  }

  bool may_be_removed(const std::string& id, std::int64_t least) const {
    for (std::size_t at = static_cast<std::size_t>(least); at < writes_.size(); ++at) {
      if (writes_[at].removes && writes_[at].ids.contains(id)) return true;
    }
    return false;
  }

  // A write that failed may be on some replicas, and stay there until it is repeated or a newer one
  // is acknowledged.
  std::set<std::string> in_failed_writes(const Positions& acknowledged) const {
    std::set<std::string> ids;
    for (const auto& [request, position] : position_) {
      if (cluster_->outcomes().at(request).code == Errc::kOk) continue;
      for (const std::string& id : writes_[position].ids) {
        const auto known = acknowledged.find(id);
        if (known == acknowledged.end() || known->second < static_cast<std::int64_t>(position))
          ids.insert(id);
      }
    }
    return ids;
  }

  auto entries_of(const graph::Node& index, std::uint16_t shard, std::uint16_t replica,
                  const std::set<std::string>& but) {
    auto entries = disks_[graph::instance_name(index, shard, replica)].entries;
    for (const std::string& id : but)
      entries.erase(id);
    return entries;
  }

  void check_disks() {
    const graph::Node& index = *cluster_->graph().find("index");
    const Positions newest = acknowledged();
    const std::set<std::string> doubtful = in_failed_writes(newest);
    for (std::uint16_t shard = 0; shard < index.shards; ++shard) {
      const auto sure = entries_of(index, shard, 0, doubtful);
      compared += sure.size();
      for (std::uint16_t replica = 1; replica < index.replicas; ++replica) {
        if (entries_of(index, shard, replica, doubtful) != sure)
          complain(fmt::format("replicas 0 and {} of shard {} differ", replica, shard));
      }
      for (const auto& [id, stored] : entries_of(index, shard, 0, {})) {
        if (const auto known = newest.find(id); known != newest.end())
          check_text(id, stored.text, known->second, "the index has");
      }
    }
  }

  World world_;
  bool slow_;                          // executions take so long that many requests are under way
  std::map<std::string, Disk> disks_;  // by instance
  std::unique_ptr<Cluster> cluster_;
  std::uint64_t requests_ = 0;
  std::vector<Write> writes_;
  std::map<std::uint64_t, std::size_t> position_;  // of writes, by request
  std::map<std::uint64_t, Search> searches_;       // by request
  std::string trouble_;
};

TEST_CASE("replicas hold the same in the end, and nothing acknowledged is lost") {
  const std::uint64_t only = number("FLOW_SIM_SEED", 0);
  const std::uint64_t count = only != 0 ? 1 : number("FLOW_SIM_SEEDS", 200);
  std::uint64_t written = 0;
  std::uint64_t failed = 0;
  std::uint64_t copies = 0;
  std::uint64_t compared = 0;
  for (std::uint64_t i = 1; i <= count; ++i) {
    const std::uint64_t seed = only != 0 ? only : i;
    Story story(seed);
    const std::string trouble = story.run();
    CHECK_MESSAGE(trouble.empty(), "replay with FLOW_SIM_SEED=", seed, trouble);
    written += story.written;
    failed += story.failed;
    copies += story.copies;
    compared += story.compared;
  }
  MESSAGE(written, " writes OK, ", failed, " not, ", copies, " copies, ", compared,
          " documents compared");
  CHECK(written > 0);
  CHECK(compared > 0);
  if (only == 0) CHECK(copies > 0);
}

}  // namespace
}  // namespace flow::sim
