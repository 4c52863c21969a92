#include "random_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace flow::sim {
namespace {

constexpr int kMostInstances = 24;
constexpr std::array<const char*, 4> kEndpoints = {"/search", "/index", "/work", "/other"};
constexpr std::array<const char*, 5> kIds = {"a", "b", "c", "d", "e"};
constexpr std::array<const char*, 5> kTexts = {"", "x", "xy", "zebra", "y zero"};

ValueMap operation(const char* op, std::initializer_list<ValueMap::Entry> entries = {}) {
  ValueMap made{{"op", op}};
  for (const auto& [key, value] : entries)
    made.set(key, value);
  return made;
}

class Dice {
 public:
  explicit Dice(World& world) : world_(world) {}

  bool chance(double probability) { return world_.chance(probability); }
  std::int64_t number(std::int64_t low, std::int64_t high) { return world_.pick(low, high); }
  template <typename List>
  const auto& one_of(const List& list) {
    return list[static_cast<std::size_t>(
        number(0, static_cast<std::int64_t>(std::size(list)) - 1))];
  }
  std::string id() { return one_of(kIds); }
  ValueList ids() {
    ValueList ids{id()};
    if (chance(0.4)) ids.emplace_back(id());
    return ids;
  }

  Value scalar() {
    switch (number(0, 7)) {
      case 0: return 1;
      case 1: return 2;
      case 2: return 2.5;
      case 3: return "s";
      case 4: return "t";
      case 5: return true;
      case 6: return 0;
      default: return {};
    }
  }
  Value tag() {
    if (chance(0.1)) return ValueList{scalar(), scalar()};
    if (chance(0.1)) return ValueMap{{"x", scalar()}};
    return scalar();
  }

