#include "script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "wire/document_json.h"

namespace flow::conformance {
namespace {

// How an operation is written: its name, the keys it must have, and whether it may be for some
// documents only.
struct Form {
  std::string_view name;
  Op op;
  std::array<std::string_view, 3> keys;
  bool some_ids = false;
};

constexpr std::array kForms = {
    Form{"pass", Op::kPass, {}, true},
    Form{"append_text", Op::kAppendText, {"value"}, true},
    Form{"set", Op::kSet, {"field", "value"}, true},
    Form{"set_blob", Op::kSetBlob, {"value"}, true},
    Form{"tag", Op::kTag, {"key", "value"}, true},
    Form{"visit", Op::kVisit, {}, true},
    Form{"tag_count", Op::kTagCount, {"key"}, true},
    Form{"tag_shard", Op::kTagShard, {"key"}, true},
    Form{"tag_params", Op::kTagParams, {"key"}, true},
    Form{"tag_matrix", Op::kTagMatrix, {"key"}, true},
    Form{"tag_map", Op::kTagMap, {"key"}, true},
    Form{"text_shard", Op::kTextShard, {}, true},
    Form{"add_match", Op::kAddMatch, {"doc"}, true},
    Form{"add_chunk", Op::kAddChunk, {"doc"}, true},
    Form{"add_shard_match", Op::kAddShardMatch, {}, true},
    Form{"count_matches", Op::kCountMatches, {"key"}, true},
    Form{"append_doc", Op::kAppendDoc, {"doc"}},
    Form{"delete", Op::kDelete, {"ids"}, true},
    Form{"clear_docs", Op::kClearDocs, {}},
    Form{"return", Op::kReturn, {"docs"}},
    Form{"return_empty", Op::kReturnEmpty, {}},
    Form{"return_reversed", Op::kReturnReversed, {}},
    Form{"return_ids", Op::kReturnIds, {"ids"}, true},
    Form{"return_keep_shard", Op::kReturnKeepShard, {}},
    Form{"empty_on_shard", Op::kEmptyOnShard, {"shard"}},
    Form{"return_dict", Op::kReturnDict, {"value"}},
    Form{"sleep_ms", Op::kSleepMs, {"value"}},
    Form{"sleep_shard_rev_ms", Op::kSleepShardRevMs, {"value"}},
    Form{"raise", Op::kRaise, {"type", "message"}, true},
    Form{"raise_on_shard", Op::kRaiseOnShard, {"shard", "type", "message"}},
};

template <auto Field>
void copy(const wire::DocumentFields& from, wire::DocumentFields& to) {
  to.*Field = from.*Field;
}

using Fields = wire::DocumentFields;
struct FieldCopy {
  std::string_view name;
  void (*run)(const Fields& from, Fields& to);
};

constexpr std::array kFields = {
    FieldCopy{"id", &copy<&Fields::id>},
    FieldCopy{"parent_id", &copy<&Fields::parent_id>},
    FieldCopy{"granularity", &copy<&Fields::granularity>},
    FieldCopy{"adjacency", &copy<&Fields::adjacency>},
    FieldCopy{"text", &copy<&Fields::text>},
    FieldCopy{"blob", &copy<&Fields::blob>},
    FieldCopy{"tensor", &copy<&Fields::tensor>},
    FieldCopy{"embedding", &copy<&Fields::embedding>},
    FieldCopy{"uri", &copy<&Fields::uri>},
    FieldCopy{"mime_type", &copy<&Fields::mime_type>},
    FieldCopy{"modality", &copy<&Fields::modality>},
    FieldCopy{"weight", &copy<&Fields::weight>},
    FieldCopy{"tags", &copy<&Fields::tags>},
    FieldCopy{"chunks", &copy<&Fields::chunks>},
    FieldCopy{"matches", &copy<&Fields::matches>},
    FieldCopy{"scores", &copy<&Fields::scores>},
    FieldCopy{"evaluations", &copy<&Fields::evaluations>},
    FieldCopy{"offset", &copy<&Fields::offset>},
    FieldCopy{"location", &copy<&Fields::location>},
};

Error bad(std::string message) {
  return Error{Errc::kInvalidArgument, std::move(message)};
}

Status read_documents(const ValueList& list, bool adopt, wire::DocumentList& out) {
  for (const Value& item : list) {
    Result<wire::Document> document = wire::document_from_value(item);
    if (!document) return document.error();
    if (adopt) adopt_children(*document);
    out.push_back(std::move(*document));
  }
  return {};
}

Status read_text(std::string_view key, const Value& value, std::string& out) {
  const std::string* text = value.if_string();
  if (text == nullptr) return bad(fmt::format("'{}' must be a string", key));
  out = *text;
  return {};
}

// The value of a key whose meaning depends on the operation.
Status read_value(const Value& value, Operation& operation) {
  switch (operation.op) {
    case Op::kAppendText: return read_text("value", value, operation.text);
    case Op::kSet:
    case Op::kSetBlob: {
      const std::string field = operation.op == Op::kSetBlob ? "blob" : operation.key;
      ValueMap document;
      if (!value.is_null()) document.set(field, value);
      Fields unused;
      if (!copy_field(field, unused, unused)) {
        return bad(fmt::format("there is no field '{}'", field));
      }
      operation.key = field;
      return read_documents({Value(std::move(document))}, false, operation.documents);
    }
    case Op::kReturnDict:
      if (value.if_map() == nullptr) return bad("'value' must be an object");
      operation.value = value;
      return {};
    case Op::kSleepMs:
    case Op::kSleepShardRevMs:
      if (!value.is_number()) return bad("'value' must be a number of milliseconds");
      operation.number = static_cast<std::int64_t>(value.number());
      return {};
    default: operation.value = value; return {};
  }
}

Status read_ids(const Value& value, Operation& operation) {
  const ValueList* list = value.if_list();
  if (list == nullptr) return bad("'ids' must be a list of strings");
  for (const Value& item : *list) {
    if (item.if_string() == nullptr) return bad("'ids' must be a list of strings");
    operation.ids.push_back(*item.if_string());
  }
  operation.some_ids = true;
  return {};
}

Status read_key(std::string_view key, const Value& value, Operation& operation) {
  if (key == "field" || key == "key") return read_text(key, value, operation.key);
  if (key == "message") return read_text(key, value, operation.text);
  if (key == "value") return read_value(value, operation);
  if (key == "ids") return read_ids(value, operation);
  if (key == "type") return {};  // not compared
  if (key == "doc") {
    return read_documents({value}, operation.op != Op::kAppendDoc, operation.documents);
  }
  if (key == "docs") {
    if (value.if_list() == nullptr) return bad("'docs' must be a list of documents");
    return read_documents(*value.if_list(), false, operation.documents);
  }
  const std::int64_t* shard = value.if_int();
  if (shard == nullptr) return bad(fmt::format("'{}' must be a whole number", key));
  operation.number = *shard;
  return {};
}

Result<Operation> parse_operation(const Value& value) {
  const ValueMap* map = value.if_map();
  const Value* name = map == nullptr ? nullptr : map->find("op");
  if (name == nullptr || name->if_string() == nullptr) return bad("there is no 'op'");
  const auto* form = std::ranges::find(kForms, *name->if_string(), &Form::name);
  if (form == kForms.end()) {
    return bad(fmt::format("'{}' is not an operation", *name->if_string()));
  }
  Operation operation;
  operation.op = form->op;
  std::vector<std::string_view> keys;
  for (const std::string_view key : form->keys) {
    if (key.empty()) continue;
    keys.push_back(key);
    const Value* found = map->find(key);
    if (found == nullptr) return bad(fmt::format("'{}' has no '{}'", form->name, key));
    if (Status read = read_key(key, *found, operation); !read) {
      return bad(fmt::format("'{}': {}", form->name, read.error().message));
    }
  }
  for (const auto& [key, item] : *map) {
    if (key == "op" || std::ranges::find(keys, key) != keys.end()) continue;
    if (key != "ids" || !form->some_ids) {
      return bad(fmt::format("'{}' has the unknown field '{}'", form->name, key));
    }
    if (Status read = read_ids(item, operation); !read) {
      return bad(fmt::format("'{}': {}", form->name, read.error().message));
    }
  }
  return operation;
}

}  // namespace

Result<Script> parse_script(const Value& value) {
  const ValueMap* endpoints = value.if_map();
  if (endpoints == nullptr) return bad("the script is not an object of endpoints");
  Script script;
  for (const auto& [endpoint, list] : *endpoints) {
    if (list.if_list() == nullptr) {
      return bad(fmt::format("endpoint '{}' is not a list of operations", endpoint));
    }
    std::vector<Operation> operations;
    for (const Value& item : *list.if_list()) {
      Result<Operation> operation = parse_operation(item);
      if (!operation) {
        return bad(fmt::format("endpoint '{}', operation {}: {}", endpoint, operations.size() + 1,
                               operation.error().message));
      }
      operations.push_back(std::move(*operation));
    }
    script.emplace_back(endpoint, std::move(operations));
  }
  return script;
}

void adopt_children(wire::Document& document) {
  if (document.chunk_count() == 0 && document.match_count() == 0) return;
  wire::DocumentFields& fields = document.change();
  std::vector<wire::Document> chunks = std::move(fields.chunks);
  std::vector<wire::Document> matches = std::move(fields.matches);
  fields.chunks.clear();
  fields.matches.clear();
  for (wire::Document& chunk : chunks) {
    adopt_children(chunk);
    document.add_chunk(std::move(chunk));
  }
  for (wire::Document& match : matches) {
    adopt_children(match);
    document.add_match(std::move(match));
  }
}

bool copy_field(std::string_view field, const wire::DocumentFields& from,
                wire::DocumentFields& to) {
  const auto* found = std::ranges::find(kFields, field, &FieldCopy::name);
  if (found == kFields.end()) return false;
  found->run(from, to);
  return true;
}

}  // namespace flow::conformance
