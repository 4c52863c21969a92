#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "graph/codes.h"
#include "graph/compile_internal.h"
#include "graph/graph.h"

namespace flow::graph {
namespace {

constexpr std::string_view kGatewayName = "gateway";
constexpr std::string_view kPassThrough = "pass-through";
constexpr std::string_view kNoReducePassThrough = "BaseExecutor";

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  };
  const auto inner = [&letter](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, inner);
}

// An executor's place in the file, from 0; the gateway has none.
using Position = std::size_t;
constexpr Position kEntrance = static_cast<Position>(-1);

std::string program_of(const Placed<std::string>& uses) {
  const bool nothing = uses.value.empty() || uses.value == kNoReducePassThrough;
  return nothing ? std::string(kPassThrough) : uses.value;
}

// Each instance finds its far end under its own replica.
void make_forwarder(Node& node, const ExecutorDecl& executor) {
  node.external = true;
  node.uses = kForwarder;
  ValueList hosts;
  for (const std::string& host : executor.hosts)
    hosts.emplace_back(host);
  node.with.set(std::string(kForwarderHosts), std::move(hosts));
}

}  // namespace

// Resolves needs among executors, then turns each executor into its nodes.
struct Compiler {
  const FlowDecl& flow;
  Diagnostics& diagnostics;
  Graph graph = {};
  std::map<std::string, Position, std::less<>> by_name = {};
  std::vector<std::vector<Position>> needs = {};  // by executor
  std::vector<bool> floats = {};
  std::set<Position> needed = {};       // by the executors resolved so far
  std::vector<Position> in_order = {};  // every executor after what it needs
  std::vector<NodeIndex> entries = {};  // the first node of each executor
  std::vector<NodeIndex> exits = {};    // and the last

  std::vector<Node>& nodes() { return graph.nodes_; }
  Node& node(NodeIndex index) { return graph.nodes_[index.value]; }
  const ExecutorDecl& decl(Position at) const { return flow.executors[at]; }
  const std::string& name_of(Position at) const { return decl(at).name.value; }

  void run();
  void check_name(Position at);
  void resolve_needs(Position at);
  void add_need(Position at, const Placed<std::string>& need);
  void add_everything_unneeded(Position at, Place place);
  void report_unknown_need(Position at, const Placed<std::string>& need);
  void keep_needed_from_floating();
  void order();
  Position report_cycle(const std::vector<bool>& placed);
  bool is_join(Position at) const { return needs[at].size() >= 2; }
  bool has_before(Position at) const;
  bool stays_unreduced(Position at) const;
  void check_limits();
  void check_external(Position at);
  void check_batching(Position at);
  void check_replicate(Position at);
  void make_nodes();
  Node make_node(Position at, NodeRole role);
  Node make_companion(Position at, NodeRole role);
  void link();
};

void Compiler::run() {
  const std::size_t count = flow.executors.size();
  if (count > kMaxNodes) {
    diagnostics.error(
        codes::kTooManyNodes, flow.executors[kMaxNodes].place,
        fmt::format("the flow has {} executors, at most {} are possible", count, kMaxNodes),
        "split it into two flows");
    return;
  }
  needs.resize(count);
  for (Position at = 0; at < count; ++at) {
    check_name(at);
    floats.push_back(decl(at).floating);
  }
  for (Position at = 0; at < count; ++at)
    resolve_needs(at);
  keep_needed_from_floating();
  order();
  check_limits();
  for (Position at = 0; at < count; ++at) {
    check_external(at);
    check_batching(at);
    check_replicate(at);
  }
  if (diagnostics.has_errors()) return;
  make_nodes();
  link();
  warn(flow, graph, diagnostics);
}

void Compiler::check_name(Position at) {
  const ExecutorDecl& executor = decl(at);
  const std::string& name = executor.name.value;
  const Place place = executor.name.place.line != 0 ? executor.name.place : executor.place;
  if (name == kGatewayName) {
    diagnostics.error(codes::kReservedName, place,
                      "an executor cannot be called 'gateway': that is the flow's entrance",
                      "choose another name");
    return;
  }
  if (!is_name(name) || name.size() > kMaxNameLength) {
    diagnostics.error(
        codes::kBadName, place, fmt::format("'{}' is not a name for an executor", name),
        fmt::format("a letter or _, then letters, digits, _ and -, at most {} characters: name = "
                    "\"encode\"",
                    kMaxNameLength));
  }
  const auto [known, fresh] = by_name.emplace(name, at);
  if (!fresh) {
    const Place first = decl(known->second).name.place;
    const std::uint32_t line = first.line != 0 ? first.line : decl(known->second).place.line;
    diagnostics.error(
        codes::kDuplicateName, place,
        fmt::format("two executors are called '{}'; the first is in line {}", name, line),
        "rename one of them");
  }
}

