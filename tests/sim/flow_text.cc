// Random flows and requests as people read them.

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "random_flow.h"

namespace flow::sim {
namespace {

std::string quoted(const std::string& text) {
  return fmt::format("'{}'", text);
}

std::string_view word(Polling polling) {
  constexpr std::array<std::string_view, 4> kWords = {"ANY", "ALL", "ALL_ASYNC", "HASH"};
  return kWords[static_cast<std::size_t>(polling)];
}

std::string uses_of(const ScriptedFlow& flow, const std::string& node, const char* between) {
  const auto program = flow.programs.find(node);
  if (program == flow.programs.end()) return "uses = 'pass-through'";
  return fmt::format("uses = 'scripted'{}with = {{ script = {} }}", between,
                     quoted(to_json(program->second.endpoints)));
}

// What a flow file cannot say.
std::string_view remark(const ScriptedFlow& flow, const std::string& node) {
  const auto program = flow.programs.find(node);
  const bool matrix = program != flow.programs.end() && program->second.matrix;
  return matrix ? "  # its handlers take the unreduced parts\n" : "\n";
}

std::string companion_text(const ScriptedFlow& flow, const std::string& executor, const char* role,
                           const std::optional<graph::CompanionDecl>& companion) {
  if (!companion) return "";
  if (companion->uses.value == "BaseExecutor") return fmt::format("{} = 'BaseExecutor'\n", role);
  const std::string node = fmt::format("{}/{}", executor, role);
  return fmt::format("{} = {{ {}, replicas = {} }}{}", role, uses_of(flow, node, ", "),
                     companion->replicas, remark(flow, node));
}

std::string polling_text(const graph::PollingDecl& polling) {
  std::vector<std::string> entries;
  for (const auto& [endpoint, value] : polling.endpoints)
    entries.push_back(fmt::format("'{}' = '{}'", endpoint, word(value)));
  if (polling.others) entries.push_back(fmt::format("'*' = '{}'", word(*polling.others)));
  return fmt::format("polling = {{ {} }}\n", fmt::join(entries, ", "));
}

std::string batching_text(const std::vector<BatchRule>& rules) {
  std::vector<std::string> entries;
  for (const BatchRule& rule : rules) {
    entries.push_back(fmt::format("'{}' = {{ size = {}, timeout = '{}us' }}", rule.endpoint,
                                  rule.size, to_us(rule.timeout)));
  }
  return fmt::format("batching = {{ {} }}\n", fmt::join(entries, ", "));
}

std::string executor_text(const ScriptedFlow& flow, const graph::ExecutorDecl& executor) {
  const std::string& name = executor.name.value;
  std::vector<std::string> needs;
  for (const auto& need : executor.needs)
    needs.push_back(quoted(need.value));
  std::string out =
      fmt::format("\n[[executor]]\nname = '{}'\nneeds = [{}]\n", name, fmt::join(needs, ", "));
  out += uses_of(flow, name, "\n");
  out += remark(flow, name);
  if (executor.external) out += "# external\n";
  if (executor.shards > 1)
    out += fmt::format("shards = {}\n", executor.shards) + polling_text(executor.polling);
  if (executor.replicas > 1) out += fmt::format("replicas = {}\n", executor.replicas);
  if (executor.no_reduce) out += "no_reduce = true\n";
  if (executor.floating) out += "floating = true\n";
  if (executor.allow_partial) out += "allow_partial = true\n";
  if (!executor.batching.empty()) out += batching_text(executor.batching);
  if (executor.when) out += fmt::format("when = {}\n", quoted(to_json(*executor.when)));
  out += companion_text(flow, name, "uses_before", executor.uses_before);
  out += companion_text(flow, name, "uses_after", executor.uses_after);
  return out;
}

}  // namespace

std::string to_toml(const ScriptedFlow& flow) {
  std::string out = "[flow]\nname = 'random'\n";
  for (const graph::ExecutorDecl& executor : flow.declaration.executors)
    out += executor_text(flow, executor);
  return out;
}

std::string to_text(const Asked& asked) {
  ValueList documents(asked.documents.begin(), asked.documents.end());
  return fmt::format("endpoint {} target '{}' parameters {}\ndocuments {}", asked.endpoint,
                     asked.target, to_json(asked.parameters), to_json(documents));
}

}  // namespace flow::sim