 private:
  World& world_;
};

// Documents.

ValueMap random_document(Dice& dice, int depth, std::string id) {
  ValueMap document{{"id", std::move(id)}};
  if (const std::string text = dice.one_of(kTexts); !text.empty()) document.set("text", text);
  if (dice.chance(0.3)) document.set("weight", static_cast<double>(dice.number(1, 3)));
  if (dice.chance(0.2)) document.set("uri", "file:u");
  if (dice.chance(0.1)) document.set("blob", "AAEC");
  if (dice.chance(0.1)) document.set("location", ValueList{1.0, 2.0});
  if (dice.chance(0.1)) document.set("embedding", ValueList{0.5, dice.number(0, 2)});
  if (dice.chance(0.1)) document.set("granularity", dice.number(1, 2));
  if (dice.chance(0.1)) document.set("adjacency", dice.number(1, 2));
  if (dice.chance(0.1))
    document.set("scores", ValueMap{{"cos", ValueMap{{"value", dice.number(1, 3)}}}});
  if (dice.chance(0.7)) {
    ValueMap tags{{"k", dice.tag()}};
    if (dice.chance(0.4)) tags.set("l", ValueList{dice.scalar(), dice.scalar()});
    if (dice.chance(0.4)) tags.set("m", ValueMap{{"x", dice.tag()}});
    document.set("tags", std::move(tags));
  }
  if (depth == 0) return document;
  const auto children = [&dice, depth](const char* prefix) {
    ValueList list;
    for (std::int64_t i = dice.number(1, 2); i > 0; --i)
      list.emplace_back(
          random_document(dice, depth - 1, fmt::format("{}{}", prefix, dice.number(0, 2))));
    return list;
  };
  if (dice.chance(0.3)) document.set("chunks", children("c"));
  if (dice.chance(0.3)) document.set("matches", children("m"));
  return document;
}

model::Documents random_documents(Dice& dice) {
  model::Documents documents;
  for (std::int64_t i = dice.chance(0.1) ? 0 : dice.number(1, 5); i > 0; --i)
    documents.push_back(random_document(dice, 2, dice.id()));
  // As they come out of the wire, with all that goes without saying.
  return model::from_wire(model::to_wire(documents));
}

// Filters.

constexpr std::array<const char*, 4> kOrders = {"$gt", "$gte", "$lt", "$lte"};

Value equality(Dice& dice, Value operand, Value other) {
  switch (dice.number(0, 3)) {
    case 0: return ValueMap{{"$eq", std::move(operand)}};
    case 1: return ValueMap{{dice.chance(0.5) ? "$ne" : "$neq", std::move(operand)}};
    case 2: return ValueMap{{"$in", ValueList{std::move(operand), std::move(other)}}};
    default: return ValueMap{{"$nin", ValueList{std::move(operand), std::move(other)}}};
  }
}

Value condition_on_text(Dice& dice) {
  const std::string text = dice.one_of(kTexts);
  switch (dice.number(0, 5)) {
    case 0: return ValueMap{{dice.one_of(kOrders), text}};
    case 1: return ValueMap{{"$regex", dice.chance(0.5) ? "z.*r" : "^x"}};
    case 2: return ValueMap{{"$size", dice.number(0, 2)}};
    case 3: return ValueMap{{"$exists", dice.chance(0.5)}};
    case 4: return ValueMap{{dice.chance(0.5) ? "$in" : "$nin", "xyz"}};
    default: return equality(dice, text, dice.one_of(kTexts));
  }
}

Value condition_on_tag(Dice& dice) {
  switch (dice.number(0, 15)) {
    case 0: return ValueMap{{dice.one_of(kOrders), dice.number(0, 2)}};
    case 1: return ValueMap{{"$exists", dice.chance(0.5)}};
    case 2: return ValueMap{{dice.one_of(kOrders), dice.chance(0.3) ? Value("s") : Value(1.5)}};
    case 3: return ValueMap{{"$size", dice.number(0, 2)}};
    case 4: return ValueMap{{"$regex", "s|t"}};
    case 5: return ValueMap{{"$in", "st"}};
    case 6: return ValueMap{{"$eq", ValueList{dice.scalar(), dice.scalar()}}};
    case 7: return ValueMap{{dice.one_of(kOrders), ValueList{dice.scalar(), dice.scalar()}}};
    case 8: return ValueMap{{"$ne", ValueMap{{"x", dice.scalar()}}}};
    case 9: return ValueMap{{dice.chance(0.5) ? "$eq" : "$neq", "{tags__m__x}"}};
    case 10: return ValueMap{{dice.one_of(kOrders), "{weight}"}};
    default: return equality(dice, dice.scalar(), dice.scalar());
  }
}

Value condition_on_weight(Dice& dice) {
  if (dice.chance(0.2)) return ValueMap{{"$exists", dice.chance(0.5)}};
  if (dice.chance(0.5)) return ValueMap{{dice.one_of(kOrders), dice.number(0, 3)}};
  return equality(dice, dice.number(0, 3), 2.0);
}

ValueMap random_query(Dice& dice, int depth) {
  ValueMap query;
  if (depth > 0 && dice.chance(0.3)) {
    const ValueList both{random_query(dice, depth - 1), random_query(dice, depth - 1)};
    switch (dice.number(0, 3)) {
      case 0: query.set("$and", both); break;
      case 1: query.set("$or", both); break;
      case 2: query.set("$not", both); break;
      default: query.set("$or", *both[0].if_map()); break;
    }
    if (dice.chance(0.7)) return query;
  }
  constexpr std::array<const char*, 4> kTextPaths = {"text", "uri", "chunks__0__text",
                                                     "matches__0__chunks__-1__text"};
  constexpr std::array<const char*, 7> kTagPaths = {
      "tags__l__0", "tags__m__x", "tags__l__-1",        "tags__k__x",
      "tags__k__0", "tags__l",    "matches__1__tags__k"};
  constexpr std::array<const char*, 4> kNumberPaths = {"weight", "weight", "granularity",
                                                       "scores__cos__value"};
  switch (dice.number(0, 8)) {
    case 0:
    case 1: query.set(dice.one_of(kTextPaths), condition_on_text(dice)); break;
    case 2: query.set(dice.one_of(kNumberPaths), condition_on_weight(dice)); break;
    case 3:
    case 4: query.set(dice.one_of(kTagPaths), condition_on_tag(dice)); break;
    case 5: query.set("id", equality(dice, dice.id(), dice.id())); break;
    case 6:
      query.set(dice.chance(0.5) ? "chunks" : "matches", ValueMap{{"$size", dice.number(0, 2)}});
      break;
    case 7:
      query.set(dice.chance(0.5) ? "embedding" : "tags", ValueMap{{"$exists", dice.chance(0.5)}});
      break;
    default: query.set("tags__k", condition_on_tag(dice)); break;
  }
  return query;
}

// Scripts.

struct Kind {
  bool matrix = false;   // its handlers take the unreduced parts
  bool batched = false;  // what it does to a document depends on no other one
};

ValueMap small_document(Dice& dice, const char* prefix) {
  ValueMap document{{"id", fmt::format("{}{}", prefix, dice.number(0, 2))}};
  document.set("text", dice.chance(0.5) ? "p" : "q");
  if (dice.chance(0.3)) document.set("tags", ValueMap{{"k", dice.scalar()}});
  return document;
}

ValueMap random_failure(Dice& dice, const std::string& name, int shards) {
  const std::string message = fmt::format("{} broke", name);
  if (shards > 1 && dice.chance(0.7)) {
    return operation(
        "raise_on_shard",
        {{"shard", dice.number(0, shards - 1)}, {"type", "RuntimeError"}, {"message", message}});
  }
  if (dice.chance(0.8))
    return operation("raise",
                     {{"ids", dice.ids()}, {"type", "RuntimeError"}, {"message", message}});
  return operation("raise", {{"type", "RuntimeError"}, {"message", message}});
}

ValueMap random_list_operation(Dice& dice, int shards) {
  switch (dice.number(0, 5)) {
    case 0: return operation("append_doc", {{"doc", small_document(dice, "n")}});
    case 1: return operation("delete", {{"ids", dice.ids()}});
    case 2: return operation("return_reversed");
    case 3: return operation("return_keep_shard");
    case 4: return operation("empty_on_shard", {{"shard", dice.number(0, shards)}});
    default: return operation(dice.chance(0.3) ? "clear_docs" : "return_reversed");
  }
}

// What an executor does to each document whatever else is in the list.
ValueMap random_change(Dice& dice, const std::string& name) {
  const std::string key = fmt::format("{}t", name);
  switch (dice.number(0, 8)) {
    case 0: return operation("visit");
    case 1: return operation("tag_shard", {{"key", key}});
    case 2: return operation("tag_params", {{"key", key}});
    case 3: return operation("set", {{"field", "weight"}, {"value", dice.number(0, 2)}});
    case 4: return operation("add_match", {{"doc", small_document(dice, "m")}});
    case 5: return operation("add_chunk", {{"doc", small_document(dice, "c")}});
    case 6: return operation("add_shard_match");
    case 7: return operation("tag", {{"key", "k"}, {"value", dice.scalar()}});
    default: return operation("append_text", {{"value", name}});
  }
}

ValueMap random_operation(Dice& dice, const std::string& name, int shards, const Kind& kind) {
  if (!kind.batched && dice.chance(0.08)) return random_failure(dice, name, shards);
  if (!kind.batched && dice.chance(0.2)) return random_list_operation(dice, shards);
  if (!kind.batched && dice.chance(0.08))
    return operation("return_dict", {{"value", ValueMap{{name, dice.tag()}}}});
  const std::string key = fmt::format("{}t", name);
  ValueMap made = random_change(dice, name);
  if (!kind.batched && dice.chance(0.1)) made = operation("tag_count", {{"key", key}});
  if (kind.matrix && dice.chance(0.17))
    made = operation(dice.chance(0.5) ? "tag_matrix" : "tag_map", {{"key", key}});
  if (dice.chance(0.15)) made.set("ids", dice.ids());
  return made;
}

Program random_program(Dice& dice, const std::string& name, int shards, const Kind& kind) {
  Program program;
  program.matrix = kind.matrix;
  const auto script = [&dice, &name, shards, &kind] {
    ValueList operations;
    for (std::int64_t i = dice.number(1, 3); i > 0; --i)
      operations.emplace_back(random_operation(dice, name, shards, kind));
    return operations;
  };
  for (const char* endpoint : kEndpoints) {
    if (dice.chance(0.12)) program.endpoints.set(endpoint, script());
  }
  if (dice.chance(0.8)) program.endpoints.set("/default", script());
  return program;
}

// Flows.

class Maker {
 public:
  explicit Maker(World& world) : dice_(world) {}