void Compiler::resolve_needs(Position at) {
  const ExecutorDecl& executor = decl(at);
  if (executor.needs.empty()) {
    diagnostics.error(
        codes::kNoNeeds, executor.place,
        fmt::format("executor '{}' needs nothing, so it would never run", executor.name.value),
        "leave `needs` out for the executor above, or write needs = \"gateway\"");
    return;
  }
  for (const Placed<std::string>& need : executor.needs)
    add_need(at, need);
  for (const Position need : needs[at]) {
    if (need != kEntrance) needed.insert(need);
  }
}

void Compiler::add_need(Position at, const Placed<std::string>& need) {
  if (need.value == "*") return add_everything_unneeded(at, need.place);
  Position found = kEntrance;
  if (need.value != kGatewayName) {
    const auto known = by_name.find(need.value);
    if (known == by_name.end()) return report_unknown_need(at, need);
    found = known->second;
  }
  if (found == at) {
    diagnostics.error(codes::kSelfNeed, need.place,
                      fmt::format("executor '{}' needs itself", need.value),
                      "name an executor whose results it should get");
    return;
  }
  if (std::ranges::find(needs[at], found) == needs[at].end()) needs[at].push_back(found);
}

void Compiler::add_everything_unneeded(Position at, Place place) {
  bool any = false;
  for (Position above = 0; above < at; ++above) {
    if (decl(above).floating || needed.contains(above)) continue;
    any = true;
    if (std::ranges::find(needs[at], above) == needs[at].end()) needs[at].push_back(above);
  }
  if (any) return;
  diagnostics.error(codes::kNothingToJoin, place,
                    fmt::format("'*' of executor '{}' stands for no executor: none above is left "
                                "that nobody needs",
                                name_of(at)),
                    "declare the branches above it, or write needs = \"gateway\"");
}

void Compiler::report_unknown_need(Position at, const Placed<std::string>& need) {
  std::vector<std::string_view> names = {kGatewayName};
  for (const ExecutorDecl& executor : flow.executors) {
    const std::string& name = executor.name.value;
    const bool said = std::ranges::find(names, name) != names.end();
    if (!said && name != name_of(at)) names.push_back(name);
  }
  const auto meant = did_you_mean(need.value, names);
  std::string hint = meant ? fmt::format("did you mean '{}'?", *meant)
                           : fmt::format("there are: {}", fmt::join(names, ", "));
  diagnostics.error(codes::kUnknownNeed, need.place,
                    fmt::format("executor '{}' needs '{}', but no executor has this name",
                                name_of(at), need.value),
                    std::move(hint));
}

// A floating executor that the main line needs belongs to the main line. From the back of the graph
// to its front, so that a chain of floating ones is settled whatever the order of declaration.
void Compiler::keep_needed_from_floating() {
  for (bool changed = true; changed;) {
    changed = false;
    for (Position at = 0; at < needs.size(); ++at) {
      if (floats[at]) continue;
      for (const Position need : needs[at]) {
        if (need == kEntrance || !floats[need]) continue;
        floats[need] = false;
        changed = true;
      }
    }
  }
}

void Compiler::order() {
  std::vector<bool> placed(needs.size(), false);
  const auto ready = [this, &placed](Position at) {
    return std::ranges::all_of(
        needs[at], [&placed](Position need) { return need == kEntrance || placed[need]; });
  };
  for (;;) {
    bool progress = false;
    for (Position at = 0; at < needs.size(); ++at) {
      if (placed[at] || !ready(at)) continue;
      placed[at] = true;
      in_order.push_back(at);
      progress = true;
    }
    if (progress) continue;
    if (in_order.size() == needs.size()) return;
    const Position broken = report_cycle(placed);
    placed[broken] = true;
    in_order.push_back(broken);
  }
}

