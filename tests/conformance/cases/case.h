// What the named cases share: a sandbox whose flows find case-kit, flows that are only loaded, and
// a small language for both.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/flow_file.h"
#include "system/flow_process.h"

namespace flow::testing {

using Names = std::vector<std::string>;

// A sandbox in which `uses = "case-kit"` works, with a gate and a log for its executors.
class CaseSandbox : public Sandbox {
 public:
  CaseSandbox();

  // Keys of `with` for the kit: calls are written to log(); calls wait until open_gate().
  std::string logged() const;
  std::string gated() const;
  void open_gate() const;

  Names log() const;                                             // its lines
  std::size_t logged(std::string_view line) const;               // how often it is there
  bool saw(std::string_view line, std::size_t times = 1) const;  // waits for it
};

// A case-kit executor: `with` is the inside of its table beside `mode`, `more` further keys.
std::string kit(std::string_view name, std::string_view mode, std::string_view with = {},
                std::string_view more = {});

// Answers of a request with these documents (JSON), sent by `flowctl post`.
Value post_json(Flow& flow, const std::string& endpoint, const std::string& documents,
                std::vector<std::string> more = {});

std::string code(const Value& reply);   // of the header
std::size_t count(const Value& reply);  // of the documents
Names ids(const Value& reply);          // of the documents
Names text_list(const Value& reply);    // of the documents
Names hops_of(const Value& reply);      // executors, in the order of the answer's hops
Names executed(const Value& reply);     // the same, sorted, without doubles
const Value& document(const Value& reply, std::size_t index);

// How many processes the flow runs of each executor; "gateway", "broker" and "redis" too.
std::map<std::string, int> processes_of(const Flow& flow);

Value json(std::string_view text);

// A flow file that is only loaded; `executors` is what follows [flow]. Programs are not looked up.
config::LoadResult load(std::string_view executors);
std::string errors(const config::LoadResult& loaded);  // a line each: "E0133 message"
Names node_names(const config::LoadResult& loaded);
Names needs_of(const config::LoadResult& loaded, std::string_view node);  // "gateway" too

// Which of `documents` (a JSON list) each filter (JSON) lets through, by real flows: one executor a
// filter, all needing the gateway.
std::vector<Names> filtered(const std::vector<std::string>& filters, const std::string& documents);

}  // namespace flow::testing
