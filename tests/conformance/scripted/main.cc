// The scripted executor: does what the JSON in with.script says. tests/conformance/README.md lists
// the operations.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/json.h"
#include "flow/executor.h"
#include "script.h"

namespace flow::conformance {
namespace {

// Documents are shared between the list a handler works on and the answers it makes from it, so
// that a later change of a document is seen in both.
using Shared = std::vector<std::shared_ptr<Document>>;

struct Self {
  std::string name;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
};

bool takes(const Operation& operation, const Document& document) {
  return !operation.some_ids ||
         std::ranges::find(operation.ids, document.id()) != operation.ids.end();
}

Shared shared(const Documents& documents) {
  Shared out;
  for (const Document& document : documents)
    out.push_back(std::make_shared<Document>(document));
  return out;
}

Documents unshared(const Shared& list) {
  Documents out;
  for (const auto& document : list)
    out.push_back(*document);
  return out;
}

void wait_ms(std::int64_t ms) {
  if (ms > 0) ::poll(nullptr, 0, static_cast<int>(ms));
}

// One call of a handler.
class Run {
 public:
  Run(Executor::Call& call, const Self& self, const std::vector<Operation>& operations)
      : call_(call), self_(self), operations_(operations) {}

  void run() {
    look_at_parts();
    documents_ = shared(call_.documents());
    for (const Operation& operation : operations_) {
      if (!change_list(operation) && !make_answer(operation) && !interrupt(operation)) {
        change_documents(operation);
      }
    }
    call_.documents() = unshared(documents_);
    if (answer_) call_.answer(unshared(*answer_));
    if (results_) call_.answer_results(std::move(*results_));
  }

 private:
  // Sizes and sources of what was handed over, before the documents are put together.
  void look_at_parts() {
    const bool asked = std::ranges::any_of(operations_, [](const Operation& operation) {
      return operation.op == Op::kTagMatrix || operation.op == Op::kTagMap;
    });
    if (!asked) return;
    for (const SourcePart& part : call_.matrix()) {
      sizes_.emplace_back(static_cast<std::int64_t>(part.documents.size()));
      sources_.emplace_back(part.source);
    }
  }

  bool change_list(const Operation& operation) {
    switch (operation.op) {
      case Op::kAppendDoc:
        documents_.push_back(std::make_shared<Document>(operation.documents[0]));
        return true;
      case Op::kDelete:
        for (const std::string& id : operation.ids) {
          const auto found = std::ranges::find_if(
              documents_, [&id](const auto& document) { return document->id() == id; });
          if (found != documents_.end()) documents_.erase(found);
        }
        return true;
      case Op::kClearDocs: documents_.clear(); return true;
      default: return false;
    }
  }

  bool make_answer(const Operation& operation) {
    switch (operation.op) {
      case Op::kReturn: return answer(shared(operation.documents));
      case Op::kReturnEmpty: return answer({});
      case Op::kReturnReversed: return answer({documents_.rbegin(), documents_.rend()});
      case Op::kReturnIds: return answer(selected(operation));
      case Op::kReturnKeepShard: return answer(of_this_shard());
      case Op::kEmptyOnShard: return operation.number != self_.shard || answer({});
      case Op::kReturnDict:
        answer_.reset();
        results_ = *operation.value.if_map();
        return true;
      default: return false;
    }
  }

  bool answer(Shared documents) {
    answer_ = std::move(documents);
    results_.reset();
    return true;
  }

  Shared selected(const Operation& operation) const {
    Shared out;
    std::ranges::copy_if(documents_, std::back_inserter(out), [&operation](const auto& document) {
      return takes(operation, *document);
    });
    return out;
  }

  Shared of_this_shard() const {
    Shared out;
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      if (static_cast<std::int64_t>(i) % self_.shards == self_.shard) out.push_back(documents_[i]);
    }
    return out;
  }

