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

void read_external(TableReader& reader) {
  bool external = false;
  const TomlNode* node = reader.boolean({"external", "external = true"}, external);
  if (node != nullptr && external) refuse(reader, *node, "leave it out");
}

void read_hosts(TableReader& reader) {
  std::vector<graph::Placed<std::string>> hosts;
  const TomlNode* host = reader.strings({"host", "host = \"10.0.0.7:7001\""}, hosts);
  if (host != nullptr) refuse(reader, *host, "leave it out");
  const Key key{"port", "port = 7001"};
  const TomlNode* port = reader.take(key.name);
  if (port == nullptr) return;
  if (port->kind == TomlNode::Kind::kInt && (port->integer < 1 || port->integer > 65535)) {
    return reader.error(graph::codes::kOutOfRange, *port,
                        fmt::format("'port' of {} is {}, but must be from 1 to 65535",
                                    reader.what(), port->integer),
                        std::string(key.example));
  }
  if (port->kind != TomlNode::Kind::kInt && !port->is_string() && !port->is_list()) {
    return reader.wrong_type(*port, key, "an integer, a string or a list");
  }
  refuse(reader, *port, "leave it out");
}

}  // namespace

void read_later_keys(TableReader& reader) {
  read_threads(reader);
  read_external(reader);
  read_hosts(reader);
}

}  // namespace flow::config
