#include "model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "wire/document_json.h"

namespace flow::sim::model {
namespace {

constexpr std::array<std::string_view, 14> kMergedFields = {
    "granularity", "adjacency", "weight", "offset", "text",   "blob",        "uri",
    "mime_type",   "modality",  "tensor", "tags",   "scores", "evaluations", "location"};

std::string text(const ValueMap& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && value->if_string() != nullptr ? *value->if_string() : "";
}

std::int64_t whole(const ValueMap& map, std::string_view key, std::int64_t missing = 0) {
  const Value* value = map.find(key);
  return value != nullptr && value->if_int() != nullptr ? *value->if_int() : missing;
}

void set(Document& document, std::string_view key, Value value) {
  const bool unset = (value.if_string() != nullptr && value.if_string()->empty()) ||
                     (value.is_number() && value.number() == 0);
  if (unset) {
    document.erase(key);
  } else {
    document.set(key, std::move(value));
  }
}

Value& child(Document& document, std::string_view key, Value fresh) {
  Value* value = document.find(key);
  if (value != nullptr) return *value;
  document.set(key, std::move(fresh));
  return *document.find(key);
}

void set_tag(Document& document, std::string_view key, Value value) {
  child(document, "tags", ValueMap()).if_map()->set(key, std::move(value));
}

// Children have their kind's depth below their parent's; a chunk knows its parent.
void adopt_chunk(const Document& parent, Document& chunk) {
  set(chunk, "parent_id", text(parent, "id"));
  set(chunk, "granularity", whole(parent, "granularity") + 1);
}

void adopt_match(const Document& parent, Document& match) {
  set(match, "adjacency", whole(parent, "adjacency") + 1);
}

using Adopt = void (*)(const Document&, Document&);

Documents children(const Document& document, std::string_view key) {
  Documents found;
  if (const Value* value = document.find(key)) {
    for (const Value& each : *value->if_list())
      found.push_back(*each.if_map());
  }
  return found;
}

void set_children(Document& document, std::string_view key, Documents documents) {
  ValueList list;
  for (Document& each : documents)
    list.emplace_back(std::move(each));
  if (list.empty()) {
    document.erase(key);
  } else {
    document.set(key, std::move(list));
  }
}

void merge(Document& left, const Document& right);

Document* last_with_id(Documents& documents, const std::string& id) {
  for (std::size_t i = documents.size(); i-- > 0;) {
    if (!id.empty() && text(documents[i], "id") == id) return &documents[i];
  }
  return nullptr;
}

void merge_children(Document& left, const Document& right, std::string_view key, Adopt adopt) {
  Documents mine = children(left, key);
  for (Document other : children(right, key)) {
    if (Document* same = last_with_id(mine, text(other, "id"))) {
      merge(*same, other);
    } else {
      adopt(left, other);
      mine.push_back(std::move(other));
    }
  }
  set_children(left, key, std::move(mine));
}

void merge(Document& left, const Document& right) {
  for (const std::string_view field : kMergedFields) {
    if (left.find(field) == nullptr && right.find(field) != nullptr)
      left.set(field, *right.find(field));
  }
  if (left.find("embedding") == nullptr && right.find("embedding") != nullptr)
    left.set("embedding", *right.find("embedding"));
  merge_children(left, right, "chunks", adopt_chunk);
  merge_children(left, right, "matches", adopt_match);
}

bool concerns(const ValueMap& operation, const Document& document) {
  const Value* ids = operation.find("ids");
  return ids == nullptr || std::ranges::any_of(*ids->if_list(), [&document](const Value& id) {
           return *id.if_string() == text(document, "id");
         });
}

// Plain keys, then the map of the executor's name over them, then name__key over both.
ValueMap parameters_of(const ValueMap& sent, const std::string& executor) {
  const auto divided = [](const std::string& key) {
    const std::size_t at = key.rfind("__");
    const bool plain = at == std::string::npos || key.starts_with("__") || key.ends_with("__");
    return plain ? std::string::npos : at;
  };
  ValueMap seen;
  for (const auto& [key, value] : sent) {
    if (divided(key) == std::string::npos) seen.set(key, value);
  }
  for (const auto& [key, value] : sent) {
    const std::size_t at = divided(key);
    if (at != std::string::npos && key.substr(0, at) == executor)
      seen.set(key.substr(at + 2), value);
  }
  if (const Value* own = sent.find(executor); own != nullptr && own->if_map() != nullptr) {
    for (const auto& [key, value] : *own->if_map())
      seen.set(key, value);
  }
  return seen;
}

class Script {
 public:
  Script(const Runner& runner, Input& input) : runner_(runner), input_(input) {}

  // Whether the script goes on; otherwise failure() tells.
  bool apply(const ValueMap& operation) {
    const std::string op = text(operation, "op");
    if (op == "raise" || op == "raise_on_shard") return !fails(op, operation);
    if (op == "return_dict") results_ = *operation.find("value")->if_map();
    if (on_list(op, operation)) return true;
    const auto count = static_cast<std::int64_t>(input_.documents.size());
    for (Document& document : input_.documents) {
      if (!concerns(operation, document)) continue;
      const std::string key = text(operation, "key");
      if (op == "tag_count") set_tag(document, key, count);
      if (op == "tag_params")
        set_tag(document, key, parameters_of(input_.parameters, runner_.executor));
      if (op == "tag_matrix") set_tag(document, key, input_.sizes);
      if (op == "tag_map") set_tag(document, key, input_.sources);
      on_document(op, operation, document);
    }
    return true;
  }

  const std::string& failure() const { return failure_; }
  const std::optional<ValueMap>& results() const { return results_; }

