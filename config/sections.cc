#include "config/sections.h"

#include <fmt/format.h>

#include <utility>

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

// A list of tables, each a document.
std::optional<ValueList> read_documents(TableReader& reader, Key key) {
  const TomlNode* node = reader.take(key.name);
  if (node == nullptr) return std::nullopt;
  if (!node->is_list()) {
    reader.wrong_type(*node, key, "a list of documents");
    return std::nullopt;
  }
  ValueList documents;
  for (const TomlNode& child : node->children) {
    if (child.is_table()) {
      documents.emplace_back(to_value_map(child, reader.diagnostics()));
    } else {
      reader.error(graph::codes::kWrongType, child,
                   fmt::format("'{}' of {} holds {}, but must hold documents, which are tables",
                               key.name, reader.what(), describe(child.kind)),
                   std::string(key.example));
    }
  }
  return documents;
}

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
    const std::string wrong = check_gateway_address(address->text, gateway.insecure);
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

TestDecl read_test(const TomlNode& table, std::size_t number, graph::Diagnostics& diagnostics) {
  TestDecl test;
  test.name = fmt::format("test {}", number);
  test.place = table.place;
  TableReader reader(table, fmt::format("[[test]] {}", number), diagnostics);
  reader.string({"name", "name = \"finds the nearest\""}, test.name);
  if (reader.string({"endpoint", "endpoint = \"/search\""}, test.endpoint) == nullptr &&
      table.find("endpoint") == nullptr) {
    diagnostics.error(graph::codes::kMissingKey, table.place,
                      fmt::format("'endpoint' is missing in {}", reader.what()),
                      "endpoint = \"/search\"");
  }
  const auto input = read_documents(reader, {"input", "input = [{ text = \"hello\" }]"});
  if (input) test.input = *input;
  const TomlNode* file =
      reader.string({"input_file", "input_file = \"documents.jsonl\""}, test.input_file);
  if (input && file != nullptr) {
    reader.error(graph::codes::kGivenTwice, *file,
                 fmt::format("{} has `input` and `input_file`", reader.what()),
                 "leave one of them out");
  }
  if (const TomlNode* node = reader.table({"parameters", "parameters = { top = 5 }"})) {
    test.parameters = to_value_map(*node, diagnostics);
  }
  reader.string({"target", "target = \"index\""}, test.target);
  test.expect = read_documents(reader, {"expect", "expect = [{ text = \"hello\" }]"});
  std::string code;
  const TomlNode* node = reader.string({"expect_code", "expect_code = \"OK\""}, code);
  if (node != nullptr) {
    if (const auto known = parse_errc(code)) {
      test.expect_code = *known;
    } else {
      reader.error(graph::codes::kBadWord, *node, fmt::format("'{}' is not a status code", code),
                   "expect_code = \"OK\", \"EXECUTOR_ERROR\", \"DEADLINE_EXCEEDED\", ...");
    }
  }
  reader.boolean({"unordered", "unordered = true"}, test.unordered);
  reader.finish();
  return test;
}

}  // namespace flow::config
