#include "config/environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "graph/codes.h"

namespace flow::config {
namespace {

constexpr std::size_t kMaxExpanded = 64 << 10;

bool is_variable(std::string_view name) {
  const auto inner = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::ranges::all_of(name, inner);
}

// What stands between the braces, replaced; nothing after an error.
std::optional<std::string> value_of(std::string_view inside, const TomlNode& node,
                                    const EnvLookup& environment, graph::Diagnostics& diagnostics) {
  const std::size_t dash = inside.find(":-");
  const std::string_view name = inside.substr(0, dash);
  if (!is_variable(name)) {
    diagnostics.error(graph::codes::kBadExpansion, node.place,
                      fmt::format("'${{{}}}' is not a variable", inside),
                      "write ${NAME} or ${NAME:-default}; `$${` stands for the characters ${");
    return std::nullopt;
  }
  std::optional<std::string> value = environment(name);
  if (dash == std::string_view::npos) {
    if (value) return value;
    diagnostics.error(graph::codes::kUnsetVariable, node.place,
                      fmt::format("the environment variable '{}' is not set", name),
                      fmt::format("set it, or write a default: ${{{}:-...}}", name));
    return std::nullopt;
  }
  return value && !value->empty() ? *value : std::string(inside.substr(dash + 2));
}

std::optional<std::string> expand(const TomlNode& node, const EnvLookup& environment,
                                  graph::Diagnostics& diagnostics) {
  const std::string_view text = node.text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with("$${")) {
      out += "${";
      at += 3;
    } else if (text.substr(at).starts_with("${")) {
      const std::size_t end = text.find('}', at);
      if (end == std::string_view::npos) {
        diagnostics.error(graph::codes::kBadExpansion, node.place,
                          fmt::format("'{}' has no closing brace", text.substr(at)),
                          "write ${NAME} or ${NAME:-default}; `$${` stands for the characters ${");
        return std::nullopt;
      }
      const auto value =
          value_of(text.substr(at + 2, end - at - 2), node, environment, diagnostics);
      if (!value) return std::nullopt;
      out += *value;
      at = end + 1;
    } else {
      out += text[at++];
    }
    if (out.size() > kMaxExpanded) {
      diagnostics.error(
          graph::codes::kBadExpansion, node.place,
          fmt::format("with its variables this string is longer than {} bytes", kMaxExpanded));
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

EnvLookup process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

void expand_variables(TomlNode& tree, const EnvLookup& environment,
                      graph::Diagnostics& diagnostics) {
  for (TomlNode& child : tree.children)
    expand_variables(child, environment, diagnostics);
  if (!tree.is_string() || tree.text.find("${") == std::string::npos) return;
  std::optional<std::string> text = expand(tree, environment, diagnostics);
  if (!text) return;
  tree.text = std::move(*text);
  tree.expanded = true;
}

}  // namespace flow::config
