#include "case.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "flow_text.h"
#include "flowctl/expectation.h"
#include "wire/document_json.h"

namespace flow::conformance {
namespace {

Error bad_case(std::string message) {
  return Error{Errc::kInvalidArgument, std::move(message)};
}

// The fields of an object, all of which must be known.
class CaseFields {
 public:
  static Result<CaseFields> of(const Value& value, std::string what,
                               std::initializer_list<std::string_view> known) {
    const ValueMap* map = value.if_map();
    if (map == nullptr) return bad_case(fmt::format("{} is not an object", what));
    for (const auto& [key, item] : *map) {
      if (std::ranges::find(known, key) == known.end()) {
        return bad_case(fmt::format("{} has the unknown field '{}'", what, key));
      }
    }
    return CaseFields(*map, std::move(what));
  }

  const Value* find(std::string_view key) const { return map_->find(key); }

  Status text(std::string_view key, std::string& out) const {
    const Value* value = map_->find(key);
    if (value == nullptr) return {};
    if (value->if_string() == nullptr) return wrong(key, "a string");
    out = *value->if_string();
    return {};
  }

  Status flag(std::string_view key, bool& out) const {
    const Value* value = map_->find(key);
    if (value == nullptr || value->is_null()) return {};
    if (value->if_bool() == nullptr) return wrong(key, "true or false");
    out = *value->if_bool();
    return {};
  }

  // A list must be there.
  Result<const ValueList*> list(std::string_view key) const {
    const Value* value = map_->find(key);
    if (value == nullptr) return missing(key);
    if (value->if_list() == nullptr) return wrong(key, "a list").error();
    return value->if_list();
  }

  // A string or a list of strings.
  Status texts(std::string_view key, std::vector<std::string>& out) const {
    const Value* value = map_->find(key);
    if (value == nullptr) return {};
    const ValueList one{*value};
    for (const Value& item : value->if_list() != nullptr ? *value->if_list() : one) {
      if (item.if_string() == nullptr) return wrong(key, "a string or a list of strings");
      out.push_back(*item.if_string());
    }
    return {};
  }

  Error missing(std::string_view key) const {
    return bad_case(fmt::format("{} has no '{}'", what_, key));
  }
  Status wrong(std::string_view key, std::string_view expected) const {
    return bad_case(fmt::format("'{}' of {} must be {}", key, what_, expected));
  }

 private:
  CaseFields(const ValueMap& map, std::string what) : map_(&map), what_(std::move(what)) {}

