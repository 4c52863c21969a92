#include "executors/index_store/indexing.h"

#include <fmt/format.h>

#include <stdexcept>

#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

SyncPolicy policy_of(const ExecutorConfig& config) {
  const std::string name = one_of(config, "fsync", "interval", {"none", "interval", "always"});
  if (name == "none") return SyncPolicy::kNone;
  return name == "always" ? SyncPolicy::kAlways : SyncPolicy::kInterval;
}

}  // namespace

std::unique_ptr<DocumentStore> open_store(const ExecutorConfig& config, std::string kind,
                                          IndexView& view) {
  DocumentStore::Options options;
  options.sync = policy_of(config);
  options.max_documents =
      static_cast<std::size_t>(int_between(config, "max_documents", 10'000'000, 1, 1'000'000'000));
  options.kind = std::move(kind);
  options.folder = config.make_workspace();
  auto store = DocumentStore::open(std::move(options), view);
  if (!store) throw ConfigError(store.error().message);
  return *std::move(store);
}

void require(const Status& status) {
  if (!status) throw std::runtime_error(status.error().message);
}

void require_ids(const Documents& documents) {
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (documents[i].id().empty()) {
      throw std::invalid_argument(fmt::format("document number {} has no id", i));
    }
  }
}

void require_known(const DocumentStore& store, const Documents& documents) {
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (!store.contains(documents[i].id())) {
      throw std::runtime_error(fmt::format("document {} is not in the index; nothing was updated",
                                           name_of(documents[i], i)));
    }
  }
}

std::vector<std::string> ids_of(const Documents& documents) {
  std::vector<std::string> ids;
  ids.reserve(documents.size());
  for (const Document& document : documents)
    ids.emplace_back(document.id());
  return ids;
}

void add_match(Document& query, const Document& stored, std::string_view score_name, double score) {
  Document match = stored;
  match.set_score(score_name, score);
  query.add_match(std::move(match));
}

}  // namespace flow::executors
