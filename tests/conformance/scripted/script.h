// The script of a scripted executor: for each endpoint the operations its handler does, in order.
//
//   {"/default": [{"op": "append_text", "value": "A"}, {"op": "tag", "key": "k", "value": 1}]}
//
// The runner of the cases reads it to refuse what it does not know before anything is started, the
// executor to do it. A value; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "wire/document.h"
#include "wire/document_list.h"

namespace flow::conformance {

enum class Op : std::uint8_t {
  kPass,
  kAppendText,
  kSet,
  kSetBlob,
  kTag,
  kVisit,
  kTagCount,
  kTagShard,
  kTagParams,
  kTagMatrix,
  kTagMap,
  kTextShard,
  kAddMatch,
  kAddChunk,
  kAddShardMatch,
  kCountMatches,
  kAppendDoc,
  kDelete,
  kClearDocs,
  kReturn,
  kReturnEmpty,
  kReturnReversed,
  kReturnIds,
  kReturnKeepShard,
  kEmptyOnShard,
  kReturnDict,
  kSleepMs,
  kSleepShardRevMs,
  kRaise,
  kRaiseOnShard,
};

struct Operation {
  Op op = Op::kPass;
  std::string text;              // the text to append, or the message of a failure
  std::string key;               // of a tag; the name of a field
  Value value;                   // of a tag; a dictionary result
  std::int64_t number = 0;       // milliseconds or a shard
  wire::DocumentList documents;  // new ones, a child, what a field is set from
  bool some_ids = false;         // only documents with one of `ids`
  std::vector<std::string> ids;
};

// Endpoint and what it does, in the order of the script.
using Script = std::vector<std::pair<std::string, std::vector<Operation>>>;

// kInvalidArgument names the endpoint, the operation (from 1) and what is wrong with it.
Result<Script> parse_script(const Value& value);

// Children of a document that is written inside of another get what add_match and add_chunk give
// them: adjacency, or granularity and parent_id. The innermost come first.
void adopt_children(wire::Document& document);

// Copies one field; false when there is no field of that name.
bool copy_field(std::string_view field, const wire::DocumentFields& from, wire::DocumentFields& to);

}  // namespace flow::conformance
