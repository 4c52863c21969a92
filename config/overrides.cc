#include "config/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "config/executor_section.h"
#include "config/toml_reader.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

constexpr std::array<std::string_view, 3> kSections = {"flow", "gateway", "redis"};

TomlNode& child_of(TomlNode& table, std::string_view key) {
  if (TomlNode* found = table.find(key)) return *found;
  TomlNode& made = table.children.emplace_back();
  made.key = std::string(key);
  return made;
}

struct Override {
  const std::string& text;
  TomlNode& tree;
  graph::Diagnostics& diagnostics;

  void refuse(const std::string& why, std::string hint) {
    diagnostics.error(graph::codes::kBadOverride, {}, fmt::format("--set {}: {}", text, why),
                      std::move(hint));
  }

  // The table the first step of the key means; nullptr and an error if there is none.
  TomlNode* section(std::vector<std::string_view>& path) {
    const std::string_view first = path.front();
    path.erase(path.begin());
    if (std::ranges::find(kSections, first) != kSections.end()) return &child_of(tree, first);
    std::string_view name = first;
    if (first == "executor" && !path.empty()) {
      name = path.front();
      path.erase(path.begin());
    }
    std::vector<std::string> names;
    if (TomlNode* list = tree.find("executor"); list != nullptr && list->is_list()) {
      names = executor_names(*list);
      const auto at = std::ranges::find(names, name);
      if (at != names.end()) {
        return &list->children[static_cast<std::size_t>(at - names.begin())];
      }
    }
    std::vector<std::string_view> known(kSections.begin(), kSections.end());
    known.insert(known.end(), names.begin(), names.end());
    const auto meant = did_you_mean(name, known);
    refuse(fmt::format("there is no executor '{}'", name),
           meant ? fmt::format("did you mean '{}'?", *meant)
                 : fmt::format("there are: {}", fmt::join(known, ", ")));
    return nullptr;
  }

  void apply() {
    const std::string hint = "--set encode.replicas=2, --set gateway.deadline=5s";
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) return refuse("there is no '='", hint);
    std::vector<std::string_view> path = split(std::string_view(text).substr(0, equals), '.');
    if (path.size() < 2 || path.size() > kMaxNesting || std::ranges::count(path, "") > 0) {
      return refuse("the key must be a table or an executor, and a key in it", hint);
    }
    TomlNode* table = section(path);
    if (table == nullptr) return;
    if (path.empty()) return refuse("the key must name a setting", hint);
    for (const std::string_view step : path) {
      if (!table->is_table()) return refuse(fmt::format("'{}' is inside no table", step), hint);
      table = &child_of(*table, step);
    }
    const std::string_view value = std::string_view(text).substr(equals + 1);
    TomlNode made;
    if (std::optional<TomlNode> read = read_toml_value(value)) {
      made = std::move(*read);
    } else {
      made.kind = TomlNode::Kind::kString;
      made.text = std::string(value);
    }
    made.key = table->key;
    made.origin = fmt::format("--set {}", text);
    *table = std::move(made);
  }
};

}  // namespace

void apply_overrides(TomlNode& tree, std::span<const std::string> overrides,
                     graph::Diagnostics& diagnostics) {
  if (overrides.size() > kMaxOverrides) {
    diagnostics.error(
        graph::codes::kBadOverride, {},
        fmt::format("{} times --set, at most {} are possible", overrides.size(), kMaxOverrides));
    return;
  }
  for (const std::string& text : overrides)
    Override{text, tree, diagnostics}.apply();
}

}  // namespace flow::config
