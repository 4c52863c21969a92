#include "property.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/check.h"
#include "base/json.h"
#include "cluster.h"
#include "graph/graph.h"
#include "interpreter.h"
#include "random_flow.h"
#include "wire/value_codec.h"

namespace flow::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kRequests = 4;
constexpr std::size_t kMostOrders = 20'000;  // of what may come first
constexpr Duration kDeadline = seconds(20);

// ANY: the shard that was seen to serve it. What comes first: one possibility after the other.
class Possibilities final : public Choices {
 public:
  explicit Possibilities(const Executions& seen) : seen_(seen) {}

  int shard(const std::string& node, int shards) override {
    const auto found = seen_.lower_bound({node, 0});
    return found == seen_.end() || found->first != node ? shards : found->second;
  }

  int first(int count) override {
    if (at_ == taken_.size()) taken_.push_back({0, count});
    return taken_[at_++].choice;
  }

  // Prepares the next run; false when all were tried.
  bool next() {
    at_ = 0;
    while (!taken_.empty() && ++taken_.back().choice == taken_.back().count)
      taken_.pop_back();
    return !taken_.empty();
  }

 private:
  struct Taken {
    int choice = 0;
    int count = 0;
  };
  const Executions& seen_;
  std::vector<Taken> taken_;
  std::size_t at_ = 0;
};

// "n1/shard-2/rep-0" is n1:2, whichever replica it is.
std::string place_of(std::string instance) {
  instance.erase(instance.rfind('/'));
  const std::size_t shard = instance.find("/shard-");
  if (shard == std::string::npos) return instance + ":0";
  return instance.replace(shard, std::string_view("/shard-").size(), ":");
}

// What the engine answered, in the terms of the interpreter.
Answer answer_of(const Outcome& outcome, Executions executions) {
  Answer answer;
  answer.code = outcome.code;
  answer.message = outcome.message;
  answer.executor = outcome.executor;
  answer.executions = std::move(executions);
  for (const wire::MissingShard& missing : outcome.missing)
    answer.missing.emplace(missing.executor, static_cast<int>(missing.shard));
  const Result<ValueMap> results = wire::decode_value(outcome.results.span());
  FLOW_CHECK(results.ok(), "the results of an answer do not verify");
  for (const auto& [instance, result] : *results)
    answer.results[place_of(instance)] = *result.if_map();
  const auto documents = wire::DocumentList::open(outcome.payload);
  if (documents) answer.documents = model::from_wire(*documents);
  return answer;
}

bool agree(const Answer& expected, const Answer& actual) {
  if (expected.code != actual.code || expected.executor != actual.executor) return false;
  if (actual.message.find(expected.message) == std::string::npos) return false;
  if (expected.documents && expected.documents != actual.documents) return false;
  if (expected.code == Errc::kOk && expected.missing != actual.missing) return false;
  if (expected.code == Errc::kOk && expected.results != actual.results) return false;
  return expected.executions == actual.executions;
}

std::string to_text(const Answer& answer) {
  std::string out = fmt::format("{} executor '{}' message '{}'\n  executions",
                                to_string(answer.code), answer.executor, answer.message);
  for (const auto& [node, shard] : answer.executions)
    out += fmt::format(" {}:{}", node, shard);
  out += "\n  missing";
  for (const auto& [executor, shard] : answer.missing)
    out += fmt::format(" {}:{}", executor, shard);
  for (const auto& [place, result] : answer.results)
    out += fmt::format("\n  result of {} {}", place, to_json(result));
  if (!answer.documents) return out + "\n  documents not compared";
  for (const model::Document& document : *answer.documents)
    out += "\n  " + to_json(document);
  return out;
}

class Run {
 public:
  explicit Run(std::uint64_t seed) : world_(seed), flow_(random_flow(world_)) {}

  Comparison compare() {
    graph::Diagnostics diagnostics;
    std::optional<graph::Graph> graph = graph::compile(flow_.declaration, diagnostics);
    if (!graph) return {to_toml(flow_) + "does not compile: " + diagnostics.all()[0].message, {}};
    cluster_ = std::make_unique<Cluster>(world_, flow_, std::move(*graph), [this](const auto&) {
      return world_.chance(0.3) ? world_.pick_us(1000, 8000) : world_.pick_us(20, 1000);
    });
    cluster_->start();
    if (!wait([this] { return cluster_->broker()->core().state() == broker::FlowState::kReady; }))
      return {to_toml(flow_) + "is not ready: " + cluster_->broker()->core().reason(), {}};
    ask();
    // Between two processes a message is under way for a while.
    int quiet = 0;
    wait([this, &quiet] { return (quiet = ended() && idle() ? quiet + 1 : 0) > 2; });
    return judge();
  }

 private:
  template <typename Condition>
  bool wait(Condition&& condition) {
    const Instant last = world_.now() + kDeadline + seconds(5);
    while (!condition() && world_.now() < last)
      world_.run_until(world_.now() + milliseconds(10));
    return condition();
  }

  void ask() {
    for (std::uint64_t id = 1; id <= kRequests; ++id) {
      Asked& asked = asked_[id] = random_request(world_, flow_);
      wire::Request request;
      request.id = id;
      request.endpoint = asked.endpoint;
      request.target_executor = asked.target;
      request.timeout = kDeadline;
      request.parameters = wire::encode_value(asked.parameters);
      if (!asked.documents.empty()) request.payload = model::to_wire(asked.documents).encode();
      cluster_->expect(id);
      world_.after(world_.pick_us(0, 20'000),
                   [this, request = std::make_shared<wire::Request>(std::move(request))] {
                     cluster_->request(std::move(*request));
                   });
    }
  }

  bool ended() const {
    return std::ranges::all_of(cluster_->outcomes(),
                               [](const auto& entry) { return entry.second.count > 0; });
  }

  bool idle() const {
    return std::ranges::all_of(cluster_->workers(), [](const auto& entry) {
      return entry.second->core() == nullptr || entry.second->core()->idle();
    });
  }

  Comparison judge() {
    Comparison result;
    for (const auto& [id, outcome] : cluster_->outcomes()) {
      const Answer actual = answer_of(outcome, cluster_->executions(outcome.request));
      result.codes.emplace_back(to_string(actual.code));
      std::string trouble = outcome.count == 1 ? "" : fmt::format("{} outcomes", outcome.count);
      if (trouble.empty()) trouble = difference(asked_[id], actual);
      if (trouble.empty()) continue;
      if (result.difference.empty()) result.difference = to_toml(flow_);
      result.difference += fmt::format("\nrequest {}: {}\n{}\n", id, to_text(asked_[id]), trouble);
    }
    if (!idle()) result.difference += to_toml(flow_) + "\na worker is not idle";
    return result;
  }

  std::string difference(const Asked& asked, const Answer& actual) const {
    Possibilities possibilities(actual.executions);
    std::string first;
    for (std::size_t i = 0; i < kMostOrders; ++i) {
      const Answer expected = interpret(flow_, asked, possibilities);
      if (agree(expected, actual)) return "";
      if (first.empty()) first = to_text(expected);
      if (!possibilities.next()) break;
    }
    return fmt::format("expected {}\ngot      {}", first, to_text(actual));
  }

  World world_;
  ScriptedFlow flow_;
  std::unique_ptr<Cluster> cluster_;
  std::map<std::uint64_t, Asked> asked_;
};

}  // namespace

Comparison compare(std::uint64_t seed) {
  return Run(seed).compare();
}

}  // namespace flow::sim
