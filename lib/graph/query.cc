#include "graph/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/text.h"
#include "graph/query_internal.h"

namespace flow::graph {
namespace {

using internal::Kinds;
using internal::PathProblem;
using internal::TypedPath;

struct OperatorName {
  std::string_view name;
  Operator op;
};
// The first name of an operator is the one that is printed.
constexpr std::array<OperatorName, 12> kOperators{{{"$eq", Operator::kEqual},
                                                   {"$neq", Operator::kNotEqual},
                                                   {"$ne", Operator::kNotEqual},
                                                   {"$gt", Operator::kGreater},
                                                   {"$gte", Operator::kGreaterOrEqual},
                                                   {"$lt", Operator::kLess},
                                                   {"$lte", Operator::kLessOrEqual},
                                                   {"$in", Operator::kIn},
                                                   {"$nin", Operator::kNotIn},
                                                   {"$regex", Operator::kRegex},
                                                   {"$size", Operator::kSize},
                                                   {"$exists", Operator::kExists}}};
constexpr std::size_t kMaxShownPath = 80;
constexpr std::array<std::string_view, 3> kLogic{"$and", "$or", "$not"};

std::optional<Operator> parse_operator(std::string_view name) {
  const auto found = std::ranges::find(kOperators, name, &OperatorName::name);
  if (found == kOperators.end()) return std::nullopt;
  return found->op;
}

bool is_logic(std::string_view name) {
  return std::ranges::find(kLogic, name) != kLogic.end();
}

std::string with_article(Value::Kind kind) {
  const std::string_view name = to_string(kind);
  if (kind == Value::Kind::kNull) return std::string(name);
  return fmt::format("{} {}", kind == Value::Kind::kInt ? "an" : "a", name);
}

std::string hint_for_operator(std::string_view name, bool with_logic) {
  if (name == "$nor") return "write { \"$not\" = { \"$or\" = [...] } }";
  std::vector<std::string_view> known;
  for (const OperatorName& entry : kOperators)
    known.push_back(entry.name);
  if (with_logic) known.assign(kLogic.begin(), kLogic.end());
  if (const auto meant = did_you_mean(name, known)) return fmt::format("did you mean {}?", *meant);
  return fmt::format("operators are {}", fmt::join(known, ", "));
}

// Fields below which people look for names of their own.
bool has_names(std::string_view field) {
  constexpr std::array<std::string_view, 5> kFields{"tags", "chunks", "matches", "scores",
                                                    "evaluations"};
  return std::ranges::find(kFields, field.substr(0, field.find("__"))) != kFields.end();
}

// For { tags.a.b = ... }, which TOML takes as tables inside of tables: "did you mean tags__a__b?"
std::string hint_for_path(std::string_view field, const std::string& name, const Value& operand) {
  std::string path = fmt::format("{}__{}", field, name);
  const Value* value = &operand;
  for (const ValueMap* map = value->if_map(); map != nullptr && map->size() == 1;
       map = value->if_map()) {
    const auto& [key, below] = *map->begin();
    if (key.empty() || key.starts_with('$') || path.size() > kMaxShownPath) break;
    path += "__" + key;
    value = &below;
  }
  return fmt::format("did you mean {}?", path);
}

bool deeper_than(const Value& value, int levels) {
  if (const ValueList* list = value.if_list()) {
    return levels == 0 || std::ranges::any_of(*list, [levels](const Value& item) {
             return deeper_than(item, levels - 1);
           });
  }
  if (const ValueMap* map = value.if_map()) {
    return levels == 0 || std::any_of(map->begin(), map->end(), [levels](const auto& entry) {
             return deeper_than(entry.second, levels - 1);
           });
  }
  return false;
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The paths in braces in a text, as "{ tags__name }"; braces around anything else do not count.
std::vector<std::string_view> paths_in_braces(std::string_view text) {
  std::vector<std::string_view> paths;
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    std::size_t at = open + 1;
    while (at < text.size() && is_space(text[at]))
      ++at;
    const std::size_t begin = at;
    while (at < text.size() && is_word(text[at]))
      ++at;
    const std::size_t end = at;
    while (at < text.size() && is_space(text[at]))
      ++at;
    if (at < text.size() && text[at] == '}') paths.push_back(text.substr(begin, end - begin));
  }
  return paths;
}

class Parser {
 public:
  std::optional<QueryNode> all_of(const ValueMap& query, int depth);
  QueryProblem& problem() { return problem_; }

