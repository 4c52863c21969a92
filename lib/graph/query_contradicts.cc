#include <algorithm>
#include <optional>

#include "graph/query.h"

namespace flow::graph {
namespace {

// A condition that must hold, or (negated) must not.
struct Demand {
  const Condition* condition;
  bool negated;
};

const Value* literal(const Demand& demand) {
  return std::get_if<Value>(&demand.condition->operand);
}

bool is_order(Operator op) {
  return op == Operator::kGreater || op == Operator::kGreaterOrEqual || op == Operator::kLess ||
         op == Operator::kLessOrEqual;
}

// Numbers and strings are all that is looked into; anything else is not known.
bool is_simple(const Value& value) {
  return value.is_null() || value.is_number() || value.if_string() != nullptr;
}

bool equal(const Value& a, const Value& b) {
  return a.is_number() && b.is_number() ? a.number() == b.number() : a == b;
}

// -1, 0 or 1; nothing for values without an order.
std::optional<int> order(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    if (a.number() == b.number()) return 0;
    return a.number() < b.number() ? -1 : 1;
  }
  const std::string* left = a.if_string();
  const std::string* right = b.if_string();
  if (left == nullptr || right == nullptr) return std::nullopt;
  const int order = left->compare(*right);
  return order == 0 ? 0 : (order < 0 ? -1 : 1);
}

// What `op` says of a value that stands so to its operand.
bool fits(Operator op, int order) {
  switch (op) {
    case Operator::kGreater: return order > 0;
    case Operator::kGreaterOrEqual: return order >= 0;
    case Operator::kLess: return order < 0;
    default: return order <= 0;
  }
}

// Whether a document with this value at the condition's path passes it; nothing when not known. A
// clash does not pass.
std::optional<bool> passes(const Value& value, const Condition& condition, const Value& operand) {
  if (!is_simple(value)) return std::nullopt;
  const ValueList* list = operand.if_list();
  switch (condition.op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
      if (!is_simple(operand)) return std::nullopt;
      return equal(value, operand) == (condition.op == Operator::kEqual);
    case Operator::kIn:
    case Operator::kNotIn: {
      if (list == nullptr || !std::ranges::all_of(*list, is_simple)) return std::nullopt;
      const bool inside =
          std::ranges::any_of(*list, [&value](const Value& item) { return equal(value, item); });
      return inside == (condition.op == Operator::kIn);
    }
    case Operator::kRegex:
      if (!condition.regex || value.if_string() == nullptr) return std::nullopt;
      return condition.regex->found_in(*value.if_string());
    case Operator::kExists:
      if (condition.path.bare || operand.if_bool() == nullptr) return std::nullopt;
      return value.is_null() != *operand.if_bool();
    case Operator::kSize: return std::nullopt;
    default: break;
  }
  if (!is_simple(operand)) return std::nullopt;
  if (value.is_null()) return false;
  const std::optional<int> stands = order(value, operand);
  return stands ? fits(condition.op, *stands) : std::optional<bool>();
}

// The only values `demand` lets pass; nothing when there are more.
std::optional<ValueList> only_values(const Demand& demand) {
  const Value* operand = literal(demand);
  if (operand == nullptr) return std::nullopt;
  const Operator op = demand.condition->op;
  const bool equal = op == (demand.negated ? Operator::kNotEqual : Operator::kEqual);
  const bool inside = op == (demand.negated ? Operator::kNotIn : Operator::kIn);
  if (equal) return ValueList{*operand};
  if (inside && operand->if_list() != nullptr) return *operand->if_list();
  return std::nullopt;
}

bool none_passes(const ValueList& values, const Demand& demand) {
  const Value* operand = literal(demand);
  return operand != nullptr && std::ranges::all_of(values, [&](const Value& value) {
           const std::optional<bool> passed = passes(value, *demand.condition, *operand);
           return passed.has_value() && *passed == demand.negated;
         });
}

// Two orders that leave nothing between them: > 5 and < 3.
bool apart(const Condition& a, const Value& low, const Condition& b, const Value& high) {
  const bool below = b.op == Operator::kLess || b.op == Operator::kLessOrEqual;
  const bool above = a.op == Operator::kGreater || a.op == Operator::kGreaterOrEqual;
  if (!above || !below) return false;
  const std::optional<int> stands = order(low, high);
  if (!stands) return false;
  const bool both_closed = a.op == Operator::kGreaterOrEqual && b.op == Operator::kLessOrEqual;
  return *stands > 0 || (*stands == 0 && !both_closed);
}

// Needs a value, and `b` that there is none.
bool one_missing(const Demand& a, const Demand& b) {
  const Value* operand = literal(b);
  if (b.condition->op != Operator::kExists || operand == nullptr) return false;
  if (*operand->if_bool() != b.negated) return false;  // it demands a value
  if (a.condition->op == Operator::kExists && literal(a) != nullptr) {
    return *literal(a)->if_bool() != a.negated;
  }
  if (b.condition->path.bare || a.negated) return false;
  return is_order(a.condition->op) || a.condition->op == Operator::kRegex ||
         a.condition->op == Operator::kSize;
}

bool sizes_differ(const Demand& a, const Demand& b) {
  const bool sizes = a.condition->op == Operator::kSize && b.condition->op == Operator::kSize;
  if (!sizes || a.negated || b.negated) return false;
  const Value* left = literal(a);
  const Value* right = literal(b);
  return left != nullptr && right != nullptr && left->is_number() && right->is_number() &&
         !equal(*left, *right);
}

bool exclude(const Demand& a, const Demand& b) {
  if (a.condition->path.text != b.condition->path.text) return false;
  if (const auto values = only_values(a); values && none_passes(*values, b)) return true;
  if (const auto values = only_values(b); values && none_passes(*values, a)) return true;
  if (one_missing(a, b) || one_missing(b, a) || sizes_differ(a, b)) return true;
  const Value* left = literal(a);
  const Value* right = literal(b);
  if (left == nullptr || right == nullptr || a.negated || b.negated) return false;
  return apart(*a.condition, *left, *b.condition, *right) ||
         apart(*b.condition, *right, *a.condition, *left);
}

// A query, or the opposite of one.
struct Part {
  const QueryNode* node;
  bool negated;
};

bool excluded(const Part& a, const Part& b);

// Whether `a`, which is no condition, excludes `b`. All must hold: one that excludes it is enough;
// any may hold: each has to.
bool excluded_by_children(const Part& a, const Part& b) {
  const bool negated = a.negated != a.node->negated;
  const bool all = (a.node->kind == QueryNode::Kind::kAll) != negated;
  const auto excludes = [&](const QueryNode& child) { return excluded({&child, negated}, b); };
  return all ? std::ranges::any_of(a.node->children, excludes)
             : std::ranges::all_of(a.node->children, excludes);
}

bool excluded(const Part& a, const Part& b) {
  if (a.node->kind != QueryNode::Kind::kCondition) return excluded_by_children(a, b);
  if (b.node->kind != QueryNode::Kind::kCondition) return excluded_by_children(b, a);
  return exclude({&*a.node->condition, a.negated != a.node->negated},
                 {&*b.node->condition, b.negated != b.node->negated});
}

}  // namespace

bool contradicts(const Query& earlier, const Query& later) {
  const Part first{&earlier.root(), false};
  const Part second{&later.root(), false};
  return excluded(first, second) || excluded(second, first);  // opens the first one first
}

}  // namespace flow::graph