 private:
  bool fails(const std::string& op, const ValueMap& operation) {
    failure_ = text(operation, "message");
    if (op == "raise_on_shard") return whole(operation, "shard", -1) == runner_.shard;
    if (operation.find("ids") == nullptr) return true;
    return std::ranges::any_of(input_.documents, [&operation](const Document& document) {
      return concerns(operation, document);
    });
  }

  bool on_list(const std::string& op, const ValueMap& operation) {
    Documents& documents = input_.documents;
    if (op == "append_doc") {
      documents.push_back(*operation.find("doc")->if_map());
    } else if (op == "clear_docs") {
      documents.clear();
    } else if (op == "empty_on_shard") {
      if (whole(operation, "shard", -1) == runner_.shard) documents.clear();
    } else if (op == "delete") {
      for (const Value& id : *operation.find("ids")->if_list()) {
        const auto found = std::ranges::find(documents, *id.if_string(),
                                             [](const Document& each) { return text(each, "id"); });
        if (found != documents.end()) documents.erase(found);
      }
    } else if (op == "return_reversed") {
      documents = Documents(documents.rbegin(), documents.rend());
    } else if (op == "return_keep_shard") {
      Documents kept;
      for (std::int64_t i = runner_.shard; i < static_cast<std::int64_t>(documents.size());
           i += runner_.shards)
        kept.push_back(documents[static_cast<std::size_t>(i)]);
      documents = std::move(kept);
    } else {
      return false;
    }
    return true;
  }

  void on_document(const std::string& op, const ValueMap& operation, Document& document) const {
    if (op == "append_text")
      set(document, "text", text(document, "text") + text(operation, "value"));
    if (op == "text_shard") set(document, "text", fmt::format("shard{}", runner_.shard));
    if (op == "set") set(document, "weight", operation.find("value")->number());
    if (op == "tag") set_tag(document, text(operation, "key"), *operation.find("value"));
    if (op == "tag_shard") set_tag(document, text(operation, "key"), runner_.shard);
    if (op == "visit") {
      const Value* tags = document.find("tags");
      const std::string before = tags == nullptr ? "" : text(*tags->if_map(), "visits");
      set_tag(document, "visits", before + runner_.executor);
    }
    if (op == "add_chunk") add(document, "chunks", *operation.find("doc")->if_map(), adopt_chunk);
    if (op == "add_match") add(document, "matches", *operation.find("doc")->if_map(), adopt_match);
    if (op == "add_shard_match") {
      Document match;
      match.set("id", fmt::format("{}-m-s{}", text(document, "id"), runner_.shard));
      match.set("text", fmt::format("s{}", runner_.shard));
      add(document, "matches", std::move(match), adopt_match);
    }
  }

  static void add(Document& parent, std::string_view key, Document fresh, Adopt adopt) {
    adopt(parent, fresh);
    child(parent, key, ValueList()).if_list()->emplace_back(std::move(fresh));
  }

  const Runner& runner_;
  Input& input_;
  std::string failure_;
  std::optional<ValueMap> results_;
};

// JSON prints 1.0 as 1.
void make_double(Value& value) {
  if (ValueList* list = value.if_list()) {
    for (Value& each : *list)
      make_double(each);
  } else {
    value = value.number();
  }
}

void restore_kinds(Document& document) {
  for (const char* field : {"weight", "offset", "location", "embedding"}) {
    if (Value* value = document.find(field)) make_double(*value);
  }
  if (Value* scores = document.find("scores")) {
    for (auto& [name, score] : *scores->if_map())
      make_double(*score.if_map()->find("value"));
  }
  for (const char* field : {"chunks", "matches"}) {
    Value* children = document.find(field);
    if (children == nullptr) continue;
    for (Value& each : *children->if_list())
      restore_kinds(*each.if_map());
  }
}

}  // namespace

Documents from_wire(const wire::DocumentList& documents) {
  Documents result;
  for (const wire::Document& document : documents) {
    Result<Value> value = parse_json(wire::to_json(document));
    FLOW_CHECK(value.ok(), "a document printed as JSON does not read back");
    restore_kinds(*value->if_map());
    result.push_back(*value->if_map());
  }
  return result;
}

wire::DocumentList to_wire(const Documents& documents) {
  wire::DocumentList result;
  for (const Document& document : documents) {
    Result<wire::Document> made = wire::document_from_value(document);
    FLOW_CHECK(made.ok(), "a document of the model is none");
    result.push_back(std::move(*made));
  }
  return result;
}

void reduce(Documents& left, const Documents& right) {
  for (const Document& document : right) {
    if (Document* same = last_with_id(left, text(document, "id"))) {
      merge(*same, document);
    } else {
      left.push_back(document);
    }
  }
}

Documents reduce_all(const std::vector<Documents>& parts) {
  Documents result;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i == 0) {
      result = parts[i];
    } else {
      reduce(result, parts[i]);
    }
  }
  return result;
}

Output run_script(const ValueList& operations, const Runner& runner, Input input) {
  Script script(runner, input);
  for (const Value& operation : operations) {
    if (!script.apply(*operation.if_map())) return {{}, {}, script.failure()};
  }
  return {std::move(input.documents), script.results(), std::nullopt};
}

void sort_as(Documents& documents, const Documents& request) {
  const auto position = [&request](const Document& document) {
    const auto found = std::ranges::find(request, text(document, "id"),
                                         [](const Document& each) { return text(each, "id"); });
    return std::distance(request.begin(), found);
  };
  std::ranges::stable_sort(documents, {}, position);
}

}  // namespace flow::sim::model
