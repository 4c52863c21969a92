#include "route/reduce.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/json.h"
#include "tests/wire/sample_document.h"
#include "wire/document_json.h"

namespace flow::route {
namespace {

using wire::Document;
using wire::DocumentList;

DocumentList list_of(std::string_view json) {
  const Result<Value> value = parse_json(json);
  REQUIRE(value.ok());
  DocumentList list;
  for (const Value& item : *value->if_list()) {
    Result<Document> document = wire::document_from_value(item);
    REQUIRE_MESSAGE(document.ok(), (document ? std::string() : document.error().message));
    list.push_back(*std::move(document));
  }
  return list;
}

// Merges arrays of documents, given as one JSON list of lists, and prints the result. Decoded and
// encoded documents must agree.
std::string reduced(std::string_view json) {
  const Result<Value> arrays = parse_json(json);
  REQUIRE(arrays.ok());
  std::vector<DocumentList> decoded;
  std::vector<DocumentList> encoded;
  DocumentList step_by_step;
  bool first = true;
  for (const Value& array : *arrays->if_list()) {
    decoded.push_back(list_of(to_json(array)));
    encoded.push_back(wire::travelled(decoded.back()));
    if (first) {
      step_by_step = decoded.back();
    } else {
      reduce(step_by_step, decoded.back());
    }
    first = false;
  }
  const auto print = [](const DocumentList& list) {
    std::string out;
    for (const Document& document : list)
      out += to_json(document) + "\n";
    return out;
  };
  const std::string result = print(reduce_all(std::move(decoded)));
  CHECK(print(reduce_all(std::move(encoded))) == result);
  CHECK(print(step_by_step) == result);
  return result;
}

std::string printed(std::string_view json) {
  std::string out;
  for (const Document& document : list_of(json))
    out += to_json(document) + "\n";
  return out;
}

// Arrange and assert in one line: the arrays, and what must come out.
#define CHECK_REDUCED(arrays, expected) CHECK(reduced(arrays) == printed(expected))

}  // namespace

TEST_CASE("fields, chunks and matches of a document are united") {
  CHECK_REDUCED(R"([[{"id":"1","text":"doc1",
                      "matches":[{"id":"m0","adjacency":1},{"id":"m2","adjacency":1}],
                      "chunks":[{"id":"c0","parent_id":"1","granularity":1},
                                {"id":"c1","parent_id":"1","granularity":1}]}],
                    [{"id":"1","text":"doc2","embedding":[0,1],
                      "matches":[{"id":"m0","adjacency":1},{"id":"m1","adjacency":1}],
                      "chunks":[{"id":"c0","parent_id":"1","granularity":1},
                                {"id":"c2","parent_id":"1","granularity":1}]}]])",
                R"([{"id":"1","text":"doc1","embedding":[0,1],
                     "matches":[{"id":"m0","adjacency":1},{"id":"m2","adjacency":1},
                                {"id":"m1","adjacency":1}],
                     "chunks":[{"id":"c0","parent_id":"1","granularity":1},
                               {"id":"c1","parent_id":"1","granularity":1},
                               {"id":"c2","parent_id":"1","granularity":1}]}])");
}

TEST_CASE("lists with overlapping documents and matches are united") {
  CHECK_REDUCED(
      R"([[{"id":"r0","text":"da1","matches":[{"id":"a"},{"id":"b"}]},
           {"id":"r2","text":"da1","matches":[{"id":"a"},{"id":"b"}]}],
          [{"id":"r0","text":"da2","matches":[{"id":"b"},{"id":"c"},{"id":"d"}]},
           {"id":"r1","text":"da2","matches":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]},
           {"id":"r2","text":"da2","matches":[{"id":"c"},{"id":"d"}]}]])",
      R"([{"id":"r0","text":"da1","matches":[{"id":"a"},{"id":"b"},{"id":"c","adjacency":1},
                                             {"id":"d","adjacency":1}]},
          {"id":"r2","text":"da1","matches":[{"id":"a"},{"id":"b"},{"id":"c","adjacency":1},
                                             {"id":"d","adjacency":1}]},
          {"id":"r1","text":"da2","matches":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}])");
}

TEST_CASE("the order is that of the left list, then the unseen documents") {
  CHECK_REDUCED(R"([[{"id":"a"},{"id":"b"},{"id":"c"}],
                    [{"id":"c"},{"id":"x"},{"id":"a"},{"id":"y"}]])",
                R"([{"id":"a"},{"id":"b"},{"id":"c"},{"id":"x"},{"id":"y"}])");
}