  ScriptedFlow make() {
    flow_.declaration.name.value = "random";
    const std::int64_t count = dice_.number(1, 8);
    for (std::int64_t i = 0; i < count && instances_ < kMostInstances; ++i)
      add(fmt::format("n{}", i));
    auto& executors = flow_.declaration.executors;
    // A need may be declared further down.
    if (dice_.chance(0.2) && executors.size() > 1) {
      const auto at = dice_.number(0, static_cast<std::int64_t>(executors.size()) - 2);
      std::swap(executors[static_cast<std::size_t>(at)],
                executors[static_cast<std::size_t>(at) + 1]);
    }
    return std::move(flow_);
  }

 private:
  void add(const std::string& name) {
    graph::ExecutorDecl executor;
    executor.name.value = name;
    executor.uses.value = "scripted";
    executor.place.line = static_cast<std::uint32_t>(names_.size() + 1);
    choose_needs(executor);
    if (dice_.chance(0.45)) executor.shards = static_cast<std::uint32_t>(dice_.number(2, 3));
    if (dice_.chance(0.3)) executor.replicas = 2;
    if (executor.shards > 1) choose_polling(executor);
    executor.allow_partial = executor.shards > 1 && dice_.chance(0.25);
    executor.no_reduce = dice_.chance(0.15);
    executor.floating = dice_.chance(0.08);
    if (dice_.chance(0.3)) executor.when = dice_.chance(0.1) ? ValueMap() : random_query(dice_, 2);
    const bool joins = executor.needs.size() > 1;
    if (dice_.chance(0.12)) add_companion(executor, executor.uses_before, "uses_before");
    if (dice_.chance(0.12)) add_companion(executor, executor.uses_after, "uses_after");
    if (joins && !executor.uses_before && dice_.chance(0.05))
      executor.uses_before.emplace().uses.value = "BaseExecutor";
    if (!dice_.chance(0.05)) {
      const Kind kind{dice_.chance(joins ? 0.4 : 0.1), dice_.chance(0.3)};
      flow_.programs[name] = random_program(dice_, name, static_cast<int>(executor.shards), kind);
      if (kind.batched) choose_batching(executor, kind.matrix || (joins && keeps_apart(executor)));
    }
    maybe_external(executor);
    instances_ += static_cast<int>(executor.shards * executor.replicas);
    names_.push_back(name);
    flow_.declaration.executors.push_back(std::move(executor));
  }

