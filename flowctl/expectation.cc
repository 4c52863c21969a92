#include "flowctl/expectation.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "wire/document_json.h"

namespace flow::flowctl {
namespace {

constexpr std::size_t kMostShown = 120;  // bytes of a value in a message
constexpr std::size_t kMostIds = 12;

std::string shown(const Value& value) {
  std::string text = to_json(value);
  if (text.size() <= kMostShown) return text;
  std::size_t end = kMostShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  text.resize(end);
  return text + "...";
}

bool same_number(const Value& a, const Value& b) {
  if (a.if_int() != nullptr && b.if_int() != nullptr) return *a.if_int() == *b.if_int();
  if (a.if_double() != nullptr && b.if_double() != nullptr) return a.number() == b.number();
  // An int and a double: exactly, also where the int has more digits than a double.
  const std::int64_t integer = a.if_int() != nullptr ? *a.if_int() : *b.if_int();
  const double real = a.if_int() != nullptr ? b.number() : a.number();
  if (real != std::floor(real) || real < -0x1p63 || real >= 0x1p63) return false;
  return static_cast<std::int64_t>(real) == integer;
}

bool same_map(const ValueMap& a, const ValueMap& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    const Value* other = b.find(key);
    if (other == nullptr || !same_value(value, *other)) return false;
  }
  return true;
}

bool same_list(const ValueList& a, const ValueList& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_value(a[i], b[i])) return false;
  }
  return true;
}

bool is_default(const Value& value) {
  if (const std::string* text = value.if_string()) return text->empty();
  if (value.is_number()) return value.number() == 0;
  if (const ValueList* list = value.if_list()) return list->empty();
  const ValueMap* map = value.if_map();
  return map != nullptr && map->empty();
}

bool holds_documents(std::string_view field) {
  return field == "chunks" || field == "matches";
}

// A document without its unset fields, at every depth.
Value without_defaults(const Value& document) {
  const ValueMap* fields = document.if_map();
  if (fields == nullptr) return document;
  ValueMap out;
  for (const auto& [field, value] : *fields) {
    if (is_default(value)) continue;
    const ValueList* children = holds_documents(field) ? value.if_list() : nullptr;
    if (children == nullptr) {
      out.append(field, value);
      continue;
    }
    ValueList kept;
    for (const Value& child : *children)
      kept.push_back(without_defaults(child));
    out.append(field, std::move(kept));
  }
  return out;
}

Value canonical(const wire::Document& document) {
  const Result<Value> value = parse_json(wire::to_json(document));
  return value ? without_defaults(*value) : Value();
}

const Value* id_of(const Value& document) {
  const ValueMap* fields = document.if_map();
  return fields == nullptr ? nullptr : fields->find("id");
}

std::string name_of(std::size_t index, const Value& expected) {
  const Value* id = id_of(expected);
  if (id == nullptr) return fmt::format("document {}", index + 1);
  return fmt::format("document {} '{}'", index + 1, *id->if_string());
}

std::string ids_of(const ValueList& documents) {
  std::vector<std::string> ids;
  for (const Value& document : documents) {
    if (ids.size() == kMostIds) {
      ids.emplace_back("...");
      break;
    }
    const Value* id = id_of(document);
    ids.push_back(id != nullptr && id->if_string() != nullptr ? *id->if_string() : "?");
  }
  return join(ids, ", ");
}

std::string count_difference(std::string_view what, const ValueList& expected,
                             const ValueList& got) {
  return fmt::format("{} {} ({}), expected {} ({})", got.size(), what, ids_of(got), expected.size(),
                     ids_of(expected));
}

// What may be in an answer though nobody expected it.
struct Generated {
  bool id = false;
  bool parent_id = false;
};

std::string document_difference(const std::string& where, const Value& expected, const Value& got,
                                bool any_parent);

std::string children_difference(const std::string& where, const std::string& field,
                                const ValueList& expected, const ValueList& got, bool any_parent) {
  if (expected.size() != got.size()) {
    return fmt::format("{}: {}", where, count_difference(field, expected, got));
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::string found = document_difference(fmt::format("{}, {}[{}]", where, field, i), expected[i],
                                            got[i], any_parent);
    if (!found.empty()) return found;
  }
  return {};
}

std::string unexpected_field(const std::string& where, const ValueMap& expected,
                             const ValueMap& got, Generated generated) {
  for (const auto& [field, value] : got) {
    const bool free =
        (field == "id" && generated.id) || (field == "parent_id" && generated.parent_id);
    if (free || expected.find(field) != nullptr) continue;
    return fmt::format("{}: {} is {}, expected none", where, field, shown(value));
  }
  return {};
}

