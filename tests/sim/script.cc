#include "script.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "wire/document_json.h"

namespace flow::sim {
namespace {

std::string text_of(const ValueMap& operation, std::string_view key) {
  const Value* value = operation.find(key);
  return value != nullptr && value->if_string() != nullptr ? *value->if_string() : "";
}

std::int64_t int_of(const ValueMap& operation, std::string_view key) {
  const Value* value = operation.find(key);
  return value != nullptr && value->if_int() != nullptr ? *value->if_int() : -1;
}

Document document_of(const ValueMap& operation) {
  Result<Document> document = wire::document_from_value(*operation.find("doc"));
  FLOW_CHECK(document.ok(), "a scripted document is wrong");
  return std::move(*document);
}

class Scripted final : public Executor {
 public:
  Scripted(const Program& program, std::string executor, std::uint16_t shard, std::uint16_t shards)
      : executor_(std::move(executor)), shard_(shard), shards_(shards) {
    for (const auto& [endpoint, operations] : program.endpoints) {
      const ValueList& list = *operations.if_list();
      bind(endpoint, program.matrix,
           [this, list, matrix = program.matrix](Call& call) { handle(call, list, matrix); });
    }
  }

 private:
  struct Parts {
    ValueList sizes;
    ValueList sources;
  };

  void handle(Call& call, const ValueList& operations, bool matrix) {
    Parts parts;
    if (matrix) {
      for (const SourcePart& part : call.matrix()) {
        parts.sizes.emplace_back(static_cast<std::int64_t>(part.documents.size()));
        parts.sources.emplace_back(part.source);
      }
    }
    Documents& documents = call.documents();
    for (const Value& operation : operations) {
      const ValueMap& each = *operation.if_map();
      if (text_of(each, "op") == "return_dict") {
        call.answer_results(*each.find("value")->if_map());
      } else {
        apply(each, documents, call.request(), parts);
      }
    }
  }

  void apply(const ValueMap& operation, Documents& documents, const Request& request,
             const Parts& parts) {
    const std::string op = text_of(operation, "op");
    if (op == "raise_on_shard" && shard_ != int_of(operation, "shard")) return;
    if (op == "raise" || op == "raise_on_shard") return fail(operation, documents);
    if (change_list(op, operation, documents)) return;
    const auto count = static_cast<std::int64_t>(documents.size());
    for (Document& document : documents) {
      if (!concerns(operation, document)) continue;
      const std::string key = text_of(operation, "key");
      if (op == "tag_count") {
        document.set_tag(key, count);
      } else if (op == "tag_params") {
        document.set_tag(key, request.parameters());
      } else if (op == "tag_matrix") {
        document.set_tag(key, parts.sizes);
      } else if (op == "tag_map") {
        document.set_tag(key, parts.sources);
      } else {
        change(op, operation, document);
      }
    }
  }

  static bool concerns(const ValueMap& operation, const Document& document) {
    const Value* ids = operation.find("ids");
    return ids == nullptr || std::ranges::any_of(*ids->if_list(), [&document](const Value& id) {
             return *id.if_string() == document.id();
           });
  }

  static void fail(const ValueMap& operation, const Documents& documents) {
    const bool hit = std::ranges::any_of(documents, [&operation](const Document& document) {
      return concerns(operation, document);
    });
    if (hit || operation.find("ids") == nullptr)
      throw std::runtime_error(text_of(operation, "message"));
  }

  bool change_list(const std::string& op, const ValueMap& operation, Documents& documents) const {
    if (op == "append_doc") {
      documents.push_back(document_of(operation));
    } else if (op == "clear_docs" ||
               (op == "empty_on_shard" && shard_ == int_of(operation, "shard"))) {
      documents.clear();
    } else if (op == "delete") {
      for (const Value& id : *operation.find("ids")->if_list()) {
        const auto found = std::ranges::find(documents, std::string_view(*id.if_string()),
                                             [](const Document& each) { return each.id(); });
        if (found != documents.end()) documents.erase(found);
      }
    } else if (op == "return_reversed") {
      std::reverse(documents.begin(), documents.end());
    } else if (op == "return_keep_shard") {
      Documents kept;
      for (std::size_t i = 0; i < documents.size(); ++i) {
        if (i % shards_ == shard_) kept.push_back(std::move(documents[i]));
      }
      documents = std::move(kept);
    } else {
      return op == "empty_on_shard";
    }
    return true;
  }

  void change(const std::string& op, const ValueMap& operation, Document& document) const {
    if (op == "append_text") {
      document.set_text(std::string(document.text()) + text_of(operation, "value"));
    } else if (op == "text_shard") {
      document.set_text(fmt::format("shard{}", shard_));
    } else if (op == "set") {
      document.change().weight = operation.find("value")->number();
    } else if (op == "tag") {
      document.set_tag(text_of(operation, "key"), *operation.find("value"));
    } else if (op == "tag_shard") {
      document.set_tag(text_of(operation, "key"), std::int64_t{shard_});
    } else if (op == "visit") {
      const ValueMap tags = document.tags();
      document.set_tag("visits", text_of(tags, "visits") + executor_);
    } else if (op == "add_match") {
      document.add_match(document_of(operation));
    } else if (op == "add_chunk") {
      document.add_chunk(document_of(operation));
    } else if (op == "add_shard_match") {
      Document match;
      match.set_id(fmt::format("{}-m-s{}", document.id(), shard_));
      match.set_text(fmt::format("s{}", shard_));
      document.add_match(std::move(match));
    } else {
      FLOW_CHECK(false, "an unknown operation in a script");
    }
  }

  std::string executor_;
  std::uint16_t shard_;
  std::uint16_t shards_;
};

}  // namespace

bool Program::binds(std::string_view endpoint) const {
  return endpoints.find(endpoint) != nullptr || endpoints.find("/default") != nullptr;
}

std::unique_ptr<Executor> make_scripted(const Program& program, std::string executor,
                                        std::uint16_t shard, std::uint16_t shards) {
  return std::make_unique<Scripted>(program, std::move(executor), shard, shards);
}

}  // namespace flow::sim
