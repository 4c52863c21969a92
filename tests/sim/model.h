// Documents as plain JSON maps, and what the semantics say about them: merging, filters, scripted
// operations. Written from docs/flow-files.md without lib/route, and slow, so that a mistake there
// is not repeated here.
//
// In a map only what is set is there; "", 0, [] and {} are not set, except inside of tags.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/value.h"
#include "script.h"
#include "wire/document_list.h"

namespace flow::sim::model {

using Document = ValueMap;
using Documents = std::vector<Document>;

Documents from_wire(const wire::DocumentList& documents);
wire::DocumentList to_wire(const Documents& documents);

// Merges `right` into `left`, which comes first and wins.
void reduce(Documents& left, const Documents& right);
Documents reduce_all(const std::vector<Documents>& parts);

// Whether a document passes a filter; nothing where their types clash.
std::optional<bool> passes(const Document& document, const ValueMap& query);

// Who runs a script.
struct Runner {
  std::string executor;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
};

// What a script is given.
struct Input {
  Documents documents;
  ValueMap parameters;  // as the client sent them
  ValueList sizes;      // of the unreduced parts
  ValueList sources;
};

// The documents and the dictionary a script answers with, or the message of its failure.
struct Output {
  Documents documents;
  std::optional<ValueMap> results;
  std::optional<std::string> failure;
};
Output run_script(const ValueList& operations, const Runner& runner, Input input);

// Stable: by the first position of their id in `request`, new ids last.
void sort_as(Documents& documents, const Documents& request);

}  // namespace flow::sim::model
