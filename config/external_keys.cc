#include "config/external_keys.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "config/host_list.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

constexpr Key kHost{"host", "host = \"10.0.0.7:7001\""};
constexpr Key kPort{"port", "port = 7001"};
constexpr std::string_view kHere = "127.0.0.1";  // where `port` stands alone

// What belongs to where the executor runs: of no effect here.
constexpr std::array<std::string_view, 8> kElsewhere = {
    "uses", "uses_before", "uses_after", "with", "env", "workspace", "threads", "batching"};

// What decides where a request goes: the far end does.
constexpr std::array<std::string_view, 5> kDecidedThere = {"shards", "parallel", "polling",
                                                           "allow_partial", "replicate"};

// Whether a key says something that is not the case anyway.
bool says_something(const TomlNode& node) {
  using Kind = TomlNode::Kind;
  if (node.kind == Kind::kInt) return node.integer != 1;
  if (node.kind == Kind::kBool) return node.boolean;
  return !(node.is_table() || node.is_list()) || !node.children.empty();
}

void refuse_keys(TableReader& reader, graph::ExecutorDecl& executor) {
  for (const std::string_view key : kDecidedThere) {
    const TomlNode* node = reader.node().find(key);
    if (node == nullptr || !says_something(*node)) continue;
    reader.error(
        graph::codes::kExternalKey, *node,
        fmt::format("{} is external, so it cannot have '{}': that is decided where it runs",
                    reader.what(), key),
        fmt::format("leave '{}' out here, and say it there", key));
  }
  executor.shards = 1;
  executor.polling = {};
  executor.allow_partial = false;
}

void ignore_keys(TableReader& reader, graph::ExecutorDecl& executor) {
  for (const std::string_view key : kElsewhere) {
    const TomlNode* node = reader.node().find(key);
    if (node == nullptr || !says_something(*node)) continue;
    reader.diagnostics().warning(
        graph::codes::kIgnoredOnExternal, node->key_place,
        fmt::format("'{}' has no effect: {} is external, and started elsewhere", key,
                    reader.what()),
        fmt::format("leave '{}' out", key));
  }
  const graph::ExecutorDecl fresh;
  executor.uses.value = "pass-through";
  executor.uses_before.reset();
  executor.uses_after.reset();
  executor.with = fresh.with;
  executor.env = fresh.env;
  executor.workspace = fresh.workspace;
  executor.threads = fresh.threads;
  executor.batching.clear();
}

// Each right one; what is wrong is reported.
std::vector<Host> read_hosts(TableReader& reader, bool& right) {
  std::vector<graph::Placed<std::string>> given;
  const TomlNode* node = reader.strings(kHost, given);
  right = node != nullptr || reader.node().find(kHost.name) == nullptr;
  std::vector<Host> hosts;
  for (const graph::Placed<std::string>& text : given) {
    for (const std::string_view one : split(text.value, ',')) {
      Result<Host> host = parse_host(trim(one));
      if (host) {
        hosts.push_back(*std::move(host));
        continue;
      }
      right = false;
      reader.diagnostics().error(graph::codes::kBadAddress, text.place,
                                 fmt::format("'{}' in '{}' of {}: {}", trim(one), kHost.name,
                                             reader.what(), host.error().message),
                                 std::string(kHost.example));
    }
  }
  if (node != nullptr && given.empty()) {
    right = false;
    reader.error(graph::codes::kOutOfRange, *node,
                 fmt::format("'{}' of {} is empty", kHost.name, reader.what()),
                 std::string(kHost.example));
  }
  return hosts;
}

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

void add_port(TableReader& reader, const TomlNode& node, std::optional<std::int64_t> number,
              std::string_view given, std::vector<std::uint16_t>& ports, bool& right) {
  if (number && *number >= 1 && *number <= 65535) {
    ports.push_back(static_cast<std::uint16_t>(*number));
    return;
  }
  right = false;
  reader.error(graph::codes::kOutOfRange, node,
               fmt::format("'{}' of {} is {}, but must be from 1 to 65535", kPort.name,
                           reader.what(), given),
               std::string(kPort.example));
}

