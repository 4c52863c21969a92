#include <fmt/format.h>

#include "config/executor_section.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

void refuse(TableReader& reader, const TomlNode& node, std::string hint) {
  std::string message = fmt::format("'{}' is not supported by this version yet", node.key);
  if (!node.origin.empty()) message += fmt::format(" ({})", node.origin);
  reader.diagnostics().error(graph::codes::kUnsupported, node.key_place, std::move(message),
                             std::move(hint));
}

void read_threads(TableReader& reader) {
  std::uint32_t count = 1;
  const TomlNode* threads = reader.integer({"threads", "threads = 4"}, 1, 256, count);
  if (threads != nullptr && count > 1) refuse(reader, *threads, "threads = 1; use replicas");
}

void read_batching(TableReader& reader) {
  const Key key{"batching", "batching = { \"/encode\" = { size = 32, timeout = \"10ms\" } }"};
  const TomlNode* node = reader.table(key);
  if (node == nullptr) return;
  for (const TomlNode& child : node->children) {
    if (!child.is_table()) {
      reader.error(graph::codes::kWrongType, child,
                   fmt::format("'{}' in 'batching' of {} is {}, but must be a table", child.key,
                               reader.what(), describe(child.kind)),
                   std::string(key.example));
      continue;
    }
    TableReader inner(child, fmt::format("'batching' of {}", reader.what()), reader.diagnostics());
    std::uint32_t size = 1;
    Duration timeout{};
    inner.integer({"size", "size = 32"}, 1, 1'000'000, size);
    inner.duration({"timeout", "timeout = \"10ms\""}, microseconds(1), hours(1), timeout);
    inner.finish();
  }
  if (!node->children.empty()) refuse(reader, *node, "leave it out");
}

}  // namespace

void read_later_keys(TableReader& reader) {
  read_threads(reader);
  read_batching(reader);
  std::vector<graph::Placed<std::string>> endpoints;
  const TomlNode* replicate = reader.strings({"replicate", "replicate = [\"/index\"]"}, endpoints);
  if (replicate != nullptr && !endpoints.empty()) refuse(reader, *replicate, "leave it out");
}

}  // namespace flow::config
