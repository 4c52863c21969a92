#include "config/flow_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/text.h"
#include "config/executor_section.h"
#include "config/flow_value.h"
#include "config/overrides.h"
#include "config/programs.h"
#include "config/sections.h"
#include "config/toml_reader.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

constexpr std::size_t kMaxTests = 10'000;

// What a file says, before it is compiled.
struct Draft {
  graph::FlowDecl decl;
  std::vector<TestDecl> tests;
  std::vector<std::string> programs;
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
        draft.tests.push_back(read_test(test, draft.tests.size() + 1, diagnostics));
      }
    }
  }
  reader.finish();
}

void find_programs(Draft& draft, const LoadOptions& options, const EnvLookup& environment,
                   graph::Diagnostics& diagnostics) {
  const std::string folder = std::filesystem::path(draft.decl.file).parent_path().string();
  const std::string executor_path = environment("FLOW_EXECUTOR_PATH").value_or("");
  const std::string path = environment("PATH").value_or("");
  for (const graph::ExecutorDecl& executor : draft.decl.executors) {
    const std::string& uses = executor.uses.value;
    if (diagnostics.has_error_at(executor.uses.place)) continue;
    Result<std::string> program =
        find_program(uses, folder, executor_path, path, options.builtin_dir);
    if (program) {
      draft.programs.push_back(std::move(*program));
      continue;
    }
    const auto meant = did_you_mean(uses, builtin_executors());
    const bool missing = program.error().code == Errc::kNotFound;
    std::string hint = meant     ? fmt::format("did you mean '{}'?", *meant)
                       : missing ? "build it, or name the folder in FLOW_EXECUTOR_PATH"
                                 : "chmod +x makes a program of it";
    diagnostics.error(
        missing ? graph::codes::kProgramNotFound : graph::codes::kNotExecutable,
        executor.uses.place,
        fmt::format("executor '{}': {}", executor.name.value, program.error().message),
        std::move(hint));
  }
}

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
  std::optional<graph::Graph> graph;
  if (tree) {
    expand_variables(*tree, environment, result.diagnostics);
    apply_overrides(*tree, options.overrides, result.diagnostics);
    read_tree(*tree, draft, result.diagnostics);
    if (options.find_programs) {
      find_programs(draft, options, environment, result.diagnostics);
    }
    graph = graph::compile(draft.decl, result.diagnostics);
  }
  if (options.deny_warnings) result.diagnostics = with_warnings_denied(result.diagnostics);
  result.diagnostics.sorted();
  if (!graph || result.diagnostics.has_errors()) return result;
  LoadedFlow flow;
  flow.value = compiled_value(draft.decl, *graph, draft.programs);
  flow.decl = std::move(draft.decl);
  flow.graph = std::move(*graph);
  flow.text = result.text;
  flow.programs = std::move(draft.programs);
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
