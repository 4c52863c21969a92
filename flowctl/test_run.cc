#include "flowctl/test_run.h"

#include <fmt/format.h>

#include <filesystem>
#include <future>
#include <memory>
#include <utility>

#include "flowctl/document_reader.h"
#include "flowctl/expectation.h"
#include "flowctl/reply_printer.h"
#include "wire/document_json.h"

namespace flow::flowctl {
namespace {

namespace fs = std::filesystem;

constexpr auto kLook = std::chrono::milliseconds(20);  // how often for a signal

Error in_input(std::string_view what) {
  return Error{Errc::kInvalidArgument, fmt::format("input: {}", what)};
}

Result<wire::DocumentList> from_file(const std::string& path) {
  Result<DocumentReader> reader = DocumentReader::of_lines(path, /*stop_fd=*/-1);
  if (!reader) return in_input(reader.error().message);
  wire::DocumentList documents;
  for (;;) {
    Result<std::optional<wire::Document>> document = reader->next();
    if (!document) return in_input(document.error().message);
    if (!*document) return documents;
    if (documents.size() == wire::kMaxDocuments) {
      return in_input(fmt::format("{} has more than {} documents, which is the most a request has",
                                  path, wire::kMaxDocuments));
    }
    documents.push_back(std::move(**document));
  }
}

TestOutcome outcome_of(const config::TestDecl& test, const std::string& flow_file) {
  TestOutcome outcome;
  outcome.file = flow_file;
  outcome.line = test.place.line;
  outcome.name = test.name;
  return outcome;
}

std::string wrong_code(const config::TestDecl& test, const Reply& reply) {
  if (reply.ok()) return fmt::format("the answer is OK, expected {}", to_string(test.expect_code));
  return fmt::format("the answer is {}, expected {}", failure_line(reply),
                     to_string(test.expect_code));
}

}  // namespace

Result<wire::DocumentList> test_input(const config::TestDecl& test, const std::string& flow_file) {
  if (!test.input_file.empty()) {
    return from_file((fs::path(flow_file).parent_path() / test.input_file).string());
  }
  wire::DocumentList documents;
  for (std::size_t i = 0; i < test.input.size(); ++i) {
    Result<wire::Document> document = wire::document_from_value(test.input[i]);
    if (!document) {
      return in_input(fmt::format("document {}: {}", i + 1, document.error().message));
    }
    documents.push_back(std::move(*document));
  }
  return documents;
}

TestOutcome judge_test(const config::TestDecl& test, const std::string& flow_file,
                       const Reply& reply) {
  TestOutcome outcome = outcome_of(test, flow_file);
  if (reply.code() != test.expect_code) {
    outcome.message = wrong_code(test, reply);
    outcome.expected = test.expect;
    if (reply.ok()) outcome.got = canonical_documents(reply.documents);
    return outcome;
  }
  if (!test.expect || !reply.ok()) {
    outcome.passed = true;
    return outcome;
  }
  Result<ValueList> expected = canonical_documents(*test.expect);
  if (!expected) return untried_test(test, flow_file, "expect: " + expected.error().message);
  ValueList got = canonical_documents(reply.documents);
  outcome.message = documents_difference(
      *expected, got, test.unordered ? DocumentOrder::kAny : DocumentOrder::kGiven);
  outcome.passed = outcome.message.empty();
  if (outcome.passed) return outcome;
  outcome.expected = std::move(*expected);
  outcome.got = std::move(got);
  return outcome;
}

TestOutcome untried_test(const config::TestDecl& test, const std::string& flow_file,
                         std::string why) {
  TestOutcome outcome = outcome_of(test, flow_file);
  outcome.message = std::move(why);
  return outcome;
}

std::optional<TestOutcome> run_test(Client& client, const config::TestDecl& test,
                                    const std::string& flow_file, StopSignal& stop) {
  const Result<wire::DocumentList> input = test_input(test, flow_file);
  if (!input) return untried_test(test, flow_file, input.error().message);
  PostOptions options;
  options.parameters = test.parameters;
  options.target_executor = test.target;
  const auto promise = std::make_shared<std::promise<Reply>>();
  std::future<Reply> reply = promise->get_future();
  client.submit(test.endpoint, *input, options,
                [promise](Reply answer) { promise->set_value(std::move(answer)); });
  while (reply.wait_for(kLook) != std::future_status::ready) {
    if (stop.take() != 0) return std::nullopt;
  }
  return judge_test(test, flow_file, reply.get());
}

}  // namespace flow::flowctl