  bool interrupt(const Operation& operation) const {
    switch (operation.op) {
      case Op::kSleepMs: wait_ms(operation.number); return true;
      case Op::kSleepShardRevMs:
        wait_ms(operation.number * (self_.shards - 1 - self_.shard));
        return true;
      case Op::kRaise:
        if (!operation.some_ids || !selected(operation).empty()) fail(operation);
        return true;
      case Op::kRaiseOnShard:
        if (operation.number == self_.shard) fail(operation);
        return true;
      default: return false;
    }
  }

  [[noreturn]] static void fail(const Operation& operation) {
    throw std::runtime_error(operation.text);
  }

  void change_documents(const Operation& operation) {
    const auto count = static_cast<std::int64_t>(documents_.size());
    for (const auto& document : documents_) {
      if (takes(operation, *document)) change(operation, *document, count);
    }
  }

  void change(const Operation& operation, Document& document, std::int64_t count) {
    switch (operation.op) {
      case Op::kAppendText: document.set_text(std::string(document.text()) + operation.text); break;
      case Op::kSet:
      case Op::kSetBlob:
        (void)copy_field(operation.key, operation.documents[0].fields(), document.change());
        break;
      case Op::kTextShard: document.set_text(fmt::format("shard{}", self_.shard)); break;
      case Op::kAddMatch: document.add_match(operation.documents[0]); break;
      case Op::kAddChunk: document.add_chunk(operation.documents[0]); break;
      case Op::kAddShardMatch: document.add_match(shard_match(document)); break;
      default: tag(operation, document, count); break;
    }
  }

  void tag(const Operation& operation, Document& document, std::int64_t count) {
    switch (operation.op) {
      case Op::kTag: document.set_tag(operation.key, operation.value); break;
      case Op::kVisit: visit(document); break;
      case Op::kTagCount: document.set_tag(operation.key, count); break;
      case Op::kTagShard: document.set_tag(operation.key, self_.shard); break;
      case Op::kTagParams: document.set_tag(operation.key, parameters()); break;
      case Op::kTagMatrix: document.set_tag(operation.key, sizes_); break;
      case Op::kTagMap: document.set_tag(operation.key, sources_); break;
      case Op::kCountMatches:
        document.set_tag(operation.key, static_cast<std::int64_t>(document.match_count()));
        document.change().matches.clear();
        break;
      default: break;
    }
  }

  Document shard_match(const Document& parent) const {
    Document match;
    match.set_id(fmt::format("{}-m-s{}", parent.id(), self_.shard));
    match.set_text(fmt::format("s{}", self_.shard));
    return match;
  }

  void visit(Document& document) const {
    Value& visits = document.change().tags["visits"];
    const std::string before = visits.if_string() != nullptr ? *visits.if_string() : "";
    visits = before + self_.name;
  }

  ValueMap parameters() const {
    ValueMap out = call_.request().parameters();
    out.erase("__results__");
    return out;
  }

  Executor::Call& call_;
  const Self& self_;
  const std::vector<Operation>& operations_;
  Shared documents_;
  std::optional<Shared> answer_;
  std::optional<ValueMap> results_;
  ValueList sizes_;
  ValueList sources_;
};

Script script_of(const ExecutorConfig& config) {
  const Result<Value> value = parse_json(config.get("script", ""));
  if (!value) throw ConfigError("script: " + value.error().message);
  Result<Script> script = parse_script(*value);
  if (!script) throw ConfigError("script: " + script.error().message);
  return std::move(*script);
}

class Scripted : public Executor {
 public:
  explicit Scripted(const ExecutorConfig& config)
      : self_{config.name, config.shard, config.shards}, script_(script_of(config)) {
    for (const auto& entry : script_) {
      const std::vector<Operation>* operations = &entry.second;
      bind(entry.first, /*wants_matrix=*/false,
           [this, operations](Call& call) { Run(call, self_, *operations).run(); });
    }
  }

 private:
  const Self self_;
  const Script script_;
};

}  // namespace
}  // namespace flow::conformance

int main(int argc, char** argv) {
  return flow::run_executor<flow::conformance::Scripted>(argc, argv);
}
