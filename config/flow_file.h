// Loads flow files: TOML text into a checked, compiled flow, or into everything that is wrong with
// it.
//
// All mistakes are collected, so that one run reports all of them (only a syntax error hides what
// is behind it). Nothing is started or changed; programs are looked up. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/errc.h"
#include "base/value.h"
#include "config/environment.h"
#include "graph/diagnostic.h"
#include "graph/flow.h"
#include "graph/graph.h"

namespace flow::config {

// A [[test]] table: what to send and what must come back. Documents are as JSON has them.
struct TestDecl {
  std::string name;
  std::string endpoint;
  ValueList input;
  std::string input_file;  // from the flow file; empty: `input`
  ValueMap parameters;
  std::string target;
  std::optional<ValueList> expect;  // nothing: only the code counts
  Errc expect_code = Errc::kOk;
  bool unordered = false;
  graph::Place place;
};

struct LoadOptions {
  std::vector<std::string> overrides;  // KEY=VALUE: gateway.deadline=5s, encode.replicas=2
  EnvLookup environment;               // empty: this process's
  bool deny_warnings = false;          // warnings are errors
  bool find_programs = true;           // false: `uses` is not looked up
  std::string builtin_dir;             // where flow-worker is; empty: not checked
};

struct LoadedFlow {
  graph::FlowDecl decl;
  graph::Graph graph;
  std::string text;                   // of the file
  ValueMap value;                     // the compiled flow, see compiled_value
  std::vector<std::string> programs;  // one a node; empty with find_programs = false
  std::vector<TestDecl> tests;
  graph::Diagnostics diagnostics;  // the warnings
};

struct LoadResult {
  std::string file;                // as given
  std::string text;                // empty if it could not be read
  graph::Diagnostics diagnostics;  // sorted by place
  std::optional<LoadedFlow> flow;  // there if nothing in `diagnostics` is an error

  bool ok() const { return flow.has_value(); }
};

LoadResult load_flow(const std::string& path, const LoadOptions& options = {});

// The same for text that is at hand. `file` names it in messages; relative programs are looked up
// in its folder.
LoadResult load_flow_text(std::string text, const std::string& file,
                          const LoadOptions& options = {});

}  // namespace flow::config
