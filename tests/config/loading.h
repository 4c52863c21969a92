// The language of the tests here: load text as a flow file in a world without surprises.
#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/flow_file.h"

namespace flow::config {

// An environment that holds just this.
inline EnvLookup environment(std::map<std::string, std::string, std::less<>> variables = {}) {
  return [variables](std::string_view name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional<std::string>(at->second);
  };
}

inline LoadOptions quiet(std::vector<std::string> overrides = {}) {
  LoadOptions options;
  options.environment = environment();
  options.overrides = std::move(overrides);
  return options;
}

// Loads `executors` as the body of a flow called "test".
inline LoadResult load(std::string_view executors, const LoadOptions& options = quiet()) {
  return load_flow_text("[flow]\nname = \"test\"\n" + std::string(executors), "test.toml", options);
}

// The codes found, in the order of their places.
inline std::vector<std::string> codes(const LoadResult& result) {
  std::vector<std::string> found;
  for (const graph::Diagnostic& each : result.diagnostics.all())
    found.push_back(each.code);
  return found;
}

// The resolved needs of an executor by name; "?" alone if the flow did not load or lacks it.
inline std::vector<std::string> needs(const LoadResult& result, std::string_view name) {
  if (!result.flow) return {"?"};
  const graph::Node* node = result.flow->graph.find(name);
  if (node == nullptr) return {"?"};
  std::vector<std::string> names;
  for (const NodeIndex need : node->needs) {
    names.push_back(need == kGatewayNode ? "gateway" : result.flow->graph[need].name);
  }
  return names;
}

using Names = std::vector<std::string>;

}  // namespace flow::config

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
