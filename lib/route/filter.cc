#include "route/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "route/value_order.h"
#include "wire/document_select.h"
#include "wire/value_view.h"

namespace flow::route {
namespace {

using graph::Condition;
using graph::FieldPath;
using graph::Operator;
using graph::QueryNode;
using wire::ValueView;
using Kind = ValueView::Kind;

bool is_empty(const ValueView& value) {
  switch (value.kind()) {
    case Kind::kNull: return true;
    case Kind::kBool:
    case Kind::kInt: return value.integer() == 0;
    case Kind::kDouble: return value.number() == 0;
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kMap: return value.size() == 0;
    default: return false;
  }
}

// Whether a document's own field is set: to something else than its default.
bool is_set(DocumentField field, const ValueView& value) {
  const bool tensor = field == DocumentField::kTensor || field == DocumentField::kEmbedding;
  return tensor ? !value.is_null() : !is_empty(value);
}

ValueView item_at(const ValueView& list, std::int64_t index) {
  const auto size = static_cast<std::int64_t>(list.size());
  if (index < 0) index += size;
  return index >= 0 && index < size ? list.item(static_cast<std::size_t>(index)) : ValueView();
}

// Characters, as the users count them; of bytes, how many.
std::size_t length_of(const ValueView& value) {
  if (value.kind() != Kind::kString) return value.size();
  return static_cast<std::size_t>(std::ranges::count_if(
      value.text(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string with_article(const ValueView& value) {
  const std::string_view name = wire::to_string(value.kind());
  if (value.is_null()) return std::string(name);
  return fmt::format("{} {}", value.kind() == Kind::kInt ? "an" : "a", name);
}

// One document under one query. A clash ends it: everything after it is false.
class Evaluation {
 public:
  explicit Evaluation(const wire::Document& document) : document_(document), root_(document) {}

  Result<bool> run(const QueryNode& query) {
    const bool passed = holds(query);
    if (clash_) return *std::move(clash_);
    return passed;
  }

 private:
  bool holds(const QueryNode& node);
  bool test(const Condition& condition);
  bool in_order(const Condition& condition, const ValueView& value, const ValueView& operand);
  bool inside(const Condition& condition, const ValueView& value, const ValueView& operand);
  bool matches(const Condition& condition, const ValueView& value, const ValueView& operand);
  bool has_size(const Condition& condition, const ValueView& value, const ValueView& operand);
  bool exists(const Condition& condition, const ValueView& value, const ValueView& operand);

  ValueView at(const FieldPath& path);
  ValueView step(const ValueView& from, const FieldPath& path, std::size_t number);

  // All return false, for the condition that clashed.
  bool clash(std::string text);
  bool clash(const Condition& condition, const ValueView& value, const ValueView& operand);

  const wire::Document& document_;
  ValueView root_;
  std::optional<Error> clash_;
};

bool Evaluation::clash(std::string text) {
  clash_ = Error{Errc::kInvalidArgument, fmt::format("document '{}': {}", document_.id(), text)};
  return false;
}

bool Evaluation::clash(const Condition& condition, const ValueView& value,
                       const ValueView& operand) {
  return clash(fmt::format("{} is {}, and {} cannot compare it with {}", condition.path.text,
                           with_article(value), to_string(condition.op), with_article(operand)));
}

bool Evaluation::holds(const QueryNode& node) {
  if (node.kind == QueryNode::Kind::kCondition) return test(*node.condition) != node.negated;
  const bool until = node.kind == QueryNode::Kind::kAny;
  bool result = !until;
  for (const QueryNode& child : node.children) {
    const bool held = holds(child);
    if (clash_) return false;
    if (held == until) {
      result = until;
      break;
    }
  }
  return result != node.negated;
}

ValueView Evaluation::step(const ValueView& from, const FieldPath& path, std::size_t number) {
  const FieldPath::Step& step = path.steps[number];
  switch (from.kind()) {
    case Kind::kMap: return from.find(step.name);
    case Kind::kDocument: return step.field ? from.field(*step.field) : ValueView();
    case Kind::kScore: return step.name == "value" ? from.score_value() : from.score_description();
    case Kind::kList:
      if (step.index) return item_at(from, *step.index);
      break;
    default: break;
  }
  std::string way(kDocumentFieldNames[static_cast<std::size_t>(path.field)]);
  for (std::size_t i = 0; i < number; ++i)
    way += "__" + path.steps[i].name;
  clash(fmt::format("{} leads nowhere: {} is {} and has no '{}'", path.text, way,
                    with_article(from), step.name));
  return {};
}

ValueView Evaluation::at(const FieldPath& path) {
  ValueView value = root_.field(path.field);
  for (std::size_t i = 0; i < path.steps.size(); ++i) {
    if (is_empty(value)) return {};
    value = step(value, path, i);
  }
  return value;
}

bool Evaluation::test(const Condition& condition) {
  const FieldPath* placeholder = std::get_if<FieldPath>(&condition.operand);
  const ValueView operand =
      placeholder != nullptr ? at(*placeholder) : ValueView(std::get<Value>(condition.operand));
  if (clash_) return false;
  const ValueView value = at(condition.path);
  if (clash_) return false;
  switch (condition.op) {
    case Operator::kEqual: return same_value(value, operand);
    case Operator::kNotEqual: return !same_value(value, operand);
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
    case Operator::kLess:
    case Operator::kLessOrEqual: return in_order(condition, value, operand);
    case Operator::kIn: return inside(condition, value, operand);
    case Operator::kNotIn: return !inside(condition, value, operand);
    case Operator::kRegex: return matches(condition, value, operand);
    case Operator::kSize: return has_size(condition, value, operand);
    case Operator::kExists: return exists(condition, value, operand);
  }
  return false;
}

bool Evaluation::in_order(const Condition& condition, const ValueView& value,
                          const ValueView& operand) {
  if (value.is_null()) return false;
  const ValueOrder order = order_of(value, operand);
  switch (order) {
    case ValueOrder::kClash: return clash(condition, value, operand);
    case ValueOrder::kUnordered: return false;
    default: break;
  }
  switch (condition.op) {
    case Operator::kGreater: return order == ValueOrder::kGreater;
    case Operator::kGreaterOrEqual: return order != ValueOrder::kLess;
    case Operator::kLess: return order == ValueOrder::kLess;
    default: return order != ValueOrder::kGreater;
  }
}

bool Evaluation::inside(const Condition& condition, const ValueView& value,
                        const ValueView& operand) {
  if (operand.kind() == Kind::kList) {
    for (std::size_t i = 0; i < operand.size(); ++i) {
      if (same_value(value, operand.item(i))) return true;
    }
    return false;
  }
  if (operand.kind() == Kind::kString) {
    if (value.is_null()) return false;
    if (value.kind() == Kind::kString) return contains(operand.text(), value.text());
    return clash(condition, value, operand);
  }
  if (operand.kind() != Kind::kMap) return clash(condition, value, operand);
  if (value.kind() == Kind::kList || value.kind() == Kind::kMap) {
    return clash(condition, value, operand);
  }
  if (value.kind() != Kind::kString) return false;
  for (std::size_t i = 0; i < operand.size(); ++i) {
    if (operand.key(i) == value.text()) return true;
  }
  return false;
}

bool Evaluation::matches(const Condition& condition, const ValueView& value,
                         const ValueView& operand) {
  if (value.is_null()) return false;
  if (value.kind() != Kind::kString || operand.kind() != Kind::kString) {
    return clash(condition, value, operand);
  }
  if (condition.regex) return condition.regex->found_in(value.text());
  const Result<graph::Regex> regex = graph::Regex::compile(operand.text());
  if (regex) return regex->found_in(value.text());
  return clash(fmt::format("{} of {}: its pattern is no regular expression: {}",
                           to_string(condition.op), condition.path.text, regex.error().message));
}

bool Evaluation::has_size(const Condition& condition, const ValueView& value,
                          const ValueView& operand) {
  switch (value.kind()) {
    case Kind::kNull: return false;
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kMap: {
      const Value length(static_cast<std::int64_t>(length_of(value)));
      return same_value(ValueView(length), operand);
    }
    default:
      return clash(fmt::format("{} is {}, which has no {}", condition.path.text,
                               with_article(value), to_string(condition.op)));
  }
}

bool Evaluation::exists(const Condition& condition, const ValueView& value,
                        const ValueView& operand) {
  if (operand.kind() != Kind::kBool) {
    return clash(fmt::format("{} of {} needs true or false, not {}", to_string(condition.op),
                             condition.path.text, with_article(operand)));
  }
  const bool there = condition.path.bare ? is_set(condition.path.field, value) : !value.is_null();
  return there == (operand.integer() != 0);
}

}  // namespace

Result<Filter> Filter::compile(const ValueMap& when) {
  auto parsed = graph::Query::parse(when);
  if (const auto* problem = std::get_if<graph::QueryProblem>(&parsed)) {
    return Error{Errc::kInvalidArgument, "when: " + to_string(*problem)};
  }
  return Filter(std::get<graph::Query>(std::move(parsed)));
}

Result<bool> Filter::passes(const wire::Document& document) const {
  return Evaluation(document).run(query_.root());
}

Result<Bytes> Filter::keep_passing(const Bytes& payload) const {
  const Result<wire::DocumentList> documents = wire::DocumentList::open(payload);
  if (!documents) return documents.error();
  return keep_passing(*documents, payload);
}

Result<Bytes> Filter::keep_passing(const wire::DocumentList& documents,
                                   const Bytes& payload) const {
  std::vector<bool> keep(documents.size());
  for (std::size_t i = 0; i < documents.size(); ++i) {
    Result<bool> passed = passes(documents[i]);
    if (!passed) return std::move(passed).error();
    keep[i] = *passed;
  }
  return wire::select_documents(payload, keep);
}

}  // namespace flow::route
