// Filters of the model: evaluated on JSON, straight from the query as it is written.

#include <algorithm>
#include <regex>
#include <string>
#include <string_view>

#include "model.h"

namespace flow::sim::model {
namespace {

struct Clash {};

std::string_view next_step(std::string_view& path) {
  const std::size_t end = path.find("__");
  const std::string_view step = path.substr(0, end);
  path = end == std::string_view::npos ? std::string_view() : path.substr(end + 2);
  return step;
}

// The position a step names in a list; a negative one counts from its end. Throws where it is a
// name, none where the list has no such position.
std::optional<std::size_t> position(std::string_view step, std::size_t size) {
  const std::string_view digits = step.substr(step.starts_with('-') ? 1 : 0);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) throw Clash();
  auto index = std::stoll(std::string(step));
  if (index < 0) index += static_cast<long long>(size);
  if (index < 0 || index >= static_cast<long long>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

// Whether nothing below it can exist, so that a path through it is missing.
bool hollow(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return true;
    case Value::Kind::kBool: return !*value.if_bool();
    case Value::Kind::kInt:
    case Value::Kind::kDouble: return value.number() == 0;
    case Value::Kind::kString: return value.if_string()->empty();
    case Value::Kind::kBytes: return value.if_bytes()->bytes.empty();
    case Value::Kind::kList: return value.if_list()->empty();
    case Value::Kind::kMap: return value.if_map()->empty();
  }
  return true;
}

Value default_of(std::string_view field) {
  if (field == "weight" || field == "offset") return 0.0;
  if (field == "granularity" || field == "adjacency") return 0;
  if (field == "chunks" || field == "matches" || field == "location") return ValueList();
  if (field == "tags" || field == "scores" || field == "evaluations") return ValueMap();
  if (field == "embedding" || field == "tensor") return {};
  return "";
}

Value below(const Value& value, std::string_view path);

Value field_of(const Document& document, std::string_view path) {
  const std::string_view field = next_step(path);
  const Value* found = document.find(field);
  const Value value = found == nullptr ? default_of(field) : *found;
  const bool documents = field == "chunks" || field == "matches";
  if (path.empty() || !documents || hollow(value)) return below(value, path);
  const auto index = position(next_step(path), value.if_list()->size());
  if (!index) return {};
  const Value& child = (*value.if_list())[*index];
  return path.empty() ? child : field_of(*child.if_map(), path);
}

Value below(const Value& value, std::string_view path) {
  if (path.empty()) return value;
  if (hollow(value)) return {};
  const std::string_view step = next_step(path);
  if (const ValueMap* map = value.if_map()) {
    const Value* found = map->find(step);
    return found == nullptr ? Value() : below(*found, path);
  }
  if (const ValueList* list = value.if_list()) {
    const auto index = position(step, list->size());
    return index ? below((*list)[*index], path) : Value();
  }
  throw Clash();
}

bool numeric(const Value& value) {
  return value.is_number() || value.kind() == Value::Kind::kBool;
}

double number(const Value& value) {
  return value.if_bool() != nullptr ? (*value.if_bool() ? 1 : 0) : value.number();
}

bool equal(const Value& a, const Value& b) {
  if (numeric(a) && numeric(b)) return number(a) == number(b);
  if (a.kind() != b.kind()) return false;
  if (const ValueList* list = a.if_list()) return std::ranges::equal(*list, *b.if_list(), equal);
  if (const ValueMap* map = a.if_map()) {
    return map->size() == b.if_map()->size() &&
           std::ranges::all_of(*map, [&b](const ValueMap::Entry& entry) {
             const Value* other = b.if_map()->find(entry.first);
             return other != nullptr && equal(entry.second, *other);
           });
  }
  return a == b;
}

// Negative, zero, positive; of lists the first difference decides.
int order(const Value& a, const Value& b) {
  if (numeric(a) && numeric(b)) {
    return number(a) < number(b) ? -1 : number(a) > number(b) ? 1 : 0;
  }
  if (a.if_string() != nullptr && b.if_string() != nullptr)
    return a.if_string()->compare(*b.if_string());
  const ValueList* left = a.if_list();
  const ValueList* right = b.if_list();
  if (left == nullptr || right == nullptr) throw Clash();
  for (std::size_t i = 0; i < std::min(left->size(), right->size()); ++i) {
    if (!equal((*left)[i], (*right)[i])) return order((*left)[i], (*right)[i]);
  }
  return static_cast<int>(left->size()) - static_cast<int>(right->size());
}

bool contains(const Value& operand, const Value& value) {
  if (const std::string* text = operand.if_string()) {
    if (value.is_null()) return false;
    if (value.if_string() == nullptr) throw Clash();
    return text->find(*value.if_string()) != std::string::npos;
  }
  return std::ranges::any_of(*operand.if_list(),
                             [&value](const Value& each) { return equal(each, value); });
}

std::int64_t size_of(const Value& value) {
  if (const std::string* text = value.if_string()) return static_cast<std::int64_t>(text->size());
  if (const ValueList* list = value.if_list()) return static_cast<std::int64_t>(list->size());
  if (const ValueMap* map = value.if_map()) return static_cast<std::int64_t>(map->size());
  throw Clash();
}

bool matches(const Value& value, const Value& pattern) {
  if (value.if_string() == nullptr) throw Clash();
  return std::regex_search(*value.if_string(), std::regex(*pattern.if_string()));
}

bool holds(std::string_view field, const Value& value, std::string_view op, const Value& operand) {
  if (op == "$eq") return equal(value, operand);
  if (op == "$ne" || op == "$neq") return !equal(value, operand);
  if (op == "$in") return contains(operand, value);
  if (op == "$nin") return !contains(operand, value);
  if (op == "$exists") {
    const bool nested = field.find("__") != std::string_view::npos;
    return *operand.if_bool() == (nested ? !value.is_null() : !hollow(value));
  }
  if (value.is_null()) return false;
  if (op == "$regex") return matches(value, operand);
  if (op == "$size") return static_cast<double>(size_of(value)) == operand.number();
  const int way = order(value, operand);
  if (op == "$gt") return way > 0;
  if (op == "$gte") return way >= 0;
  if (op == "$lt") return way < 0;
  return way <= 0;
}

bool evaluate(const Document& document, const ValueMap& query);

// $and and $or ask from left to right and stop at the first that decides.
bool combined(const Document& document, std::string_view op, const Value& operand) {
  ValueList queries;
  if (const ValueMap* map = operand.if_map()) {
    for (const auto& [key, value] : *map) {
      ValueMap one;
      one.set(key, value);
      queries.emplace_back(std::move(one));
    }
  } else {
    queries = *operand.if_list();
  }
  const auto passes_one = [&document](const Value& each) {
    return evaluate(document, *each.if_map());
  };
  if (op == "$or") return std::ranges::any_of(queries, passes_one);
  const bool all = std::ranges::all_of(queries, passes_one);
  return op == "$not" ? !all : all;
}

// "{path}" stands for the document's own value.
Value filled_in(const Document& document, const Value& operand) {
  const std::string* text = operand.if_string();
  if (text == nullptr || !text->starts_with('{') || !text->ends_with('}')) return operand;
  return field_of(document, std::string_view(*text).substr(1, text->size() - 2));
}

bool evaluate(const Document& document, const ValueMap& query) {
  for (const auto& [key, value] : query) {
    if (key.starts_with('$')) {
      if (!combined(document, key, value)) return false;
      continue;
    }
    for (const auto& [op, operand] : *value.if_map()) {
      if (!holds(key, field_of(document, key), op, filled_in(document, operand))) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<bool> passes(const Document& document, const ValueMap& query) {
  try {
    return evaluate(document, query);
  } catch (const Clash&) {
    return std::nullopt;
  }
}

}  // namespace flow::sim::model
