#include "flowctl/expectation.h"

#include <doctest/doctest.h>

#include <string>

#include "base/json.h"
#include "wire/document_json.h"

namespace flow::flowctl {
namespace {

ValueList list(const std::string& json) {
  Result<Value> value = parse_json(json);
  REQUIRE_MESSAGE(value.ok(), json);
  return *value->if_list();
}

ValueList canonical(const std::string& json) {
  Result<ValueList> documents = canonical_documents(list(json));
  REQUIRE_MESSAGE(documents.ok(), json);
  return *documents;
}

std::string difference(const std::string& expected, const std::string& got,
                       DocumentOrder order = DocumentOrder::kGiven) {
  return documents_difference(canonical(expected), canonical(got), order);
}

bool same(const std::string& a, const std::string& b) {
  const ValueList both = list("[" + a + "," + b + "]");
  return same_value(both[0], both[1]) && same_value(both[1], both[0]);
}

TEST_CASE("numbers are the same by value, and true is no number") {
  CHECK(same("5", "5.0"));
  CHECK(same("0", "-0.0"));
  CHECK(same("9007199254740993", "9007199254740993"));
  CHECK_FALSE(same("9007199254740993", "9007199254740992.0"));
  CHECK_FALSE(same("9223372036854775807", "9223372036854775808.0"));
  CHECK_FALSE(same("5", "5.5"));
  CHECK_FALSE(same("true", "1"));
  CHECK_FALSE(same("false", "0"));
  CHECK_FALSE(same("\"1\"", "1"));
}

TEST_CASE("keys of maps come in any order, items of lists in theirs") {
  CHECK(same(R"({"a":1,"b":[1,{"c":2}]})", R"({"b":[1.0,{"c":2}],"a":1})"));
  CHECK_FALSE(same("[1,2]", "[2,1]"));
  CHECK_FALSE(same(R"({"a":1})", R"({"a":1,"b":null})"));
}

TEST_CASE("in tags nothing, null, \"\", [] and {} are five things") {
  const std::vector<std::string> values = {R"({})", R"({"a":null})", R"({"a":""})", R"({"a":[]})",
                                           R"({"a":{}})"};
  for (const std::string& a : values) {
    for (const std::string& b : values) {
      CAPTURE(a + " " + b);
      CHECK(same(a, b) == (a == b));
    }
  }
  CHECK(difference(R"([{"id":"1","tags":{"a":null}}])", R"([{"id":"1"}])") ==
        R"(document 1 '1': tags is not set, expected {"a":null})");
}

TEST_CASE("a default field of a document counts as not there, at every depth") {
  CHECK(difference(R"([{"id":"1","text":"","weight":0,"tags":{},"chunks":[],"location":[],
                        "tensor":[],"matches":[{"id":"m","text":"","adjacency":0}]}])",
                   R"([{"id":"1","matches":[{"id":"m"}]}])")
            .empty());
}

TEST_CASE("one document can be spelled in several ways") {
  CHECK(difference(R"([{"id":"1","weight":1,"embedding":[0.1,2],"scores":{"a":{"value":1}}}])",
                   R"([{"id":"1","weight":1.0,"embedding":{"dtype":"float32","shape":[2],
                        "data":"zczMPQAAAEA="},"scores":{"a":{"value":1.0,"description":""}}}])")
            .empty());
}

TEST_CASE("the first difference is named with its document and field") {
  CHECK(difference(R"([{"id":"1"},{"id":"x","text":"b"}])",
                   R"([{"id":"1"},{"id":"x","text":"a"}])") ==
        R"(document 2 'x': text is "a", expected "b")");
  CHECK(difference(R"([{"id":"x","text":"b"}])", R"([{"id":"x"}])") ==
        R"(document 1 'x': text is not set, expected "b")");
  CHECK(difference(R"([{"id":"x"}])", R"([{"id":"x","uri":"u"}])") ==
        R"(document 1 'x': uri is "u", expected none)");
  CHECK(difference(R"([{"id":"x","tags":{"a":{"b":1}}}])",
                   R"([{"id":"x","tags":{"a":{"b":true}}}])") ==
        "document 1 'x': tags.a.b is true, expected 1");
  CHECK(
      difference(R"([{"id":"x","tags":{"a":1,"b":2}}])", R"([{"id":"x","tags":{"a":1,"c":2}}])") ==
      "document 1 'x': tags.b is missing, expected 2");
  CHECK(difference(R"([{"id":"x","chunks":[{"id":"c","matches":[{"id":"m","text":"t"}]}]}])",
                   R"([{"id":"x","chunks":[{"id":"c","matches":[{"id":"m"}]}]}])") ==
        R"(document 1 'x', chunks[0], matches[0]: text is not set, expected "t")");
}