  // What answers the same wherever it runs: one list of documents, in and out.
  void maybe_external(graph::ExecutorDecl& executor) {
    const auto program = flow_.programs.find(executor.name.value);
    const bool matrix = program != flow_.programs.end() && program->second.matrix;
    const bool could = executor.shards == 1 && !executor.no_reduce && !matrix &&
                       !executor.uses_before && !executor.uses_after && executor.batching.empty();
    if (!could || !dice_.chance(0.3)) return;
    executor.external = true;
    executor.hosts.assign(executor.replicas, "sim:far");
  }

  void choose_needs(graph::ExecutorDecl& executor) {
    for (std::int64_t n = dice_.chance(0.5) ? 1 : dice_.number(2, 3); n > 0; --n) {
      const auto last = static_cast<std::int64_t>(names_.size()) - 1;
      const std::int64_t at =
          dice_.chance(0.6) ? std::max<std::int64_t>(last - n + 1, -1) : dice_.number(-1, last);
      executor.needs.push_back({at < 0 ? "gateway" : names_[static_cast<std::size_t>(at)], {}});
    }
    // Twice counts once; the engine's compiler has its own tests of that.
    auto& needs = executor.needs;
    for (std::size_t i = 0; i < needs.size(); ++i) {
      const auto same = [&needs, i](const auto& other) { return other.value == needs[i].value; };
      needs.erase(
          std::remove_if(needs.begin() + static_cast<std::ptrdiff_t>(i) + 1, needs.end(), same),
          needs.end());
    }
  }

