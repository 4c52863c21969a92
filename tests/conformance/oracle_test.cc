// The runner of recorded cases: what it refuses, what it writes, what it calls different.
#include <doctest/doctest.h>

#include <string>

#include "base/json.h"
#include "case.h"
#include "config/flow_file.h"
#include "flow_text.h"
#include "script.h"
#include "verdict.h"
#include "wire/value_codec.h"

namespace flow::conformance {
namespace {

Value json(const std::string& text) {
  Result<Value> value = parse_json(text);
  REQUIRE_MESSAGE(value.ok(), text);
  return *value;
}

std::string refusal(const std::string& text) {
  const Result<Case> read = parse_case(json(text));
  return read ? std::string("(accepted)") : read.error().message;
}

Case good(const std::string& text) {
  Result<Case> read = parse_case(json(text));
  REQUIRE_MESSAGE(read.ok(), refusal(text));
  return std::move(*read);
}

std::string flow_case(const std::string& executors, const std::string& rest) {
  return R"({"name":"n","kind":"flow","flow":{"executors":[)" + executors + "]}," + rest + "}";
}

// A case with a request for each expected reply.
std::string replies_case(const std::string& replies, const std::string& more = "") {
  const std::size_t count = json("[" + replies + "]").if_list()->size();
  std::string requests;
  for (std::size_t i = 0; i < count; ++i)
    requests += std::string(i > 0 ? "," : "") + R"({"endpoint":"/x"})";
  return flow_case("", R"("requests":[)" + requests + R"(],"expected":[)" + replies + "]" + more);
}

Reply reply_with(const std::string& tags) {
  Reply reply;
  wire::DocumentFields fields;
  fields.id = "1";
  fields.tags = *json(tags).if_map();
  reply.documents.push_back(wire::Document(std::move(fields)));
  return reply;
}

Reply failed_reply() {
  Reply reply;
  reply.response.failure = std::make_unique<wire::Failure>();
  *reply.response.failure = {Errc::kExecutorError, "std::runtime_error: boom", "a", "a/rep-0"};
  return reply;
}

std::string judge(const Case& expected, Reply reply) {
  std::vector<Reply> replies;
  replies.push_back(std::move(reply));
  return judge_replies(expected, replies);
}

TEST_CASE("what is unknown in a case is refused by name") {
  const std::string rest = R"("requests":[],"expected":[])";
  CHECK(refusal(R"({"name":"n","kind":"zip"})") == "'zip' is no kind of case");
  CHECK(refusal(R"({"name":"n"})") == "the case has no kind");
  CHECK(refusal(flow_case("", rest + R"(,"extra":1)")) == "the case has the unknown field 'extra'");
  CHECK(refusal(flow_case(R"({"name":"a","uses":"x"})", rest)) ==
        "executor 1 has the unknown field 'uses'");
  CHECK(refusal(flow_case(R"({"name":"a","endpoints":{"/x":[{"op":"fly"}]}})", rest)) ==
        "executor 'a': endpoint '/x', operation 1: 'fly' is not an operation");
  CHECK(refusal(flow_case(R"({"name":"a","endpoints":{"/x":[{"op":"pass","by":1}]}})", rest)) ==
        "executor 'a': endpoint '/x', operation 1: 'pass' has the unknown field 'by'");
  CHECK(refusal(flow_case(
            R"({"name":"a","endpoints":{"/x":[{"op":"set","field":"no","value":1}]}})", rest)) ==
        "executor 'a': endpoint '/x', operation 1: 'set': there is no field 'no'");
  CHECK(refusal(replies_case(R"({"code":"FINE"})")) ==
        "expected reply 1 has the unknown code 'FINE'");
}

TEST_CASE("what is missing in a case is refused by name") {
  CHECK(refusal(flow_case("", R"("requests":[])")) == "the case has no 'expected'");
  CHECK(refusal(flow_case("", R"("requests":[],"expected":[{"code":"OK"}])")) ==
        "0 requests, but 1 expected replies");
  CHECK(refusal(flow_case(R"({"name":"a"})", R"("requests":[],"expected":[])")) ==
        "executor 'a' has no endpoints");
  CHECK(refusal(R"({"name":"n","kind":"find","filter":{},"docs":[],"expected":{}})") ==
        "expected needs one of ids, load_error and request_error");
}

TEST_CASE("the flow file of a case means what the case says") {
  const std::string text = flow_text(
      *json(
           R"([{"name":"a","plain":true,"when":{"text":{"$eq":"${HOME} \"\\\n"},"tags__x":{"$neq":null}}},
                {"name":"b","needs":["a","gateway"],"join":true,"no_reduce":true}])")
           .if_list(),
      "/bin/true");

  const config::LoadResult loaded = config::load_flow_text(text, "case.toml");

  REQUIRE(loaded.ok());
  const auto& executors = loaded.flow->decl.executors;
  REQUIRE(executors.size() == 2);
  CHECK(to_json(Value(*executors[0].when)) ==
        R"({"text":{"$eq":"${HOME} \"\\\n"},"tags__x":{"$neq":null}})");
  CHECK(executors[1].no_reduce);
  CHECK(executors[1].needs.size() == 2);
}