void read_port(TableReader& reader, const TomlNode& node, std::vector<std::uint16_t>& ports,
               bool& right) {
  if (node.kind == TomlNode::Kind::kInt) {
    add_port(reader, node, node.integer, fmt::format("{}", node.integer), ports, right);
  } else if (node.is_string()) {
    for (const std::string_view one : split(node.text, ','))
      add_port(reader, node, number_in(trim(one)), fmt::format("'{}'", trim(one)), ports, right);
  } else {
    right = false;
    reader.wrong_type(node, kPort, "an integer, a string or a list");
  }
}

std::vector<std::uint16_t> read_ports(TableReader& reader, bool& right) {
  std::vector<std::uint16_t> ports;
  const TomlNode* node = reader.take(kPort.name);
  right = true;
  if (node == nullptr) return ports;
  if (!node->is_list()) {
    read_port(reader, *node, ports, right);
  } else {
    for (const TomlNode& child : node->children)
      read_port(reader, child, ports, right);
  }
  return ports;
}

// As many replicas as hosts.
void set_replicas(TableReader& reader, graph::ExecutorDecl& executor) {
  const auto count = static_cast<std::uint32_t>(executor.hosts.size());
  const TomlNode* given = reader.node().find("replicas");
  if (given != nullptr && executor.replicas != 1 && executor.replicas != count) {
    reader.error(graph::codes::kHostsReplicas, *given,
                 fmt::format("{}: Number of hosts ({}) does not match the number of replicas ({})",
                             reader.what(), count, executor.replicas),
                 "leave 'replicas' out: each host is one");
  }
  executor.replicas = count;
}

void join_hosts(TableReader& reader, std::vector<Host> hosts,
                const std::vector<std::uint16_t>& ports, graph::ExecutorDecl& executor) {
  const TomlNode* host = reader.node().find(kHost.name);
  const TomlNode* port = reader.node().find(kPort.name);
  if (host == nullptr && port == nullptr) {
    reader.diagnostics().error(graph::codes::kMissingKey, executor.place,
                               fmt::format("{} is external, but has no 'host'", reader.what()),
                               std::string(kHost.example));
    return;
  }
  if (host == nullptr) hosts.push_back(*parse_host(kHere));
  Result<std::vector<std::string>> addresses = pair_hosts(hosts, ports);
  if (!addresses) {
    reader.error(graph::codes::kBadHosts, host != nullptr ? *host : *port,
                 fmt::format("{}: {}", reader.what(), addresses.error().message),
                 "as many ports as hosts, or one: host = \"a,b\", port = 7001");
    return;
  }
  executor.hosts = *std::move(addresses);
  set_replicas(reader, executor);
}

}  // namespace

void read_external(TableReader& reader, graph::ExecutorDecl& executor) {
  const TomlNode* external = reader.boolean({"external", "external = true"}, executor.external);
  bool right_hosts = true;
  bool right_ports = true;
  std::vector<Host> hosts = read_hosts(reader, right_hosts);
  const std::vector<std::uint16_t> ports = read_ports(reader, right_ports);
  if (!executor.external) {
    const bool unreadable = external == nullptr && reader.node().find("external") != nullptr;
    for (const std::string_view key : {kHost.name, kPort.name}) {
      const TomlNode* node = reader.node().find(key);
      if (node == nullptr || unreadable) continue;
      reader.error(graph::codes::kExternalKey, *node,
                   fmt::format("{} has '{}', but is not external", reader.what(), key),
                   "external = true, or leave it out");
    }
    return;
  }
  refuse_keys(reader, executor);
  ignore_keys(reader, executor);
  if (right_hosts && right_ports) join_hosts(reader, std::move(hosts), ports, executor);
}

}  // namespace flow::config
