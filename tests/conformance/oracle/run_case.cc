#include "run_case.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "flow_text.h"
#include "flowctl/reply_printer.h"
#include "graph/query.h"
#include "route/filter.h"
#include "route/reduce.h"
#include "verdict.h"

namespace flow::conformance {
namespace {

// The list as it is after it came over the wire.
wire::DocumentList received(const wire::DocumentList& documents) {
  Result<wire::DocumentList> list = wire::DocumentList::open(documents.encode());
  return list ? std::move(*list) : documents;
}

std::string not_started(const CaseFlow::Started& started) {
  return fmt::format("flowctl up ended with {}: {}", started.code, gist(started.said));
}

// What the end of the flow says about the case.
std::string ended(CaseFlow& flow, std::string wrong) {
  const Status down = flow.down();
  return wrong.empty() && !down ? down.error().message : wrong;
}

std::string run_refused(const Case& expected, const CaseFlow::Started& started) {
  if (started.code == 0) return "the flow was loaded, expected it to be refused";
  if (!started.refused()) return not_started(started);
  return judge_texts(expected.load_error.value_or(std::vector<std::string>()), started.said);
}

std::string run_flow(const Case& expected, const Surroundings& surroundings, std::size_t number) {
  CaseFlow flow(surroundings, number);
  const auto started = flow.up(flow_text(expected.executors, surroundings.scripted));
  if (!started) return started.error().message;
  if (expected.load_error) return ended(flow, run_refused(expected, *started));
  if (started->code != 0) return not_started(*started);
  std::vector<Reply> replies;
  for (const CaseRequest& request : expected.requests) {
    Result<Reply> reply = flow.post(request);
    if (!reply) return fmt::format("request {}: {}", replies.size() + 1, reply.error().message);
    replies.push_back(std::move(*reply));
  }
  return ended(flow, judge_replies(expected, replies));
}

std::string find_in_flow(const Case& expected, const Surroundings& surroundings,
                         std::size_t number) {
  CaseFlow flow(surroundings, number);
  const auto started = flow.up(filter_flow_text(expected.filter));
  if (!started) return started.error().message;
  const bool refused = !expected.ids && !expected.request_error;
  if (refused) return ended(flow, run_refused(expected, *started));
  if (started->code != 0) return not_started(*started);
  const Result<Reply> reply = flow.post({"/find", expected.documents, {}, ""});
  if (!reply) return reply.error().message;
  const Errc code = expected.request_error.value_or(Errc::kOk);
  if (reply->code() != code) {
    return ended(flow,
                 fmt::format("code is {}, expected {}",
                             reply->ok() ? "OK" : flowctl::failure_line(*reply), to_string(code)));
  }
  return ended(flow, reply->ok() ? judge_ids(expected, reply->documents) : std::string());
}

std::string find_directly(const Case& expected) {
  const bool refused = !expected.ids && !expected.request_error;
  const auto query = graph::Query::parse(expected.filter);
  if (const auto* problem = std::get_if<graph::QueryProblem>(&query)) {
    return refused ? std::string() : "the filter is refused: " + graph::to_string(*problem);
  }
  if (refused) return "the filter was accepted, expected it to be refused";
  const route::Filter filter(std::get<graph::Query>(query));
  const Result<Bytes> kept = filter.keep_passing(expected.documents.encode());
  const Errc code = kept ? Errc::kOk : kept.error().code;
  if (code != expected.request_error.value_or(Errc::kOk)) {
    return fmt::format("code is {}{}, expected {}", to_string(code),
                       kept ? "" : ": " + kept.error().message,
                       to_string(expected.request_error.value_or(Errc::kOk)));
  }
  if (!kept) return {};
  const Result<wire::DocumentList> passed = wire::DocumentList::open(*kept);
  return passed ? judge_ids(expected, *passed) : passed.error().message;
}

std::string reduce_in_flow(const Case& expected, const Surroundings& surroundings,
                           std::size_t number) {
  CaseFlow flow(surroundings, number);
  const auto started = flow.up(reduce_flow_text(expected.arrays, surroundings.scripted));
  if (!started) return started.error().message;
  if (started->code != 0) return not_started(*started);
  const Result<Reply> reply = flow.post({"/reduce", {}, {}, ""});
  if (!reply) return reply.error().message;
  if (!reply->ok()) return "code is " + flowctl::failure_line(*reply);
  return ended(flow, judge_documents(expected, expected.reduced, reply->documents));
}

std::string reduce_directly(const Case& expected) {
  std::vector<wire::DocumentList> parts;
  for (const wire::DocumentList& array : expected.arrays)
    parts.push_back(received(array));
  return judge_documents(expected, expected.reduced, route::reduce_all(std::move(parts)));
}

std::string both(const std::string& flow, const std::string& library) {
  if (flow.empty() && library.empty()) return {};
  if (flow.empty()) return "library: " + library;
  if (library.empty()) return "real processes: " + flow;
  return flow == library ? flow : fmt::format("real processes: {}; library: {}", flow, library);
}

}  // namespace

std::string run_case(const Case& expected, const Surroundings& surroundings, std::size_t number) {
  switch (expected.kind) {
    case CaseKind::kFlow: return run_flow(expected, surroundings, number);
    case CaseKind::kFind:
      return both(find_in_flow(expected, surroundings, number), find_directly(expected));
    case CaseKind::kReduce:
      return both(reduce_in_flow(expected, surroundings, number), reduce_directly(expected));
  }
  return "there is no such kind of case";
}

}  // namespace flow::conformance