TEST_CASE("replies are compared by code, documents and parameters") {
  const Case expected =
      good(replies_case(R"({"code":"OK","docs":[{"id":"1","tags":{"k":1}}],"parameters":{}})"));
  CHECK(judge(expected, reply_with(R"({"k":1.0})")).empty());
  CHECK(judge(expected, reply_with(R"({"k":true})")) ==
        "document 1 '1': tags.k is true, expected 1");
  CHECK(judge(expected, failed_reply()).find("expected OK") != std::string::npos);
  Reply with_results = reply_with(R"({"k":1})");
  with_results.response.results = wire::encode_value({{"a/rep-0", ValueMap{{"n", 1}}}});
  CHECK(judge(expected, std::move(with_results)) ==
        R"(parameters.__results__ is {"a/rep-0":{"n":1}}, expected none)");
}

TEST_CASE("failures are compared by all texts and the executor") {
  const auto one = [](const std::string& rest) {
    return good(replies_case(R"({"code":"EXECUTOR_ERROR",)" + rest + "}"));
  };
  CHECK(
      judge(one(R"("message_contains":["boom","error"],"executor":"a")"), failed_reply()).empty());
  CHECK(judge(one(R"("message_contains":"boom")"), failed_reply()).empty());
  CHECK(judge(one(R"("message_contains":["boom","bang"])"), failed_reply()) ==
        "'bang' is not in the message 'std::runtime_error: boom'");
  CHECK(judge(one(R"("executor":"b")"), failed_reply()) == "executor is 'a', expected 'b'");
}

TEST_CASE("a rotation walks all values, wherever it starts, and is no part of the documents") {
  const std::string reply = R"({"code":"OK","docs":[{"id":"1"}]})";
  const Case expected = good(
      replies_case(reply + "," + reply + "," + reply, R"(,"rotation":{"tag":"s","values":[0,1]})"));
  const auto walk = [&expected](std::initializer_list<std::string> tags) {
    std::vector<Reply> replies;
    for (const std::string& tag : tags)
      replies.push_back(reply_with(tag));
    return judge_replies(expected, replies);
  };
  CHECK(walk({R"({"s":1})", R"({"s":0})", R"({"s":1.0})"}).empty());
  CHECK(walk({R"({"s":1})", R"({"s":0})", R"({"s":0})"}).find("replies 2 to 3") == 0);
  CHECK(walk({R"({"s":1})", R"({"s":0})", "{}"}) == "request 3: document 1 has no tag 's'");
  CHECK(walk({R"({"s":1})", R"({"s":0,"t":1})", R"({"s":1})"}) ==
        R"(request 2: document 1 '1': tags is {"t":1}, expected none)");
}

TEST_CASE("ids of what passed a filter are compared in order") {
  const Case expected =
      good(R"({"name":"n","kind":"find","filter":{},"docs":[],"expected":{"ids":["1","2"]}})");
  wire::DocumentList passed;
  for (const char* id : {"2", "1"}) {
    wire::Document document;
    document.set_id(id);
    passed.push_back(std::move(document));
  }
  CHECK(judge_ids(expected, passed) == "ids are [2, 1], expected [1, 2]");
}

TEST_CASE("children written inside of a child get theirs first") {
  const Result<Script> script = parse_script(json(
      R"({"/x":[{"op":"add_chunk","doc":{"id":"c","granularity":5,"chunks":[{"id":"g"}]}}]})"));
  REQUIRE(script.ok());
  const wire::Document chunk = script->front().second.front().documents[0];
  CHECK(chunk.granularity() == 5);
  CHECK(chunk.chunks().front().granularity() == 6);
  CHECK(chunk.chunks().front().parent_id() == "c");
}

}  // namespace
}  // namespace flow::conformance
