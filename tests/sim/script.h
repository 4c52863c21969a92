// Scripted executors: what an executor of a random flow does, as data, so that two independent
// implementations can run it. This one works on real documents through the real handler code;
// interpreter.h has the other.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/value.h"
#include "flow/executor.h"

namespace flow::sim {

// One program. `endpoints`: endpoint -> list of operations, "/default" catches all others. An
// operation is {op = "...", ...}; those with `ids` look only at documents with one of them:
//
//   append_text value | text_shard          text := text + value | "shard" + own shard
//   set value | tag key value               weight := value | tags[key] := value
//   tag_shard key | tag_count key           own shard | number of documents
//   tag_params key                          the parameters as this executor sees them
//   tag_matrix key | tag_map key            sizes | sources of the parts handed over
//   visit                                   tags.visits := tags.visits + executor
//   add_match doc | add_chunk doc           appends a child
//   add_shard_match                         {id: "<document>-m-s<shard>", text: "s<shard>"}
//   append_doc doc | delete ids | clear_docs
//   return_reversed | return_keep_shard | empty_on_shard shard
//   return_dict value                       a dictionary result; the last one counts
//   raise message | raise_on_shard shard message
//
// All of them are operations of the scripted executor of tests/conformance, too.
struct Program {
  ValueMap endpoints;
  bool matrix = false;  // its handlers take the unreduced parts

  bool binds(std::string_view endpoint) const;
};

// By node name ("n1", "n1/uses_before"). A node without one passes everything on.
using Programs = std::map<std::string, Program>;

// The program as a real executor. `executor` is the name from the flow file.
std::unique_ptr<Executor> make_scripted(const Program& program, std::string executor,
                                        std::uint16_t shard, std::uint16_t shards);

}  // namespace flow::sim
