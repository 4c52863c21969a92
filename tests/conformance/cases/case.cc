#include "case.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "base/json.h"

namespace flow::testing {

CaseSandbox::CaseSandbox() {
  set("FLOW_EXECUTOR_PATH", FLOW_CASE_KIT_FOLDER);
}

std::string CaseSandbox::logged() const {
  return fmt::format("log = \"{}\"", file("log"));
}

std::string CaseSandbox::gated() const {
  return fmt::format("{}, gate = \"{}\"", logged(), file("gate"));
}

void CaseSandbox::open_gate() const {
  write("gate", "");
}

Names CaseSandbox::log() const {
  Names lines;
  std::istringstream text(read_file(file("log")));
  for (std::string line; std::getline(text, line);)
    lines.push_back(line);
  return lines;
}

std::size_t CaseSandbox::logged(std::string_view line) const {
  const Names lines = log();
  return static_cast<std::size_t>(std::ranges::count(lines, line));
}

bool CaseSandbox::saw(std::string_view line, std::size_t times) const {
  return eventually([&] { return logged(line) >= times; });
}

std::string kit(std::string_view name, std::string_view mode, std::string_view with,
                std::string_view more) {
  return executor(name, "case-kit",
                  fmt::format("with = {{ mode = \"{}\"{}{} }}\n{}", mode, with.empty() ? "" : ", ",
                              with, more));
}

Value post_json(Flow& flow, const std::string& endpoint, const std::string& documents,
                std::vector<std::string> more) {
  more.insert(more.end(), {"--json", documents});
  return flow.post(endpoint, std::move(more));
}

std::string code(const Value& reply) {
  return header(reply, "code");
}

std::size_t count(const Value& reply) {
  const ValueList* documents = at(reply, "docs").if_list();
  return documents != nullptr ? documents->size() : 0;
}

const Value& document(const Value& reply, std::size_t index) {
  REQUIRE(index < count(reply));
  return (*at(reply, "docs").if_list())[index];
}

Names ids(const Value& reply) {
  Names found;
  for (std::size_t i = 0; i < count(reply); ++i)
    found.push_back(text_of(at(document(reply, i), "id")));
  return found;
}

Names text_list(const Value& reply) {
  Names found;
  for (std::size_t i = 0; i < count(reply); ++i) {
    const Value& text = at(document(reply, i), "text");
    found.push_back(text.is_null() ? "" : text_of(text));
  }
  return found;
}

Names hops_of(const Value& reply) {
  Names names;
  for (const Value& hop : *at(at(reply, "header"), "hops").if_list())
    names.push_back(text_of(at(hop, "executor")));
  return names;
}

Names executed(const Value& reply) {
  const Names hops = hops_of(reply);
  const std::set<std::string> names(hops.begin(), hops.end());
  return {names.begin(), names.end()};
}

std::map<std::string, int> processes_of(const Flow& flow) {
  const Result<Value> known = parse_json(read_file(flow.dir() + "/endpoints.json"));
  REQUIRE(known.ok());
  std::map<std::string, int> processes;
  for (const auto& entry : *at(*known, "pids").if_map())
    ++processes[entry.first.substr(0, entry.first.find('/'))];
  return processes;
}

Value json(std::string_view text) {
  Result<Value> value = parse_json(text);
  REQUIRE(value.ok());
  return *std::move(value);
}

config::LoadResult load(std::string_view executors) {
  config::LoadOptions options;
  options.find_programs = false;
  return config::load_flow_text(fmt::format("[flow]\nname = \"t\"\n{}", executors), "t.toml",
                                options);
}

std::string errors(const config::LoadResult& loaded) {
  std::string found;
  for (const graph::Diagnostic& diagnostic : loaded.diagnostics.all()) {
    if (diagnostic.severity == graph::Severity::kError) {
      found += fmt::format("{} {}\n", diagnostic.code, diagnostic.message);
    }
  }
  return found;
}

Names node_names(const config::LoadResult& loaded) {
  REQUIRE(loaded.ok());
  Names names;
  for (const graph::Node& node : loaded.flow->graph.nodes())
    names.push_back(node.name);
  return names;
}

Names needs_of(const config::LoadResult& loaded, std::string_view node) {
  INFO(errors(loaded));
  REQUIRE(loaded.ok());
  const graph::Node* found = loaded.flow->graph.find(node);
  REQUIRE(found != nullptr);
  Names names;
  for (const NodeIndex need : found->needs)
    names.push_back(need == kGatewayNode ? "gateway" : loaded.flow->graph[need].name);
  return names;
}

std::vector<Names> filtered(const std::vector<std::string>& filters, const std::string& documents) {
  CaseSandbox sandbox;
  std::string file;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    file += executor(fmt::format("f{}", i), "record",
                     fmt::format("needs = \"gateway\"\nwhen = '''{}'''", filters[i]));
  }
  std::vector<Names> found(filters.size());
  Flow flow(sandbox, file + executor("all", "pass-through", "needs = \"*\""));
  const Value reply = post_json(flow, "/x", documents);
  CHECK(code(reply) == "OK");
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const std::vector<Value> seen = lines(sandbox, fmt::format("f{}", i));
    REQUIRE(seen.size() == 1);
    for (const Value& passed : *at(seen[0], "docs").if_list())
      found[i].push_back(text_of(at(passed, "id")));
  }
  return found;
}

}  // namespace flow::testing
