#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/units.h"
#include "flow/client.h"
#include "flowctl/commands.h"
#include "flowctl/document_reader.h"
#include "flowctl/exit_code.h"
#include "flowctl/gateway_option.h"
#include "flowctl/output.h"
#include "flowctl/post_pump.h"

namespace flow::flowctl {
namespace {

struct PostOptions {
  std::string endpoint;
  std::string flow;
  std::string gateway;
  std::string text;
  std::string json;
  std::string input;
  std::string parameters;
  std::string target;
  std::string timeout = "0s";
  std::string output = "jsonl";
  std::size_t request_size = 100;
  std::size_t concurrency = 8;
  bool unordered = false;
  bool show_header = false;
  CLI::Option* given_text = nullptr;
  CLI::Option* given_json = nullptr;
  CLI::Option* given_input = nullptr;
};

Result<ValueMap> parse_parameters(const std::string& text) {
  if (text.empty()) return ValueMap();
  Result<Value> value = parse_json(text);
  if (!value) return Error{Errc::kInvalidArgument, "--parameters: " + value.error().message};
  if (ValueMap* map = value->if_map()) return std::move(*map);
  return Error{Errc::kInvalidArgument, "--parameters: expected a JSON object"};
}

// Where the documents come from; nothing: one request without any.
Result<std::optional<DocumentReader>> open_input(const PostOptions& options, int stop_fd) {
  using Input = std::optional<DocumentReader>;
  if (options.given_text->count() > 0) return Input(DocumentReader::of_text(options.text));
  if (options.given_json->count() == 0 && options.given_input->count() == 0) return Input();
  Result<DocumentReader> reader = options.given_json->count() > 0
                                      ? DocumentReader::of_json(options.json)
                                      : DocumentReader::of_lines(options.input, stop_fd);
  if (!reader) return std::move(reader).error();
  return Input(std::move(*reader));
}

ReplyPrinter make_printer(const PostOptions& options, const ValueMap& parameters) {
  const ReplyFormat format = options.output == "json"    ? ReplyFormat::kArray
                             : options.output == "table" ? ReplyFormat::kTable
                                                         : ReplyFormat::kLines;
  const auto width =
      static_cast<std::size_t>(is_terminal(STDOUT_FILENO) ? terminal_width(STDOUT_FILENO) : 0);
  return ReplyPrinter(format, options.show_header, parameters, width);
}

int post(const PostOptions& options) {
  Result<ValueMap> parameters = parse_parameters(options.parameters);
  if (!parameters) {
    say("{}", parameters.error().message);
    return kExitBadInput;
  }
  net::Waker stop;
  Result<std::optional<DocumentReader>> input = open_input(options, stop.fd());
  if (!input) {
    say("{}", input.error().message);
    return kExitBadInput;
  }
  Result<std::string> address = find_gateway(options.flow, options.gateway);
  if (!address) {
    say("{}", address.error().message);
    return kExitUnreachable;
  }
  ClientOptions client_options;
  client_options.name = "flowctl";
  client_options.max_in_flight =
      static_cast<std::uint32_t>(std::clamp<std::size_t>(options.concurrency, 1, 65'536));
  Result<Client> client = connect_gateway(*address, client_options);
  if (!client) {
    say("{}", client.error().message);
    return kExitUnreachable;
  }
  PumpOptions pump;
  pump.endpoint = options.endpoint;
  pump.post.parameters = *parameters;
  pump.post.target_executor = options.target;
  pump.post.timeout = *parse_duration(options.timeout);
  pump.post.request_size = options.request_size;
  pump.post.concurrency = options.concurrency;
  pump.post.ordered = !options.unordered;
  return PostPump(std::move(*client), std::move(pump), make_printer(options, *parameters), stop)
      .run(input->has_value() ? &**input : nullptr);
}

void add_input_options(CLI::App& app, PostOptions& options) {
  options.given_text = app.add_option("--text", options.text, "one document with this text");
  options.given_json =
      app.add_option("--json", options.json, "a document, or a list of documents, as JSON");
  options.given_input =
      app.add_option("--input", options.input, "a file with a JSON document a line; - is stdin");
  options.given_text->excludes(options.given_json)->excludes(options.given_input);
  options.given_json->excludes(options.given_input);
  app.add_option("--parameters", options.parameters, "a JSON object every request carries");
  app.add_option("--request-size", options.request_size, "documents a request")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
  app.add_option("--concurrency", options.concurrency, "requests at once")
      ->check(CLI::Range(1, 65'536))
      ->capture_default_str();
}

}  // namespace

Command add_post(CLI::App& root) {
  CLI::App* app = root.add_subcommand(
      "post", "sends documents to a flow, prints what comes back as JSON lines");
  const auto options = std::make_shared<PostOptions>();
  app->add_option("ENDPOINT", options->endpoint, "/search, say")->required();
  CLI::Option* flow =
      app->add_option("--flow", options->flow, "the flow; default: the running one");
  app->add_option("--gateway", options->gateway, "an address instead: tcp://10.0.0.7:21000")
      ->excludes(flow);
  add_input_options(*app, *options);
  app->add_option("--target", options->target, "only executors whose name matches this expression");
  app->add_option("--timeout", options->timeout, "for each request; default: the flow's deadline")
      ->check(duration_option());
  app->add_flag("--unordered", options->unordered, "print replies as they come");
  app->add_option("-o,--output", options->output,
                  "jsonl: a document a line; json: an array, an object a request; table")
      ->check(CLI::IsMember({"jsonl", "json", "table"}))
      ->capture_default_str();
  app->add_flag("--show-header", options->show_header,
                "an object a request: code, attempts, where the time went, documents");
  return {app, [options] { return post(*options); }};
}

}  // namespace flow::flowctl
