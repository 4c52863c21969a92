#include "config/flow_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "config/executor_section.h"
#include "config/flow_value.h"
#include "config/overrides.h"
#include "config/programs.h"
#include "config/sections.h"
#include "config/test_section.h"
#include "config/toml_reader.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

constexpr std::size_t kMaxTests = 10'000;

// What a file says, before it is compiled.
struct Draft {
  graph::FlowDecl decl;
  std::vector<TestDecl> tests;
};

// A table that should be one of several: [[executor]], [[test]].
const TomlNode* take_tables(TableReader& reader, std::string_view key) {
  const TomlNode* node = reader.take(key);
  if (node == nullptr) return nullptr;
  const std::string example =
      fmt::format("[[{}]] with two brackets, because there are several", key);
  if (!node->is_list()) {
    reader.wrong_type(*node, {key, example}, "a list of tables");
    return nullptr;
  }
  for (const TomlNode& child : node->children) {
    if (child.is_table()) continue;
    reader.wrong_type(child, {key, example}, "a list of tables");
    return nullptr;
  }
  return node;
}

void read_executors(const TomlNode& list, graph::FlowDecl& flow, graph::Diagnostics& diagnostics) {
  if (list.children.size() > graph::kMaxNodes) {
    diagnostics.error(graph::codes::kTooManyNodes, list.children[graph::kMaxNodes].place,
                      fmt::format("the flow has {} executors, at most {} are possible",
                                  list.children.size(), graph::kMaxNodes),
                      "split it into two flows");
    return;
  }
  const std::vector<std::string> names = executor_names(list);
  std::string above = "gateway";
  for (std::size_t i = 0; i < names.size(); ++i) {
    flow.executors.push_back(read_executor(list.children[i], names[i], above, diagnostics));
    if (!flow.executors.back().floating) above = names[i];
  }
}

void read_tree(const TomlNode& tree, Draft& draft, graph::Diagnostics& diagnostics) {
  TableReader reader(tree, "the file", diagnostics);
  reader.table({"flow", "[flow]"});
  read_flow(tree, draft.decl, diagnostics);
  if (const TomlNode* gateway = reader.table({"gateway", "[gateway]"})) {
    read_gateway(*gateway, draft.decl.gateway, diagnostics);
  }
  if (const TomlNode* redis = reader.table({"redis", "[redis]"})) {
    read_redis(*redis, draft.decl.redis, diagnostics);
  }
  if (const TomlNode* executors = take_tables(reader, "executor")) {
    read_executors(*executors, draft.decl, diagnostics);
  }
  if (const TomlNode* tests = take_tables(reader, "test")) {
    if (tests->children.size() > kMaxTests) {
      diagnostics.error(graph::codes::kOutOfRange, tests->children[kMaxTests].place,
                        fmt::format("there are more than {} tests", kMaxTests));
    } else {
      for (const TomlNode& test : tests->children) {
        draft.tests.push_back(read_test(test, draft.tests.size() + 1, draft.decl, diagnostics));
      }
    }
  }
  reader.finish();
}

// Looks up the programs of a flow's executors and of what stands in front of and behind them.
class ProgramFinder {
 public:
  ProgramFinder(const graph::FlowDecl& flow, const LoadOptions& options,
                const EnvLookup& environment, graph::Diagnostics& diagnostics)
      : flow_(flow),
        options_(options),
        diagnostics_(diagnostics),
        folder_(std::filesystem::path(flow.file).parent_path().string()),
        executor_path_(environment("FLOW_EXECUTOR_PATH").value_or("")),
        path_(environment("PATH").value_or("")) {}

  // Reports every program that is missing.
  void find_all() {
    for (const graph::ExecutorDecl& executor : flow_.executors) {
      find(executor.uses, fmt::format("executor '{}'", executor.name.value));
      if (executor.uses_before) {
        find(executor.uses_before->uses,
             fmt::format("'uses_before' of executor '{}'", executor.name.value));
      }
      if (executor.uses_after) {
        find(executor.uses_after->uses,
             fmt::format("'uses_after' of executor '{}'", executor.name.value));
      }
    }
  }

  // One a node; after find_all() without an error.
  std::vector<std::string> by_node(const graph::Graph& graph) const {
    std::vector<std::string> programs;
    for (const graph::Node& node : graph.nodes())
      programs.push_back(found_.at(uses_of(node)));
    return programs;
  }

