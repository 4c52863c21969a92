// The language of the tests here: declare flows in a line an executor.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace flow::graph {

inline ExecutorDecl executor(std::string name, std::initializer_list<std::string> needs) {
  ExecutorDecl decl;
  decl.name.value = std::move(name);
  decl.uses.value = "pass-through";
  for (const std::string& need : needs)
    decl.needs.push_back({need, {}});
  return decl;
}

inline ExecutorDecl floating(ExecutorDecl decl) {
  decl.floating = true;
  return decl;
}

inline ExecutorDecl sharded(ExecutorDecl decl, std::uint32_t shards) {
  decl.shards = shards;
  return decl;
}

// With a program in front of it and one behind it; nullptr for none.
inline ExecutorDecl between(const char* before, ExecutorDecl decl, const char* after) {
  const auto companion = [](const char* uses) -> std::optional<CompanionDecl> {
    if (uses == nullptr) return std::nullopt;
    CompanionDecl made;
    made.uses.value = uses;
    return made;
  };
  decl.uses_before = companion(before);
  decl.uses_after = companion(after);
  return decl;
}

inline FlowDecl flow_of(std::vector<ExecutorDecl> executors) {
  FlowDecl flow;
  flow.name.value = "test";
  flow.executors = std::move(executors);
  for (std::size_t i = 0; i < flow.executors.size(); ++i) {
    flow.executors[i].place = {static_cast<std::uint32_t>(i) + 1, 1};
  }
  return flow;
}

inline std::vector<std::string> codes_of(const Diagnostics& diagnostics) {
  std::vector<std::string> codes;
  for (const Diagnostic& each : diagnostics.all())
    codes.push_back(each.code);
  return codes;
}

using Names = std::vector<std::string>;

}  // namespace flow::graph

// Lists of names in the messages of failed checks.
template <>
struct doctest::StringMaker<std::vector<std::string>> {
  static String convert(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
      text += (text.empty() ? "" : ", ") + name;
    return String(text.c_str());
  }
};