  const ValueMap* map_;
  std::string what_;
};

Result<wire::DocumentList> read_documents(const ValueList& list, std::string_view what) {
  wire::DocumentList out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    Result<wire::Document> document = wire::document_from_value(list[i]);
    if (!document) {
      return bad_case(fmt::format("{}: document {}: {}", what, i + 1, document.error().message));
    }
    out.push_back(std::move(*document));
  }
  return out;
}

Status read_request(const Value& value, std::size_t number, CaseRequest& out) {
  const std::string what = fmt::format("request {}", number);
  const Result<CaseFields> fields =
      CaseFields::of(value, what, {"endpoint", "docs", "parameters", "target_executor"});
  if (!fields) return fields.error();
  if (fields->find("endpoint") == nullptr) return fields->missing("endpoint");
  if (Status read = fields->text("endpoint", out.endpoint); !read) return read;
  if (Status read = fields->text("target_executor", out.target); !read) return read;
  if (const Value* parameters = fields->find("parameters");
      parameters != nullptr && !parameters->is_null()) {
    if (parameters->if_map() == nullptr) return fields->wrong("parameters", "an object");
    out.parameters = *parameters->if_map();
  }
  const Value* documents = fields->find("docs");
  if (documents == nullptr || documents->is_null()) return {};
  if (documents->if_list() == nullptr) return fields->wrong("docs", "a list");
  Result<wire::DocumentList> list = read_documents(*documents->if_list(), what);
  if (!list) return list.error();
  out.documents = std::move(*list);
  return {};
}

Status read_reply(const Value& value, std::size_t number, CaseReply& out) {
  const std::string what = fmt::format("expected reply {}", number);
  const Result<CaseFields> fields =
      CaseFields::of(value, what, {"code", "docs", "parameters", "message_contains", "executor"});
  if (!fields) return fields.error();
  std::string code;
  if (Status read = fields->text("code", code); !read) return read;
  const std::optional<Errc> known = parse_errc(code);
  if (!known) return bad_case(fmt::format("{} has the unknown code '{}'", what, code));
  out.code = *known;
  if (Status read = fields->texts("message_contains", out.message); !read) return read;
  if (fields->find("executor") != nullptr) {
    out.executor.emplace();
    if (Status read = fields->text("executor", *out.executor); !read) return read;
  }
  if (const Value* parameters = fields->find("parameters")) {
    if (parameters->if_map() == nullptr) return fields->wrong("parameters", "an object");
    out.parameters = *parameters->if_map();
  }
  if (fields->find("docs") == nullptr) return {};
  const Result<const ValueList*> list = fields->list("docs");
  if (!list) return list.error();
  Result<ValueList> documents = flowctl::canonical_documents(**list);
  if (!documents) return bad_case(fmt::format("{}: {}", what, documents.error().message));
  out.documents = std::move(*documents);
  return {};
}

Status read_rotation(const Value& value, Case& out) {
  const Result<CaseFields> fields = CaseFields::of(value, "rotation", {"tag", "values"});
  if (!fields) return fields.error();
  Rotation rotation;
  if (fields->find("tag") == nullptr) return fields->missing("tag");
  if (Status read = fields->text("tag", rotation.tag); !read) return read;
  const Result<const ValueList*> values = fields->list("values");
  if (!values) return values.error();
  rotation.values = **values;
  out.rotation = std::move(rotation);
  return {};
}

Status read_load_error(const Value& value, Case& out) {
  out.load_error.emplace();
  const Result<CaseFields> fields =
      CaseFields::of(value, "expected_load_error", {"message_contains"});
  if (!fields) return fields.error();
  return fields->texts("message_contains", *out.load_error);
}

Status read_replies(const CaseFields& fields, Case& out) {
  if (const Value* refused = fields.find("expected_load_error")) {
    if (fields.find("expected") != nullptr)
      return bad_case("both expected and expected_load_error");
    return read_load_error(*refused, out);
  }
  const Result<const ValueList*> replies = fields.list("expected");
  if (!replies) return replies.error();
  for (const Value& reply : **replies) {
    CaseReply& read = out.replies.emplace_back();
    if (Status status = read_reply(reply, out.replies.size(), read); !status) return status;
  }
  if (out.replies.size() == out.requests.size()) return {};
  return bad_case(
      fmt::format("{} requests, but {} expected replies", out.requests.size(), out.replies.size()));
}

Status read_flow(const Value& value, Case& out) {
  const Result<CaseFields> fields =
      CaseFields::of(value, "the case",
                     {"name", "kind", "differs", "recorded", "unordered", "note", "flow",
                      "requests", "expected", "expected_load_error", "rotation"});
  if (!fields) return fields.error();
  const Value* flow = fields->find("flow");
  if (flow == nullptr) return fields->missing("flow");
  const Result<CaseFields> inside = CaseFields::of(*flow, "flow", {"executors"});
  if (!inside) return inside.error();
  const Result<const ValueList*> executors = inside->list("executors");
  if (!executors) return executors.error();
  out.executors = **executors;
  if (Status checked = check_executors(out.executors); !checked) return checked;
  const Result<const ValueList*> requests = fields->list("requests");
  if (!requests) return requests.error();
  for (const Value& request : **requests) {
    CaseRequest& read = out.requests.emplace_back();
    if (Status status = read_request(request, out.requests.size(), read); !status) return status;
  }
  if (const Value* rotation = fields->find("rotation"); rotation && !rotation->is_null()) {
    if (Status read = read_rotation(*rotation, out); !read) return read;
  }
  return read_replies(*fields, out);
}

Status read_find(const Value& value, Case& out) {
  const Result<CaseFields> fields = CaseFields::of(
      value, "the case",
      {"name", "kind", "differs", "recorded", "unordered", "note", "filter", "docs", "expected"});
  if (!fields) return fields.error();
  if (fields->find("filter") == nullptr) return fields->missing("filter");
  if (fields->find("expected") == nullptr) return fields->missing("expected");
  out.filter = *fields->find("filter");
  const Result<const ValueList*> list = fields->list("docs");
  if (!list) return list.error();
  Result<wire::DocumentList> documents = read_documents(**list, "docs");
  if (!documents) return documents.error();
  out.documents = std::move(*documents);
  const Result<CaseFields> expected =
      CaseFields::of(*fields->find("expected"), "expected", {"ids", "load_error", "request_error"});
  if (!expected) return expected.error();
  if (expected->find("ids") != nullptr) {
    out.ids.emplace();
    return expected->texts("ids", *out.ids);
  }
  std::string code;
  if (Status read = expected->text("request_error", code); !read) return read;
  out.request_error = parse_errc(code);
  if (!code.empty() && !out.request_error) {
    return bad_case(fmt::format("request_error is the unknown code '{}'", code));
  }
  bool refused = false;
  if (Status read = expected->flag("load_error", refused); !read) return read;
  if (refused == out.request_error.has_value()) {
    return bad_case("expected needs one of ids, load_error and request_error");
  }
  return {};
}

Status read_reduce(const Value& value, Case& out) {
  const Result<CaseFields> fields = CaseFields::of(
      value, "the case",
      {"name", "kind", "differs", "recorded", "unordered", "note", "arrays", "expected"});
  if (!fields) return fields.error();
  const Result<const ValueList*> arrays = fields->list("arrays");
  if (!arrays) return arrays.error();
  for (const Value& array : **arrays) {
    const std::string what = fmt::format("array {}", out.arrays.size() + 1);
    if (array.if_list() == nullptr) return bad_case(fmt::format("{} is not a list", what));
    Result<wire::DocumentList> list = read_documents(*array.if_list(), what);
    if (!list) return list.error();
    out.arrays.push_back(std::move(*list));
  }
  if (fields->find("expected") == nullptr) return fields->missing("expected");
  const Result<CaseFields> expected =
      CaseFields::of(*fields->find("expected"), "expected", {"docs"});
  if (!expected) return expected.error();
  const Result<const ValueList*> docs = expected->list("docs");
  if (!docs) return docs.error();
  Result<ValueList> canonical = flowctl::canonical_documents(**docs);
  if (!canonical) return bad_case("expected: " + canonical.error().message);
  out.reduced = std::move(*canonical);
  return {};
}

const std::string* text_of(const Value& value, std::string_view key) {
  const ValueMap* map = value.if_map();
  const Value* found = map == nullptr ? nullptr : map->find(key);
  return found == nullptr ? nullptr : found->if_string();
}

}  // namespace

Result<Case> parse_case(const Value& value) {
  const std::string* kind = text_of(value, "kind");
  if (kind == nullptr) return bad_case("the case has no kind");
  Case out;
  out.name = case_name(value, 0);
  if (const Value* unordered = value.if_map()->find("unordered")) {
    if (unordered->if_bool() == nullptr && !unordered->is_null()) {
      return bad_case("'unordered' of the case must be true or false");
    }
    out.unordered = unordered->if_bool() != nullptr && *unordered->if_bool();
  }
  Status read;
  if (*kind == "flow") {
    out.kind = CaseKind::kFlow;
    read = read_flow(value, out);
  } else if (*kind == "find") {
    out.kind = CaseKind::kFind;
    read = read_find(value, out);
  } else if (*kind == "reduce") {
    out.kind = CaseKind::kReduce;
    read = read_reduce(value, out);
  } else {
    return bad_case(fmt::format("'{}' is no kind of case", *kind));
  }
  if (!read) return read.error();
  return out;
}

std::string case_name(const Value& value, std::size_t line) {
  const std::string* name = text_of(value, "name");
  return name != nullptr ? *name : fmt::format("line {}", line);
}

}  // namespace flow::conformance
