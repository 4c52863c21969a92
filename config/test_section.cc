#include "config/test_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/table_reader.h"
#include "graph/codes.h"
#include "graph/regex.h"
#include "wire/document_json.h"

namespace flow::config {
namespace {

// Points at the first field that is wrong by itself.
void check_document(TableReader& reader, Key key, const TomlNode& node, const ValueMap& document) {
  const Result<wire::Document> whole = wire::document_from_value(Value(document));
  if (whole) return;
  graph::Place place = node.place;
  for (const auto& [field, value] : document) {
    ValueMap alone;
    alone.append(field, value);
    if (wire::document_from_value(Value(std::move(alone)))) continue;
    if (const TomlNode* child = node.find(field)) place = child->key_place;
    break;
  }
  reader.diagnostics().error(graph::codes::kBadTest, place,
                             fmt::format("'{}' of {} holds what is no document: {}", key.name,
                                         reader.what(), whole.error().message),
                             std::string(key.example));
}

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
      ValueMap document = to_value_map(child, reader.diagnostics());
      check_document(reader, key, child, document);
      documents.emplace_back(std::move(document));
    } else {
      reader.error(graph::codes::kWrongType, child,
                   fmt::format("'{}' of {} holds {}, but must hold documents, which are tables",
                               key.name, reader.what(), describe(child.kind)),
                   std::string(key.example));
    }
  }
  return documents;
}

void read_endpoint(TableReader& reader, std::string& out) {
  const Key key{"endpoint", "endpoint = \"/search\""};
  const TomlNode* node = reader.string(key, out);
  if (node != nullptr && out.empty()) {
    reader.error(graph::codes::kBadTest, *node,
                 fmt::format("'endpoint' of {} is empty", reader.what()), std::string(key.example));
  }
  if (reader.node().find(key.name) != nullptr) return;
  reader.diagnostics().error(graph::codes::kMissingKey, reader.node().place,
                             fmt::format("'endpoint' is missing in {}", reader.what()),
                             std::string(key.example));
}

// A file with input may be missing where the flow only runs: testing says so.
void read_input(TableReader& reader, TestDecl& test) {
  const auto input = read_documents(reader, {"input", "input = [{ text = \"hello\" }]"});
  if (input) test.input = *input;
  const Key key{"input_file", "input_file = \"documents.jsonl\""};
  const TomlNode* file = reader.string(key, test.input_file);
  if (file != nullptr && input) {
    reader.error(graph::codes::kGivenTwice, *file,
                 fmt::format("{} has `input` and `input_file`", reader.what()),
                 "leave one of them out");
  }
}

void read_target(TableReader& reader, const graph::FlowDecl& flow, std::string& out) {
  const TomlNode* node = reader.string({"target", "target = \"index\""}, out);
  if (node == nullptr || out.empty()) return;
  const Result<graph::Regex> regex = graph::Regex::compile(out);
  if (!regex) {
    return reader.error(graph::codes::kBadTest, *node,
                        fmt::format("'target' of {} is no regular expression: {}", reader.what(),
                                    regex.error().message),
                        "target = \"index\", or \"index|words\" for two");
  }
  std::vector<std::string> names;
  for (const graph::ExecutorDecl& executor : flow.executors) {
    if (regex->begins(executor.name.value)) return;
    names.push_back(executor.name.value);
  }
  reader.diagnostics().warning(
      graph::codes::kTargetsNobody, node->place,
      fmt::format("'target' of {} is '{}', but no executor's name begins so", reader.what(), out),
      names.empty() ? std::string() : fmt::format("there are: {}", fmt::join(names, ", ")));
}

void read_expectation(TableReader& reader, TestDecl& test) {
  const Key documents{"expect", "expect = [{ text = \"hello\" }]"};
  test.expect = read_documents(reader, documents);
  std::string code;
  const TomlNode* node = reader.string({"expect_code", "expect_code = \"OK\""}, code);
  if (node == nullptr) return;
  const auto known = parse_errc(code);
  if (!known) {
    return reader.error(graph::codes::kBadWord, *node,
                        fmt::format("'{}' is not a status code", code),
                        "expect_code = \"OK\", \"EXECUTOR_ERROR\", \"DEADLINE_EXCEEDED\", ...");
  }
  test.expect_code = *known;
  if (!test.expect || *known == Errc::kOk) return;
  reader.error(graph::codes::kBadTest, *reader.node().find(documents.name),
               fmt::format("{} expects documents and {}, but a failed request answers none",
                           reader.what(), code),
               "leave one of them out");
}

}  // namespace

TestDecl read_test(const TomlNode& table, std::size_t number, const graph::FlowDecl& flow,
                   graph::Diagnostics& diagnostics) {
  TestDecl test;
  test.name = fmt::format("test {}", number);
  test.place = table.place;
  TableReader reader(table, fmt::format("[[test]] {}", number), diagnostics);
  reader.string({"name", "name = \"finds the nearest\""}, test.name);
  read_endpoint(reader, test.endpoint);
  read_input(reader, test);
  if (const TomlNode* node = reader.table({"parameters", "parameters = { top = 5 }"})) {
    test.parameters = to_value_map(*node, diagnostics);
  }
  read_target(reader, flow, test.target);
  read_expectation(reader, test);
  reader.boolean({"unordered", "unordered = true"}, test.unordered);
  reader.finish();
  return test;
}

}  // namespace flow::config