std::string document_difference(const std::string& where, const Value& expected, const Value& got,
                                bool any_parent) {
  const ValueMap* left = expected.if_map();
  const ValueMap* right = got.if_map();
  if (left == nullptr || right == nullptr) return value_difference(where, expected, got);
  const bool any_id = left->find("id") == nullptr;
  for (const auto& [field, value] : *left) {
    const Value* other = right->find(field);
    std::string found;
    if (other == nullptr) {
      found = fmt::format("{}: {} is not set, expected {}", where, field, shown(value));
    } else if (holds_documents(field)) {
      found = children_difference(where, field, *value.if_list(), *other->if_list(), any_id);
    } else {
      found = value_difference(field, value, *other);
      if (!found.empty()) found = fmt::format("{}: {}", where, found);
    }
    if (!found.empty()) return found;
  }
  return unexpected_field(where, *left, *right, {any_id, any_parent});
}

// Finds for every expected document another one that it is like. One expected without id is like
// several, so that a first choice may have to be given up for a later document.
class Matching {
 public:
  Matching(const ValueList& expected, const ValueList& got)
      : expected_(expected), got_(got), taken_by_(got.size(), kNobody) {}

  // The first expected document that is left alone; nothing when none is.
  std::optional<std::size_t> first_alone() {
    for (std::size_t i = 0; i < expected_.size(); ++i) {
      seen_.assign(got_.size(), false);
      if (!place(i)) return i;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kNobody = static_cast<std::size_t>(-1);

  bool like(std::size_t expected, std::size_t got) const {
    return document_difference("", expected_[expected], got_[got], false).empty();
  }

  bool place(std::size_t expected) {
    for (std::size_t i = 0; i < got_.size(); ++i) {
      if (seen_[i] || !like(expected, i)) continue;
      seen_[i] = true;
      if (taken_by_[i] != kNobody && !place(taken_by_[i])) continue;
      taken_by_[i] = expected;
      return true;
    }
    return false;
  }

  const ValueList& expected_;
  const ValueList& got_;
  std::vector<std::size_t> taken_by_;
  std::vector<bool> seen_;
};

// Why no document of `got` is like `expected`: what differs in the one with its id.
std::string nearest_difference(const std::string& name, const Value& expected,
                               const ValueList& got) {
  const Value* id = id_of(expected);
  for (const Value& document : got) {
    const Value* other = id_of(document);
    if (id == nullptr || other == nullptr || !same_value(*id, *other)) continue;
    std::string found = document_difference(name, expected, document, false);
    if (!found.empty()) return found;
  }
  return fmt::format("{} is not among the documents: {}", name, shown(expected));
}

}  // namespace

Result<ValueList> canonical_documents(const ValueList& documents) {
  ValueList out;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const Result<wire::Document> document = wire::document_from_value(documents[i]);
    if (!document) {
      return Error{Errc::kInvalidArgument,
                   fmt::format("document {}: {}", i + 1, document.error().message)};
    }
    out.push_back(canonical(*document));
  }
  return out;
}

ValueList canonical_documents(const wire::DocumentList& documents) {
  ValueList out;
  for (const wire::Document& document : documents)
    out.push_back(canonical(document));
  return out;
}

std::string documents_difference(const ValueList& expected, const ValueList& got,
                                 DocumentOrder order) {
  if (expected.size() != got.size()) return count_difference("documents", expected, got);
  if (order == DocumentOrder::kAny) {
    const std::optional<std::size_t> alone = Matching(expected, got).first_alone();
    return alone ? nearest_difference(name_of(*alone, expected[*alone]), expected[*alone], got)
                 : std::string();
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::string found =
        document_difference(name_of(i, expected[i]), expected[i], got[i], /*any_parent=*/false);
    if (!found.empty()) return found;
  }
  return {};
}

std::string value_difference(std::string_view path, const Value& expected, const Value& got) {
  if (same_value(expected, got)) return {};
  const ValueMap* left = expected.if_map();
  const ValueMap* right = got.if_map();
  if (left == nullptr || right == nullptr) {
    return fmt::format("{} is {}, expected {}", path, shown(got), shown(expected));
  }
  for (const auto& [key, value] : *left) {
    const Value* other = right->find(key);
    const std::string below = fmt::format("{}.{}", path, key);
    if (other == nullptr) return fmt::format("{} is missing, expected {}", below, shown(value));
    std::string found = value_difference(below, value, *other);
    if (!found.empty()) return found;
  }
  for (const auto& [key, value] : *right) {
    if (left->find(key) == nullptr) {
      return fmt::format("{}.{} is {}, expected none", path, key, shown(value));
    }
  }
  return {};
}

bool same_value(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return same_number(a, b);
  if (a.kind() != b.kind()) return false;
  if (a.if_map() != nullptr) return same_map(*a.if_map(), *b.if_map());
  if (a.if_list() != nullptr) return same_list(*a.if_list(), *b.if_list());
  return a == b;
}

}  // namespace flow::flowctl