 private:
  using Parsed = std::optional<QueryNode>;  // nothing: problem_ says why

  Parsed entry(const std::string& key, const Value& value, int depth);
  Parsed logic(const std::string& name, const Value& value, int depth);
  Parsed field(const std::string& name, const Value& value, int depth);
  Parsed comparison(const std::string& field, const std::string& name, const Value& operand);
  bool read_operand(Condition& condition, const Value& value, Kinds& kinds);
  bool read_placeholder(Condition& condition, const std::string& text, Kinds& kinds);
  std::nullopt_t refuse(std::string message, std::string hint = {});

  std::vector<std::string> path_;
  std::size_t count_ = 0;  // of conditions and queries
  QueryProblem problem_;
};

std::nullopt_t Parser::refuse(std::string message, std::string hint) {
  problem_ = {.path = path_, .message = std::move(message), .hint = std::move(hint)};
  return std::nullopt;
}

Parser::Parsed Parser::all_of(const ValueMap& query, int depth) {
  if (++count_ > kMaxConditions) return refuse(fmt::format("more than {} queries", kMaxConditions));
  QueryNode node;
  for (const auto& [key, value] : query) {
    path_.push_back(key);
    Parsed child = entry(key, value, depth);
    if (!child) return std::nullopt;
    path_.pop_back();
    node.children.push_back(*std::move(child));
  }
  return node;
}

Parser::Parsed Parser::entry(const std::string& key, const Value& value, int depth) {
  if (is_logic(key)) return logic(key, value, depth);
  if (!key.starts_with('$')) return field(key, value, depth);
  if (parse_operator(key)) {
    return refuse(fmt::format("{} stands without a field", key),
                  fmt::format("write it inside of one: {{ tags__x = {{ \"{}\" = ... }} }}", key));
  }
  return refuse(fmt::format("there is no operator {}", key), hint_for_operator(key, true));
}

Parser::Parsed Parser::logic(const std::string& name, const Value& value, int depth) {
  if (depth >= kMaxQueryDepth) {
    return refuse(fmt::format("{} is nested more than {} levels deep", name, kMaxQueryDepth));
  }
  Parsed node;
  if (const ValueMap* map = value.if_map()) {
    node = all_of(*map, depth + 1);
    if (!node) return std::nullopt;
  } else if (const ValueList* list = value.if_list()) {
    node.emplace();
    for (std::size_t i = 0; i < list->size(); ++i) {
      path_.push_back(fmt::to_string(i));
      const ValueMap* query = (*list)[i].if_map();
      if (query == nullptr) {
        return refuse(
            fmt::format("{} needs queries, one is {}", name, with_article((*list)[i].kind())),
            "a query is a table: { tags__x = { \"$eq\" = 5 } }");
      }
      Parsed child = all_of(*query, depth + 1);
      if (!child) return std::nullopt;
      path_.pop_back();
      node->children.push_back(*std::move(child));
    }
  } else {
    return refuse(fmt::format("{} needs a list of queries or a query, not {}", name,
                              with_article(value.kind())),
                  fmt::format("as in {{ \"{}\" = [{{ tags__x = {{ \"$eq\" = 5 }} }}] }}", name));
  }
  node->kind = name == "$or" ? QueryNode::Kind::kAny : QueryNode::Kind::kAll;
  node->negated = name == "$not";
  return node;
}

Parser::Parsed Parser::field(const std::string& name, const Value& value, int depth) {
  const ValueMap* operators = value.if_map();
  if (operators == nullptr || operators->empty()) {
    return refuse(fmt::format("'{}' needs an operator, not {}", name,
                              operators == nullptr ? with_article(value.kind()) : "an empty table"),
                  fmt::format("as in {{ {} = {{ \"$eq\" = 5 }} }}", name));
  }
  QueryNode node;
  for (const auto& [op, operand] : *operators) {
    path_.push_back(op);
    Parsed child = is_logic(op) ? logic(op, operand, depth) : comparison(name, op, operand);
    if (!child) return std::nullopt;
    path_.pop_back();
    node.children.push_back(*std::move(child));
  }
  if (node.children.size() == 1) return std::move(node.children.front());
  return node;
}

Parser::Parsed Parser::comparison(const std::string& field, const std::string& name,
                                  const Value& operand) {
  const std::optional<Operator> op = parse_operator(name);
  if (!op) {
    std::string hint = hint_for_operator(name, false);
    const bool step = !name.empty() && !name.starts_with('$') && has_names(field) &&
                      (operand.if_map() != nullptr || !hint.starts_with("did you mean"));
    if (step) hint = hint_for_path(field, name, operand);
    return refuse(fmt::format("there is no operator {}", name), std::move(hint));
  }
  if (++count_ > kMaxConditions) {
    return refuse(fmt::format("more than {} conditions", kMaxConditions));
  }
  auto parsed = internal::parse_path(field);
  if (auto* problem = std::get_if<PathProblem>(&parsed)) {
    path_.pop_back();
    return refuse(std::move(problem->message), std::move(problem->hint));
  }
  auto& [path, left] = std::get<TypedPath>(parsed);
  Condition condition{.path = std::move(path), .op = *op, .operand = Value(), .regex = {}};
  Kinds right = internal::kAnyKind;
  if (!read_operand(condition, operand, right)) return std::nullopt;
  const std::string misfit = internal::misfit(*op, left, right);
  if (!misfit.empty()) {
    return refuse(fmt::format("{} of '{}': {}", name, field, misfit),
                  internal::example_of(*op, field, left));
  }
  QueryNode node;
  node.kind = QueryNode::Kind::kCondition;
  node.condition = std::move(condition);
  return node;
}

bool Parser::read_operand(Condition& condition, const Value& value, Kinds& kinds) {
  const std::string* text = value.if_string();
  if (text != nullptr && text->starts_with('{')) return read_placeholder(condition, *text, kinds);
  const std::string_view name = to_string(condition.op);
  if (condition.op == Operator::kExists && value.kind() != Value::Kind::kBool) {
    refuse(fmt::format("{} needs true or false, not {}", name, with_article(value.kind())),
           internal::example_of(condition.op, condition.path.text, kinds));
    return false;
  }
  if (deeper_than(value, kMaxOperandDepth)) {
    refuse(fmt::format("the operand of {} is nested more than {} levels deep", name,
                       kMaxOperandDepth));
    return false;
  }
  if (condition.op == Operator::kRegex && text != nullptr) {
    Result<Regex> regex = Regex::compile(*text);
    if (!regex) {
      refuse(fmt::format("'{}' is no regular expression: {}", text->substr(0, 80),
                         regex.error().message),
             "the syntax is RE2's");
      return false;
    }
    condition.regex = *std::move(regex);
  }
  kinds = internal::kinds_of(value);
  condition.operand = value;
  return true;
}

bool Parser::read_placeholder(Condition& condition, const std::string& text, Kinds& kinds) {
  const std::vector<std::string_view> paths = paths_in_braces(text);
  if (paths.size() != 1) {
    refuse(fmt::format("the placeholder '{}' is illegal", text.substr(0, 80)),
           "a string that begins with '{' is one path in braces: \"{tags__name}\"");
    return false;
  }
  auto parsed = internal::parse_path(paths.front());
  if (auto* problem = std::get_if<PathProblem>(&parsed)) {
    refuse(fmt::format("the placeholder '{}' is illegal: {}", text.substr(0, 80), problem->message),
           std::move(problem->hint));
    return false;
  }
  auto& [path, possible] = std::get<TypedPath>(parsed);
  kinds = possible;
  condition.operand = std::move(path);
  return true;
}

std::variant<Query, QueryProblem> no_query(Value::Kind kind) {
  return QueryProblem{.path = {},
                      .message = fmt::format("a filter is a table, not {}", with_article(kind)),
                      .hint = "as in { tags__x = { \"$eq\" = 5 } }"};
}

}  // namespace

std::string_view to_string(Operator op) {
  return std::ranges::find(kOperators, op, &OperatorName::op)->name;
}

std::string to_string(const QueryProblem& problem) {
  std::string text = fmt::format("{}", fmt::join(problem.path, "."));
  if (!text.empty()) text += ": ";
  text += problem.message;
  if (!problem.hint.empty()) text += fmt::format(" ({})", problem.hint);
  return text;
}

std::variant<Query, QueryProblem> Query::parse(const ValueMap& query) {
  Parser parser;
  std::optional<QueryNode> root = parser.all_of(query, 0);
  if (!root) return std::move(parser.problem());
  return Query(*std::move(root));
}

std::variant<Query, QueryProblem> Query::parse(const Value& query) {
  const ValueMap* map = query.if_map();
  return map == nullptr ? no_query(query.kind()) : parse(*map);
}

}  // namespace flow::graph