// Reports one cycle among the executors that cannot be placed; returns one on it.
Position Compiler::report_cycle(const std::vector<bool>& placed) {
  const auto open_need = [this, &placed](Position at) {
    return *std::ranges::find_if(
        needs[at], [&placed](Position need) { return need != kEntrance && !placed[need]; });
  };
  std::vector<Position> path;
  auto at = static_cast<Position>(std::distance(placed.begin(), std::ranges::find(placed, false)));
  while (std::ranges::find(path, at) == path.end()) {
    path.push_back(at);
    at = open_need(at);
  }
  path.erase(path.begin(), std::ranges::find(path, at));
  std::rotate(path.begin(), std::ranges::min_element(path), path.end());
  std::vector<std::string> names;
  for (const Position each : path)
    names.push_back(fmt::format("'{}'", name_of(each)));
  names.push_back(names.front());
  const Position first = path.front();
  const std::string& next = name_of(path.size() > 1 ? path[1] : first);
  Place place = decl(first).place;
  for (const Placed<std::string>& need : decl(first).needs) {
    if (need.value == next) place = need.place;
  }
  diagnostics.error(
      codes::kCycle, place,
      fmt::format("these executors wait for one another: {}", fmt::join(names, " needs ")),
      "take one of these needs away");
  return first;
}

// In front of a join the older spelling of pass-through only switches reduction off.
bool Compiler::has_before(Position at) const {
  const std::optional<CompanionDecl>& before = decl(at).uses_before;
  return before && !(is_join(at) && before->uses.value == kNoReducePassThrough);
}

// By its key, or a join by the older spelling of pass-through.
bool Compiler::stays_unreduced(Position at) const {
  const ExecutorDecl& executor = decl(at);
  const bool older_spelling =
      executor.uses.value == kNoReducePassThrough ||
      (executor.uses_before && executor.uses_before->uses.value == kNoReducePassThrough);
  return executor.no_reduce || (is_join(at) && older_spelling);
}

void Compiler::check_limits() {
  std::uint64_t count = 0;
  std::uint64_t instances = 0;
  for (Position at = 0; at < needs.size(); ++at) {
    const ExecutorDecl& executor = decl(at);
    const std::uint64_t nodes_above = count;
    const std::uint64_t instances_above = instances;
    ++count;
    instances += std::uint64_t{executor.replicas} * executor.shards;
    if (has_before(at)) {
      ++count;
      instances += executor.uses_before->replicas;
    }
    if (executor.uses_after) {
      ++count;
      instances += executor.uses_after->replicas;
    }
    if (nodes_above <= kMaxNodes && count > kMaxNodes) {
      diagnostics.error(codes::kTooManyNodes, executor.place,
                        fmt::format("with executor '{}' the flow has more than {} steps: each "
                                    "executor is one, and so is each uses_before and uses_after",
                                    executor.name.value, kMaxNodes),
                        "split it into two flows");
    }
    if (instances_above <= kMaxInstances && instances > kMaxInstances) {
      diagnostics.error(codes::kTooManyInstances, executor.place,
                        fmt::format("with executor '{}' the flow has {} processes, at most {} are "
                                    "possible",
                                    executor.name.value, instances, kMaxInstances),
                        "lower the shards or the replicas");
    }
  }
}

// A batch is one list of documents, so there must be nothing but documents to execute.
void Compiler::check_batching(Position at) {
  const ExecutorDecl& executor = decl(at);
  const bool reduced = !is_join(at) || has_before(at) || !stays_unreduced(at);
  if (executor.batching.empty() || reduced) return;
  diagnostics.error(
      codes::kBadBatching, executor.batching_place,
      fmt::format("executor '{}' gets the parts of its needs unreduced (by no_reduce or '{}'), "
                  "which cannot be put into batches",
                  executor.name.value, kNoReducePassThrough),
      "leave `batching` out, or let it have the parts reduced");
}

// What all replicas get must be one request of one write, and split where there are shards.
void Compiler::check_replicate(Position at) {
  const ExecutorDecl& executor = decl(at);
  Node polled;
  polled.polling = polling_table(executor.polling, executor.shards);
  for (const Placed<std::string>& endpoint : executor.replicate) {
    const auto bad = [&](std::string_view why, std::string hint) {
      diagnostics.error(codes::kBadReplicate, endpoint.place,
                        fmt::format("executor '{}' cannot replicate '{}': {}", executor.name.value,
                                    endpoint.value, why),
                        std::move(hint));
    };
    if (endpoint.value.empty() || endpoint.value == "*") {
      bad("endpoints are named one by one", "replicate = [\"/index\", \"/update\", \"/delete\"]");
    } else if (executor.shards > 1 && polling_of(polled, endpoint.value) != Polling::kHash) {
      bad("with shards it must be polled by HASH, so that each document has its shard",
          fmt::format("polling = {{ \"{}\" = \"HASH\" }}", endpoint.value));
    } else if (std::ranges::any_of(executor.batching, [&](const BatchRule& rule) {
                 return rule.endpoint == endpoint.value || rule.endpoint == "*";
               })) {
      bad("its requests are executed in batches, but each has a version of its own",
          "leave it out of `batching`");
    }
  }
}

