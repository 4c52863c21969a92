#include <fmt/format.h>

#include "config/executor_section.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

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

}  // namespace

void read_later_keys(TableReader& reader) {
  read_threads(reader);
}

}  // namespace flow::config