TEST_CASE("content fields are independent of one another") {
  CHECK_REDUCED(R"([[{"id":"1","text":"t"}],[{"id":"1","tensor":[1,2]}]])",
                R"([{"id":"1","text":"t","tensor":[1,2]}])");
  CHECK_REDUCED(R"([[{"id":"1","tensor":[1,2]}],[{"id":"1","text":"t"}]])",
                R"([{"id":"1","text":"t","tensor":[1,2]}])");
  CHECK_REDUCED(R"([[{"id":"1","text":"t"}],[{"id":"1","blob":"AAEC"}]])",
                R"([{"id":"1","text":"t","blob":"AAEC"}])");
}

TEST_CASE("a uri brings no mime type and the left one wins") {
  CHECK_REDUCED(R"([[{"id":"1","uri":"a.png"}],[{"id":"1","uri":"b.jpg"}]])",
                R"([{"id":"1","uri":"a.png"}])");
  CHECK_REDUCED(R"([[{"id":"1","mime_type":"text/plain"}],[{"id":"1","uri":"b.jpg"}]])",
                R"([{"id":"1","uri":"b.jpg","mime_type":"text/plain"}])");
}

TEST_CASE("a tensor of no elements counts as set") {
  CHECK_REDUCED(R"([[{"id":"1","embedding":[]}],[{"id":"1","embedding":[1]}]])",
                R"([{"id":"1","embedding":[]}])");
}

TEST_CASE("of a repeated id on the left the last is merged") {
  CHECK_REDUCED(R"([[{"id":"a","text":"1"},{"id":"a","text":"2"}],[{"id":"a","modality":"m"}]])",
                R"([{"id":"a","text":"1"},{"id":"a","text":"2","modality":"m"}])");
}

TEST_CASE("repeated ids on the right merge into the first of them") {
  CHECK_REDUCED(R"([[{"id":"z"}],[{"id":"a","text":"t"},{"id":"a","modality":"m"}]])",
                R"([{"id":"z"},{"id":"a","text":"t","modality":"m"}])");
  CHECK_REDUCED(R"([[],[{"id":"a","text":"t"},{"id":"a","modality":"m"}]])",
                R"([{"id":"a","text":"t","modality":"m"}])");
}

TEST_CASE("matches keep their order and appended children are adopted") {
  CHECK_REDUCED(R"([[{"id":"1","granularity":2,"matches":[{"id":"m1","text":"L","adjacency":1}]}],
                    [{"id":"1","matches":[{"id":"m2","adjacency":7},
                                          {"id":"m1","text":"R","modality":"x"}],
                      "chunks":[{"id":"c","parent_id":"other"}]}]])",
                R"([{"id":"1","granularity":2,
                     "matches":[{"id":"m1","text":"L","modality":"x","adjacency":1},
                                {"id":"m2","adjacency":1}],
                     "chunks":[{"id":"c","parent_id":"1","granularity":3}]}])");
}

TEST_CASE("children are merged at every depth") {
  CHECK_REDUCED(
      R"([[{"id":"1","chunks":[{"id":"c","granularity":1,"parent_id":"1","chunks":
            [{"id":"g1","text":"a","granularity":2,"parent_id":"c"}],
            "matches":[{"id":"m1","adjacency":1}]}]}],
          [{"id":"1","chunks":[{"id":"c","text":"t","granularity":1,"parent_id":"1","chunks":
            [{"id":"g1","text":"b","granularity":2,"parent_id":"c","uri":"u"},
             {"id":"g2","granularity":2,"parent_id":"c"}],
            "matches":[{"id":"m1","text":"late","adjacency":1},{"id":"m2","adjacency":1}]}]}]])",
      R"([{"id":"1","chunks":[{"id":"c","text":"t","granularity":1,"parent_id":"1","chunks":
            [{"id":"g1","text":"a","granularity":2,"parent_id":"c","uri":"u"},
             {"id":"g2","granularity":2,"parent_id":"c"}],
            "matches":[{"id":"m1","text":"late","adjacency":1},{"id":"m2","adjacency":1}]}]}])");
}

TEST_CASE("tags and scores are taken whole, unless empty on the left") {
  CHECK_REDUCED(R"([[{"id":"1","tags":{"a":1}}],[{"id":"1","tags":{"b":2}}]])",
                R"([{"id":"1","tags":{"a":1}}])");
  CHECK_REDUCED(R"([[{"id":"1","tags":{}}],[{"id":"1","tags":{"b":2}}]])",
                R"([{"id":"1","tags":{"b":2}}])");
  CHECK_REDUCED(R"([[{"id":"1","scores":{"a":{"value":0.5}}}],
                    [{"id":"1","scores":{"b":{"value":0.25}},"evaluations":{"r":{"value":1}}}]])",
                R"([{"id":"1","scores":{"a":{"value":0.5}},"evaluations":{"r":{"value":1}}}])");
}

