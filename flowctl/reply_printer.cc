#include "flowctl/reply_printer.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>
#include <vector>

#include "base/json.h"
#include "flowctl/output.h"
#include "flowctl/table.h"
#include "wire/document_json.h"
#include "wire/value_codec.h"

namespace flow::flowctl {
namespace {

constexpr std::size_t kTextColumn = 200;  // characters of a text in a table that is not cut

std::string request_name(const RequestId& id) {
  return fmt::format("{}-{}", id.gateway.value, id.sequence);
}

template <typename... Args>
void append(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

void append_hops(std::string& out, const std::vector<wire::ResponseHop>& hops) {
  out += "\"hops\":[";
  for (std::size_t i = 0; i < hops.size(); ++i) {
    const wire::ResponseHop& hop = hops[i];
    out += i > 0 ? ",{\"executor\":" : "{\"executor\":";
    append_json_string(out, hop.executor);
    out += ",\"instance\":";
    append_json_string(out, hop.instance);
    append(out, ",\"queue_us\":{},\"execute_us\":{},\"reduce_us\":{},\"wire_us\":{}}}",
           hop.queue_us, hop.execute_us, hop.reduce_us, hop.wire_us);
  }
  out += "]";
}

void append_missing(std::string& out, const std::vector<wire::MissingShard>& missing) {
  out += "\"missing\":[";
  for (std::size_t i = 0; i < missing.size(); ++i) {
    out += i > 0 ? ",{\"executor\":" : "{\"executor\":";
    append_json_string(out, missing[i].executor);
    append(out, ",\"shard\":{}}}", missing[i].shard);
  }
  out += "]";
}

std::string scores_text(const wire::Document& document) {
  std::string out;
  for (const wire::NamedScore& score : document.scores()) {
    append(out, "{}{} {:.4g}", out.empty() ? "" : ", ", score.name, score.value);
  }
  return out;
}

std::string header_line(const Reply& reply) {
  const wire::Response& response = reply.response;
  std::string out = fmt::format("request {}: {}, {} documents, {} us, {} attempts\n",
                                request_name(response.request), to_string(reply.code()),
                                reply.documents.size(), response.total_us, response.attempts);
  for (const wire::MissingShard& missing : response.missing) {
    append(out, "missing: {} shard {}\n", missing.executor, missing.shard);
  }
  if (response.hops.empty()) return out;
  Table hops({"EXECUTOR", "INSTANCE", "QUEUE us", "EXECUTE us", "REDUCE us", "WIRE us"});
  hops.align_right({2, 3, 4, 5});
  for (const wire::ResponseHop& hop : response.hops) {
    hops.add({hop.executor, hop.instance, std::to_string(hop.queue_us),
              std::to_string(hop.execute_us), std::to_string(hop.reduce_us),
              std::to_string(hop.wire_us)});
  }
  return out + hops.render();
}

std::string text_of(const wire::Document& document) {
  return cut_to(document.text().empty() ? document.uri() : document.text(), kTextColumn);
}

}  // namespace

ReplyPrinter::ReplyPrinter(ReplyFormat format, bool show_header, ValueMap parameters,
                           std::size_t width)
    : format_(format),
      show_header_(show_header),
      parameters_(std::move(parameters)),
      width_(width) {}

std::string ReplyPrinter::begin() const {
  return format_ == ReplyFormat::kArray ? "[" : "";
}

std::string ReplyPrinter::end() const {
  if (format_ != ReplyFormat::kArray) return "";
  return first_ ? "]\n" : "\n]\n";
}

std::string ReplyPrinter::print(const Reply& reply) {
  std::string out;
  if (format_ == ReplyFormat::kTable) {
    out = table(reply);
  } else if (format_ == ReplyFormat::kArray) {
    out = first_ ? "\n" : ",\n";
    append_object(out, reply);
  } else if (show_header_) {
    append_object(out, reply);
    out += "\n";
  } else if (reply.ok()) {
    for (const wire::Document& document : reply.documents) {
      wire::append_document_json(out, document);
      out += "\n";
    }
  }
  first_ = false;
  return out;
}

void ReplyPrinter::append_object(std::string& out, const Reply& reply) const {
  out += "{\"header\":";
  append_header(out, reply.response);
  ValueMap parameters = parameters_;
  const Result<ValueMap> results = wire::decode_value(reply.response.results.span());
  if (results && !results->empty()) parameters.set("__results__", *results);
  out += ",\"parameters\":";
  append_json(out, Value(std::move(parameters)));
  out += ",\"docs\":[";
  for (std::size_t i = 0; i < reply.documents.size(); ++i) {
    if (i > 0) out += ",";
    wire::append_document_json(out, reply.documents[i]);
  }
  out += "]}";
}

void ReplyPrinter::append_header(std::string& out, const wire::Response& response) const {
  static const wire::Failure kNone{Errc::kOk, "", "", ""};
  const wire::Failure& failure = response.failure == nullptr ? kNone : *response.failure;
  out += "{\"id\":";
  append_json_string(out, request_name(response.request));
  append(out, ",\"code\":\"{}\",\"message\":", to_string(failure.code));
  append_json_string(out, failure.message);
  out += ",\"executor\":";
  append_json_string(out, failure.executor);
  out += ",\"instance\":";
  append_json_string(out, failure.instance);
  append(out, ",\"attempts\":{},", response.attempts);
  append_missing(out, response.missing);
  append(out, ",\"total_us\":{},", response.total_us);
  append_hops(out, response.hops);
  out += "}";
}

std::string ReplyPrinter::table(const Reply& reply) const {
  std::string out = first_ ? "" : "\n";
  if (show_header_) out += header_line(reply);
  if (!reply.ok()) return out + failure_line(reply) + "\n";
  Table documents({"ID", "TEXT", "MATCHES", "CHUNKS"});
  documents.align_right({2, 3});
  std::string matches;
  for (const wire::Document& document : reply.documents) {
    const std::vector<wire::Document> found = document.matches();
    documents.add({std::string(document.id()), text_of(document), std::to_string(found.size()),
                   std::to_string(document.chunks().size())});
    if (found.empty()) continue;
    Table ranks({"RANK", "ID", "SCORES", "TEXT"});
    ranks.align_right({0});
    for (std::size_t i = 0; i < found.size(); ++i) {
      ranks.add({std::to_string(i + 1), std::string(found[i].id()), scores_text(found[i]),
                 text_of(found[i])});
    }
    matches += cut_to(fmt::format("{}: {}", harmless(document.id()), harmless(text_of(document))),
                      width_ == 0 ? kTextColumn : width_) +
               "\n" + ranks.render(width_);
  }
  return out + (matches.empty() ? documents.render(width_) : matches);
}

std::string missing_line(const Reply& reply) {
  std::string out = "answered without ";
  const char* comma = "";
  for (const wire::MissingShard& missing : reply.response.missing) {
    append(out, "{}shard {} of {}", comma, missing.shard, harmless(missing.executor));
    comma = ", ";
  }
  return out;
}

std::string failure_line(const Reply& reply) {
  const wire::Failure& failure = *reply.response.failure;
  std::string out = fmt::format("{}: {}", to_string(failure.code), harmless(failure.message));
  if (!failure.executor.empty()) {
    append(out, " (executor {}{}{})", harmless(failure.executor),
           failure.instance.empty() ? "" : ", instance ", harmless(failure.instance));
  }
  return out;
}

}  // namespace flow::flowctl