  void choose_polling(graph::ExecutorDecl& executor) {
    const auto polling = [this] {
      if (!async_ && dice_.chance(0.2)) return Polling::kAllAsync;
      if (dice_.chance(0.3)) return Polling::kHash;
      return dice_.chance(0.6) ? Polling::kAll : Polling::kAny;
    };
    if (dice_.chance(0.7)) executor.polling.others = polling();
    for (const char* endpoint : kEndpoints) {
      if (dice_.chance(0.15)) executor.polling.endpoints.emplace_back(endpoint, polling());
    }
    // One is enough: what may come first multiplies.
    async_ = async_ || executor.polling.others == Polling::kAllAsync ||
             std::ranges::any_of(executor.polling.endpoints, [](const auto& entry) {
               return entry.second == Polling::kAllAsync;
             });
  }

  // Whether its parts cannot be told from those of others, because it gets them unreduced.
  static bool keeps_apart(const graph::ExecutorDecl& executor) {
    if (!executor.uses_before) return executor.no_reduce;
    return executor.uses_before->uses.value == "BaseExecutor";
  }

  void choose_batching(graph::ExecutorDecl& executor, bool apart) {
    if (apart) return;
    const auto rule = [this](const char* endpoint) {
      return BatchRule{endpoint, static_cast<std::uint32_t>(dice_.number(1, 6)),
                       std::chrono::microseconds(dice_.number(100, 15'000))};
    };
    if (dice_.chance(0.7)) executor.batching.push_back(rule("*"));
    for (const char* endpoint : kEndpoints) {
      if (dice_.chance(0.3)) executor.batching.push_back(rule(endpoint));
    }
  }

  void add_companion(graph::ExecutorDecl& executor, std::optional<graph::CompanionDecl>& place,
                     const char* role) {
    graph::CompanionDecl companion;
    companion.uses.value = "scripted";
    companion.replicas = dice_.chance(0.2) ? 2 : 1;
    instances_ += static_cast<int>(companion.replicas);
    place = std::move(companion);
    const std::string node = fmt::format("{}/{}", executor.name.value, role);
    // What its tags are called must be a name that filters can spell.
    const std::string tag = fmt::format("{}{}", executor.name.value, role[5] == 'b' ? "b" : "a");
    flow_.programs[node] = random_program(dice_, tag, 1, {.matrix = dice_.chance(0.6)});
  }

  Dice dice_;
  ScriptedFlow flow_;
  std::vector<std::string> names_;
  int instances_ = 0;
  bool async_ = false;
};

}  // namespace

ScriptedFlow random_flow(World& dice) {
  return Maker(dice).make();
}

Asked random_request(World& world, const ScriptedFlow& flow) {
  constexpr std::array<const char*, 6> kTargets = {"n0", "n[01]", "^n2$", "n", "1", "n[13]"};
  Dice dice(world);
  Asked asked;
  asked.endpoint = dice.one_of(kEndpoints);
  asked.documents = random_documents(dice);
  if (dice.chance(0.15)) asked.target = dice.one_of(kTargets);
  if (dice.chance(0.3)) {
    const auto& one = dice.one_of(flow.declaration.executors).name.value;
    asked.parameters = {{"a", 1}, {"__z", 2.0}, {one + "__a", 3}, {"nobody__b", 4}};
    if (dice.chance(0.5)) asked.parameters.set(one, ValueMap{{"a", 5}, {"c", "six"}});
  }
  return asked;
}

}  // namespace flow::sim