TEST_CASE("too few and too many documents are listed") {
  CHECK(difference(R"([{"id":"a"},{"id":"b"}])", R"([{"id":"b"}])") ==
        "1 documents (b), expected 2 (a, b)");
  CHECK(difference("[]", R"([{"id":"b"}])") == "1 documents (b), expected 0 ()");
  CHECK(difference(R"([{"id":"a","matches":[{"id":"m"}]}])",
                   R"([{"id":"a","matches":[{"id":"m"},{"id":"n"}]}])") ==
        "document 1 'a': 2 matches (m, n), expected 1 (m)");
  CHECK(difference("[]", "[]").empty());
}

TEST_CASE("an expected document without id matches any id, and its chunks any parent") {
  CHECK(difference(R"([{"text":"a","chunks":[{"text":"c"}]}])",
                   R"([{"id":"9","text":"a","chunks":[{"id":"8","text":"c","parent_id":"9"}]}])")
            .empty());
  CHECK(difference(R"([{"id":"1","chunks":[{"text":"c"}]}])",
                   R"([{"id":"1","chunks":[{"id":"8","text":"c","parent_id":"9"}]}])") ==
        R"(document 1 '1', chunks[0]: parent_id is "9", expected none)");
  CHECK_FALSE(difference(R"([{"id":"1","text":"a"}])", R"([{"id":"2","text":"a"}])").empty());
}

TEST_CASE("without order every expected document needs one of its own") {
  const auto any = DocumentOrder::kAny;
  CHECK(difference(R"([{"id":"a"},{"id":"b"}])", R"([{"id":"b"},{"id":"a"}])", any).empty());
  CHECK_FALSE(difference(R"([{"id":"a"},{"id":"b"}])", R"([{"id":"b"},{"id":"a"}])").empty());
  CHECK_FALSE(difference(R"([{"id":"a"},{"id":"a"}])", R"([{"id":"b"},{"id":"a"}])", any).empty());
  // The first one would take the document that only the second one is like.
  CHECK(difference(R"([{"text":"t"},{"id":"a","text":"t"}])",
                   R"([{"id":"a","text":"t"},{"id":"b","text":"t"}])", any)
            .empty());
  CHECK(difference(R"([{"id":"a","text":"t"},{"id":"b"}])", R"([{"id":"b"},{"id":"a","text":"u"}])",
                   any) == R"(document 1 'a': text is "u", expected "t")");
  CHECK(difference(R"([{"id":"a"},{"id":"b"}])", R"([{"id":"c"},{"id":"a"}])", any) ==
        R"(document 2 'b' is not among the documents: {"id":"b"})");
}

TEST_CASE("what is no document is refused and named") {
  const Result<ValueList> documents = canonical_documents(list(R"([{"id":"1"},{"txt":"a"}])"));
  REQUIRE_FALSE(documents.ok());
  CHECK(documents.error().message.find("document 2") == 0);
  CHECK(documents.error().message.find("txt") != std::string::npos);
}

TEST_CASE("a long value is cut in the message, between characters") {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += "\xC3\xA9";
  const std::string found =
      difference(R"([{"id":"1","text":"a"}])", R"([{"id":"1","text":")" + text + R"("}])");
  CHECK(found.size() < 200);
  CHECK(found.find("\xC3\xA9...") != std::string::npos);
}

}  // namespace
}  // namespace flow::flowctl