TEST_CASE("zero and empty are unset, parent_id is not merged") {
  CHECK_REDUCED(R"([[{"id":"1","weight":0.0,"text":"","location":[]}],
                    [{"id":"1","weight":2,"text":"t","location":[1],"offset":3,"adjacency":2,
                      "granularity":1,"parent_id":"p","modality":"m"}]])",
                R"([{"id":"1","weight":2,"text":"t","location":[1],"offset":3,"adjacency":2,
                     "granularity":1,"modality":"m"}])");
}

TEST_CASE("many partial lists are folded from left to right") {
  CHECK_REDUCED(
      R"([[{"id":"1","text":"a"}],[{"id":"2","text":"b"}],[{"id":"1","uri":"u"},{"id":"3"}],
                    [{"id":"2","weight":0.5},{"id":"3","text":"c"},{"id":"4"}]])",
      R"([{"id":"1","text":"a","uri":"u"},{"id":"2","text":"b","weight":0.5},
                    {"id":"3","text":"c"},{"id":"4"}])");
}

TEST_CASE("documents without an id are never the same") {
  CHECK_REDUCED(R"([[{"text":"a"}],[{"text":"b"},{"text":"a"}]])",
                R"([{"text":"a"},{"text":"b"},{"text":"a"}])");
}

TEST_CASE("no part and one part come back as they are") {
  CHECK(reduce_all({}).empty());
  CHECK_REDUCED(R"([[{"id":"a","text":"1"},{"id":"a","uri":"2"}]])",
                R"([{"id":"a","text":"1"},{"id":"a","uri":"2"}])");
}

TEST_CASE("lists long enough for an index give the same answer") {
  std::string left = "[";
  std::string right = "[";
  std::string expected = "[";
  for (int i = 0; i < 40; ++i) {
    const std::string comma = i == 0 ? "" : ",";
    const std::string id = R"({"id":")" + std::to_string(i) + "\"";
    left += comma + id + R"(,"text":"t"})";
    right += comma + R"({"id":")" + std::to_string(39 - i) + R"(","uri":"u"})";
    expected += comma + id + R"(,"text":"t","uri":"u"})";
  }
  left += R"(,{"id":"0","modality":"second"},{"text":"no id"}])";
  right += R"(,{"id":"new"},{"id":"new","text":"x"}])";
  // The last document with id 0 is merged, the first one stays as it was.
  expected.replace(expected.find(R"(,"uri":"u"})"), 11, "}");
  expected +=
      R"(,{"id":"0","modality":"second","uri":"u"},{"text":"no id"},{"id":"new","text":"x"}])";
  CHECK_REDUCED("[" + left + "," + right + "]", expected);
}

TEST_CASE("documents that gain nothing stay untouched blobs") {
  const DocumentList left = wire::travelled(DocumentList({wire::full_document()}));
  DocumentList same = left;
  reduce(same, wire::travelled(DocumentList({wire::full_document()})));
  REQUIRE(same.size() == 1);
  CHECK(same[0].encoded());
  CHECK(same.encode().data() == left.encode().data());

  DocumentList apart = wire::travelled(list_of(R"([{"id":"a"},{"id":"b"}])"));
  reduce(apart, wire::travelled(list_of(R"([{"id":"c"},{"id":"b"},{"id":"d","text":"t"}])")));
  REQUIRE(apart.size() == 4);
  for (const Document& document : apart)
    CHECK(document.encoded());
}

TEST_CASE("only the document that gains something is decoded, and its children are not") {
  DocumentList list = wire::travelled(list_of(R"([{"id":"a","matches":[{"id":"m"}]},{"id":"b"}])"));
  reduce(list, wire::travelled(list_of(R"([{"id":"a","text":"t","matches":[{"id":"m"}]}])")));
  CHECK_FALSE(list[0].encoded());
  CHECK(list[0].matches()[0].encoded());
  CHECK(list[1].encoded());
}

TEST_CASE("an empty left list takes over the right one") {
  const DocumentList right = wire::travelled(list_of(R"([{"id":"a"},{"id":"b"}])"));
  DocumentList left;
  reduce(left, right);
  CHECK(left.encode().data() == right.encode().data());
  CHECK(reduce_all({DocumentList(), right, DocumentList()}).encode().data() ==
        right.encode().data());
}

}  // namespace flow::route