 private:
  const std::string& uses_of(const graph::Node& node) const {
    const graph::ExecutorDecl& executor = flow_.executors[node.executor];
    switch (node.role) {
      case graph::NodeRole::kBefore: return executor.uses_before->uses.value;
      case graph::NodeRole::kAfter: return executor.uses_after->uses.value;
      case graph::NodeRole::kMain: break;
    }
    return executor.uses.value;
  }

  void find(const graph::Placed<std::string>& uses, const std::string& what) {
    if (diagnostics_.has_error_at(uses.place)) return;
    Result<std::string> program =
        find_program(uses.value, folder_, executor_path_, path_, options_.builtin_dir);
    if (program) {
      found_[uses.value] = std::move(*program);
      return;
    }
    const auto meant = did_you_mean(uses.value, builtin_executors());
    const bool missing = program.error().code == Errc::kNotFound;
    const bool is_path = uses.value.find('/') != std::string::npos;
    std::string hint = meant      ? fmt::format("did you mean '{}'?", *meant)
                       : !missing ? "chmod +x makes a program of it"
                       : is_path  ? "build it; the path begins in the folder of the flow file"
                                  : "build it, or name the folder in FLOW_EXECUTOR_PATH";
    diagnostics_.error(missing ? graph::codes::kProgramNotFound : graph::codes::kNotExecutable,
                       uses.place, fmt::format("{}: {}", what, program.error().message),
                       std::move(hint));
  }

  const graph::FlowDecl& flow_;
  const LoadOptions& options_;
  graph::Diagnostics& diagnostics_;
  const std::string folder_;
  const std::string executor_path_;
  const std::string path_;
  std::map<std::string, std::string> found_;  // by `uses`
};

graph::Diagnostics with_warnings_denied(const graph::Diagnostics& found) {
  graph::Diagnostics denied;
  for (const graph::Diagnostic& each : found.all()) {
    denied.error(each.code, each.place, each.message, each.hint);
  }
  return denied;
}

std::string reason_of(int error) {
  return std::generic_category().message(error);
}

}  // namespace

LoadResult load_flow_text(std::string text, const std::string& file, const LoadOptions& options) {
  LoadResult result{file, std::move(text), {}, {}};
  const EnvLookup environment = options.environment ? options.environment : process_environment();
  Draft draft;
  draft.decl.file = file;
  std::optional<TomlNode> tree = read_toml(result.text, result.diagnostics);
  ProgramFinder programs(draft.decl, options, environment, result.diagnostics);
  std::optional<graph::Graph> graph;
  if (tree) {
    expand_variables(*tree, environment, result.diagnostics);
    apply_overrides(*tree, options.overrides, result.diagnostics);
    read_tree(*tree, draft, result.diagnostics);
    if (options.find_programs) programs.find_all();
    graph = graph::compile(draft.decl, result.diagnostics);
  }
  if (options.deny_warnings) result.diagnostics = with_warnings_denied(result.diagnostics);
  result.diagnostics.sorted();
  if (!graph || result.diagnostics.has_errors()) return result;
  LoadedFlow flow;
  if (options.find_programs) flow.programs = programs.by_node(*graph);
  flow.value = compiled_value(draft.decl, *graph, flow.programs);
  flow.decl = std::move(draft.decl);
  flow.graph = std::move(*graph);
  flow.text = result.text;
  flow.tests = std::move(draft.tests);
  flow.diagnostics = result.diagnostics;
  result.flow = std::move(flow);
  return result;
}

LoadResult load_flow(const std::string& path, const LoadOptions& options) {
  LoadResult unread{path, {}, {}, {}};
  std::error_code error;
  const bool folder = std::filesystem::is_directory(path, error);
  std::ifstream stream(path, std::ios::binary);
  if (folder || !stream) {
    unread.diagnostics.error(
        graph::codes::kUnreadable, {},
        fmt::format("the file cannot be read: {}", reason_of(folder ? EISDIR : errno)),
        "give the path of a flow file");
    return unread;
  }
  std::string text(kMaxFileSize + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (stream.bad()) {
    unread.diagnostics.error(graph::codes::kUnreadable, {},
                             "reading the file failed before its end", "");
    return unread;
  }
  return load_flow_text(std::move(text), path, options);
}

}  // namespace flow::config
