#include "flowctl/reply_printer.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "base/json.h"
#include "wire/value_codec.h"

namespace flow::flowctl {
namespace {

wire::Document document(const std::string& id, const std::string& text) {
  wire::Document made;
  made.set_id(id);
  made.set_text(text);
  return made;
}

Reply good_reply() {
  Reply reply;
  reply.response.request = {InstanceId{3}, 14};
  reply.response.attempts = 1;
  reply.response.total_us = 250;
  reply.response.hops = {{"encode", "encode/rep-0", 1, 2, 3, 4}};
  reply.response.missing = {{"index", 1}};
  reply.documents.push_back(document("a", "one"));
  return reply;
}

Reply failed_reply() {
  Reply reply;
  reply.response.failure = std::make_unique<wire::Failure>();
  *reply.response.failure = {Errc::kExecutorError, "bad\nthing", "encode", "encode/rep-1"};
  reply.documents.push_back(document("in", "what encode got"));
  return reply;
}

}  // namespace

TEST_CASE("lines: a document a line, nothing for a failed request") {
  ReplyPrinter printer(ReplyFormat::kLines, false, {}, 0);
  Reply reply = good_reply();
  reply.documents.push_back(document("b", "two"));
  CHECK(printer.begin() + printer.print(reply) + printer.print(failed_reply()) + printer.end() ==
        "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n");
  CHECK_FALSE(printer.shows_failures());
}

TEST_CASE("with headers: an object a request, with everything the contract names") {
  ReplyPrinter printer(ReplyFormat::kLines, true, {{"top", 5}}, 0);
  CHECK(printer.print(good_reply()) ==
        R"({"header":{"id":"3-14","code":"OK","message":"","executor":"","instance":"",)"
        R"("attempts":1,"missing":[{"executor":"index","shard":1}],"total_us":250,)"
        R"("hops":[{"executor":"encode","instance":"encode/rep-0","queue_us":1,"execute_us":2,)"
        R"("reduce_us":3,"wire_us":4}]},"parameters":{"top":5},)"
        R"("docs":[{"id":"a","text":"one"}]})"
        "\n");
  CHECK(printer.shows_failures());
}

TEST_CASE("a failed request's object names code, message, executor and instance") {
  ReplyPrinter printer(ReplyFormat::kLines, true, {}, 0);
  const Result<Value> value = parse_json(printer.print(failed_reply()));
  REQUIRE(value.ok());
  const ValueMap& header = *value->if_map()->find("header")->if_map();
  CHECK(*header.find("code") == Value("EXECUTOR_ERROR"));
  CHECK(*header.find("message") == Value("bad\nthing"));
  CHECK(*header.find("instance") == Value("encode/rep-1"));
  CHECK(value->if_map()->find("docs")->if_list()->size() == 1);
}

TEST_CASE("dictionary results are the parameter __results__") {
  ReplyPrinter printer(ReplyFormat::kLines, true, {{"foo", "bar"}}, 0);
  Reply reply = good_reply();
  reply.response.results = wire::encode_value({{"encode/rep-0", ValueMap{{"n", 1}}}});
  const Result<Value> value = parse_json(printer.print(reply));
  REQUIRE(value.ok());
  CHECK(to_json(*value->if_map()->find("parameters")) ==
        R"({"foo":"bar","__results__":{"encode/rep-0":{"n":1}}})");
}

TEST_CASE("json: one array, whatever the number of requests") {
  for (int count = 0; count < 3; ++count) {
    ReplyPrinter printer(ReplyFormat::kArray, false, {}, 0);
    std::string out = printer.begin();
    for (int i = 0; i < count; ++i)
      out += printer.print(good_reply());
    const Result<Value> value = parse_json(out + printer.end());
    REQUIRE(value.ok());
    CHECK(value->if_list()->size() == static_cast<std::size_t>(count));
  }
}

TEST_CASE("table: documents, or their matches by rank when there are any") {
  ReplyPrinter plain(ReplyFormat::kTable, false, {}, 0);
  CHECK(plain.print(good_reply()) == "ID  TEXT  MATCHES  CHUNKS\na   one         0       0\n");

  Reply reply;
  wire::Document query = document("q", "question");
  wire::Document match = document("m", "answer");
  match.set_score("cos", 0.25);
  query.add_match(std::move(match));
  reply.documents.push_back(std::move(query));
  ReplyPrinter matches(ReplyFormat::kTable, false, {}, 0);
  CHECK(matches.print(reply) ==
        "q: question\nRANK  ID  SCORES    TEXT\n   1  m   cos 0.25  answer\n");
}

TEST_CASE("missing shards are one line, each with its executor") {
  Reply reply;
  reply.response.missing = {{"index", 1}, {"words", 0}};
  CHECK(missing_line(reply) == "answered without shard 1 of index, shard 0 of words");
}

TEST_CASE("a failure is one line with code, message, executor and instance") {
  CHECK(failure_line(failed_reply()) ==
        "EXECUTOR_ERROR: bad?thing (executor encode, instance encode/rep-1)");
}

}  // namespace flow::flowctl
