#include "config/sections.h"

#include <fmt/format.h>

#include <utility>

#include "base/address.h"
#include "config/check_values.h"
#include "graph/codes.h"

namespace flow::config {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::int64_t kMaxRequests = 1'000'000;

}  // namespace

void read_flow(const TomlNode& tree, graph::FlowDecl& flow, graph::Diagnostics& diagnostics) {
  const std::string hint = "[flow]\nname = \"package-search\"";
  const TomlNode* table = tree.find("flow");
  if (table == nullptr) {
    diagnostics.error(graph::codes::kMissingKey, {1, 1}, "the flow has no name: [flow] is missing",
                      hint);
    return;
  }
  if (!table->is_table()) return;
  TableReader reader(*table, "[flow]", diagnostics);
  const TomlNode* name = reader.string({"name", "name = \"package-search\""}, flow.name.value);
  if (name != nullptr) {
    flow.name.place = name->place;
    if (!is_flow_name(name->text)) {
      reader.error(graph::codes::kBadFlowName, *name,
                   fmt::format("'{}' is not a name for a flow", name->text),
                   "a small letter, then small letters, digits and -: name = \"package-search\"");
    }
  } else if (table->find("name") == nullptr) {
    diagnostics.error(graph::codes::kMissingKey, table->key_place, "'name' is missing in [flow]",
                      "name = \"package-search\"");
  }
  reader.finish();
}

void read_gateway(const TomlNode& table, graph::GatewayDecl& gateway,
                  graph::Diagnostics& diagnostics) {
  TableReader reader(table, "[gateway]", diagnostics);
  reader.boolean({"insecure", "insecure = true"}, gateway.insecure);
  const TomlNode* address =
      reader.string({"address", "address = \"tcp://127.0.0.1:21000\""}, gateway.address);
  if (address != nullptr) {
    const std::string wrong =
        check_listen_address(address->text, gateway.insecure, "insecure = true");
    if (!wrong.empty()) {
      reader.error(graph::codes::kBadAddress, *address,
                   fmt::format("'{}' is no address for the gateway: {}", address->text, wrong),
                   "address = \"tcp://127.0.0.1:21000\" (port 0: any free port)");
    }
  }
  reader.duration({"deadline", "deadline = \"30s\""}, microseconds(1), seconds(600),
                  gateway.deadline);
  reader.integer({"max_in_flight", "max_in_flight = 1024"}, 1, kMaxRequests, gateway.max_in_flight);
  const TomlNode* bytes = reader.size({"max_in_flight_bytes", "max_in_flight_bytes = \"256MiB\""},
                                      kMiB, 1024 * kGiB, gateway.max_in_flight_bytes);
  reader.integer({"max_queued", "max_queued = 4096"}, 0, kMaxRequests, gateway.max_queued);
  const TomlNode* request = reader.size({"max_request", "max_request = \"16MiB\""}, kKiB,
                                        512 * kMiB, gateway.max_request);
  reader.duration({"unavailable_after", "unavailable_after = \"1s\""}, Duration::zero(),
                  seconds(600), gateway.unavailable_after);
  const TomlNode* at = request != nullptr ? request : bytes;
  if (at != nullptr && gateway.max_request > gateway.max_in_flight_bytes) {
    reader.error(graph::codes::kOutOfRange, *at,
                 "a request of max_request would not fit into max_in_flight_bytes",
                 "raise max_in_flight_bytes, or lower max_request");
  }
  reader.finish();
}

void read_redis(const TomlNode& table, graph::RedisDecl& redis, graph::Diagnostics& diagnostics) {
  TableReader reader(table, "[redis]", diagnostics);
  const TomlNode* url = reader.string({"url", "url = \"private\""}, redis.url);
  if (url != nullptr) {
    const std::string wrong = check_redis_url(url->text);
    if (!wrong.empty()) {
      reader.error(graph::codes::kBadAddress, *url,
                   fmt::format("this is no address of a Redis: {}", wrong),
                   "url = \"private\", \"redis://host:6379/0\" or \"unix:///path.sock\"");
    }
  }
  reader.string({"password_file", "password_file = \"/etc/flow/redis-password\""},
                redis.password_file);
  reader.finish();
}

}  // namespace flow::config
