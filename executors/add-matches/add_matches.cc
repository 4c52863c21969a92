#include "executors/add-matches/add_matches.h"

#include <fmt/format.h>

#include <utility>

#include "executors/settings/settings.h"

namespace flow::executors {
namespace {

Document child(std::string id) {
  wire::DocumentFields fields;
  fields.id = std::move(id);
  return Document(std::move(fields));
}

}  // namespace

AddMatches::AddMatches(const ExecutorConfig& config)
    : count_(int_between(config, "n", 1, 0, kMaxTop)), shard_(config.shard) {
  on_default(&AddMatches::add);
}

void AddMatches::add(Documents& documents, const Request&) {
  for (Document& document : documents) {
    for (std::int64_t i = 0; i < count_; ++i) {
      document.add_match(child(fmt::format("m-{}-{}", shard_, i)));
      document.add_chunk(child(fmt::format("c-{}-{}", shard_, i)));
    }
  }
}

}  // namespace flow::executors