void Compiler::make_nodes() {
  for (Position at = 0; at < needs.size(); ++at) {
    const auto push = [this](Node made) {
      made.index = NodeIndex{static_cast<std::uint16_t>(nodes().size())};
      nodes().push_back(std::move(made));
      return nodes().back().index;
    };
    const NodeIndex first{static_cast<std::uint16_t>(nodes().size())};
    entries.push_back(first);
    if (has_before(at)) push(make_companion(at, NodeRole::kBefore));
    NodeIndex last = push(make_node(at, NodeRole::kMain));
    if (decl(at).uses_after) last = push(make_companion(at, NodeRole::kAfter));
    exits.push_back(last);
    node(first).when = decl(at).when;
    for (std::uint16_t inner = first.value; inner < last.value; ++inner) {
      nodes()[inner + std::size_t{1}].needs.push_back(NodeIndex{inner});
    }
    if (!floats[at]) graph.sink_ = last;
  }
  for (Position at = 0; at < needs.size(); ++at) {
    for (const Position need : needs[at]) {
      node(entries[at]).needs.push_back(need == kEntrance ? kGatewayNode : exits[need]);
    }
  }
  for (const Position at : in_order) {
    for (std::uint16_t each = entries[at].value; each <= exits[at].value; ++each) {
      graph.topological_.push_back(NodeIndex{each});
    }
  }
}

// A forwarder takes one list of documents.
void Compiler::check_external(Position at) {
  if (!decl(at).external || !decl(at).no_reduce || !is_join(at)) return;
  diagnostics.error(
      codes::kExternalKey, decl(at).place,
      fmt::format("executor '{}' is external and joins {} executors, so it cannot have "
                  "no_reduce: it takes one list of documents",
                  name_of(at), needs[at].size()),
      "put an executor with no_reduce in front of it");
}

// What all nodes of an executor have in common, and what is its own node's.
Node Compiler::make_node(Position at, NodeRole role) {
  const ExecutorDecl& executor = decl(at);
  Node made;
  made.name = executor.name.value;
  made.role = role;
  made.no_reduce = stays_unreduced(at);
  made.floating = floats[at];
  made.executor = static_cast<std::uint16_t>(at);
  if (role != NodeRole::kMain) return made;
  made.uses = program_of(executor.uses);
  made.with = executor.with;
  made.env = executor.env;
  made.replicas = static_cast<std::uint16_t>(executor.replicas);
  made.shards = static_cast<std::uint16_t>(executor.shards);
  made.allow_partial = executor.allow_partial;
  made.polling = polling_table(executor.polling, executor.shards);
  made.batching = executor.batching;
  if (executor.external) make_forwarder(made, executor);
  for (const Placed<std::string>& endpoint : executor.replicate) {
    const bool twice = std::ranges::find(made.replicate, endpoint.value) != made.replicate.end();
    if (made.replicas > 1 && !twice) made.replicate.push_back(endpoint.value);
  }
  return made;
}

Node Compiler::make_companion(Position at, NodeRole role) {
  const bool before = role == NodeRole::kBefore;
  const CompanionDecl& companion = before ? *decl(at).uses_before : *decl(at).uses_after;
  Node made = make_node(at, role);
  made.name += before ? "/uses_before" : "/uses_after";
  made.uses = program_of(companion.uses);
  made.with = companion.with;
  made.env = companion.env;
  made.replicas = static_cast<std::uint16_t>(companion.replicas);
  made.no_reduce = made.no_reduce && before;
  made.takes_parts = !before || is_join(at);
  return made;
}

void Compiler::link() {
  for (const Node& each : nodes()) {
    for (const NodeIndex need : each.needs) {
      if (need == kGatewayNode) {
        graph.first_.push_back(each.index);
      } else {
        node(need).successors.push_back(each.index);
      }
    }
  }
  if (graph.sink_ != kGatewayNode) node(graph.sink_).successors.push_back(kGatewayNode);
}

std::optional<Graph> compile(const FlowDecl& flow, Diagnostics& diagnostics) {
  Compiler compiler{flow, diagnostics};
  compiler.run();
  if (diagnostics.has_errors()) return std::nullopt;
  return std::move(compiler.graph);
}

}  // namespace flow::graph
