#include "wire/document_json.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/wire/sample_document.h"

namespace flow::wire {
namespace {

Document parsed(std::string_view text) {
  Result<Document> document = document_from_json(text);
  REQUIRE_MESSAGE(document.ok(), (document ? std::string() : document.error().message));
  return *std::move(document);
}

std::string refusal(std::string_view text) {
  const Result<Document> document = document_from_json(text);
  if (document) return "accepted";
  CHECK(document.error().code == Errc::kInvalidArgument);
  return document.error().message;
}

}  // namespace

TEST_CASE("a document prints its set fields in a stable order") {
  Document document = full_document();
  document.change().chunks.clear();
  CHECK(to_json(document) ==
        R"({"id":"doc-1","text":"Zürich","blob":"AAH+",)"
        R"("tensor":{"dtype":"int16","shape":[3,1],"data":"AQACAP//"},)"
        R"("embedding":[0.5,-1.25,0,3e+30,1],"uri":"file:///a.png","mime_type":"image/png",)"
        R"("modality":"image","weight":0.25,"tags":{"null":null,"yes":true,"no":false,"int":5,)"
        R"("min":-9223372036854775808,"double":5.0,"string":"s","empty":"",)"
        R"("list":[1,"two",[],{"deep":3.5}],"map":{"a":{}}},)"
        R"("matches":[{"id":"match-1","text":"other","adjacency":4}],)"
        R"("scores":{"cosine":{"value":0.75,"description":"of the text"},"bm25":{"value":0}},)"
        R"("evaluations":{"recall":{"value":1}},"parent_id":"root","granularity":2,)"
        R"("adjacency":3,"offset":-1.5,"location":[1.0,2.5,-3.0]})");
  CHECK(to_json(Document()) == "{}");
}

TEST_CASE("every field reads back from JSON, encoded or not") {
  const Document document = full_document();
  CHECK(parsed(to_json(document)) == document);
  CHECK(to_json(travelled(document)) == to_json(document));
}

TEST_CASE("nested lists are float32 tensors with a shape") {
  const Document document = parsed(R"({"tensor":[[1,2,3],[4,5,6.5]],"embedding":[]})");
  CHECK(document.tensor()->dtype == DType::kFloat32);
  CHECK(document.tensor()->shape == std::vector<std::uint64_t>{2, 3});
  CHECK(document.tensor()->floats()[5] == 6.5F);
  CHECK(document.embedding()->shape == std::vector<std::uint64_t>{0});
  CHECK(to_json(document) == R"({"tensor":[[1,2,3],[4,5,6.5]],"embedding":[]})");
  CHECK(to_json(parsed(R"({"tensor":[[[1],[2]]]})")) == R"({"tensor":[[[1],[2]]]})");
  CHECK(to_json(parsed(R"({"tensor":2.5})")) == R"({"tensor":2.5})");
}

TEST_CASE("tensors that lists cannot say print as objects and read back") {
  Document document;
  document.set_embedding(std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
  CHECK(to_json(document) == R"({"embedding":{"dtype":"float32","shape":[1],"data":"AADAfw=="}})");
  document.change().embedding = Tensor{.dtype = DType::kFloat32, .shape = {0, 3}, .data = {}};
  CHECK(parsed(to_json(document)) == document);
  for (int type = 0; type < kDTypeCount; ++type) {
    const auto dtype = static_cast<DType>(type);
    document.change().embedding =
        Tensor{.dtype = dtype, .shape = {2}, .data = std::vector<std::byte>(2 * size_of(dtype))};
    CHECK(parsed(to_json(document)) == document);
    CHECK(parse_dtype(to_string(dtype)) == dtype);
  }
}

TEST_CASE("tag numbers keep their kind") {
  const Document document = parsed(R"({"tags":{"a":5,"b":5.0}})");
  CHECK(*document.tags().find("a") == Value(5));
  CHECK(*document.tags().find("b") == Value(5.0));
}

TEST_CASE("a missing id stays empty") {
  CHECK(parsed("{}").id().empty());
}

TEST_CASE("an unknown field is named with what was meant") {
  CHECK(refusal(R"({"txt":"a"})") == R"(unknown field "txt", did you mean "text"?)");
  CHECK(refusal(R"({"colour":"a"})") == R"(unknown field "colour")");
  CHECK(refusal(R"({"chunks":[{},{"wieght":1}]})") ==
        R"(chunks[1]: unknown field "wieght", did you mean "weight"?)");
  CHECK(refusal(R"({"scores":{"a":{"valeu":1}}})") ==
        R"(scores.a: unknown field "valeu", did you mean "value"?)");
  CHECK(
      refusal(R"({"tensor":{"type":"int8","shape":[],"data":""}})").starts_with("tensor: unknown"));
}

TEST_CASE("a wrong value is refused with its path and what was expected") {
  CHECK(refusal("[]") == "document: expected a document (a map), got list");
  CHECK(refusal("{").starts_with("bad JSON at column"));
  CHECK(refusal(R"({"id":1})") == "id: expected a string, got int");
  CHECK(refusal(R"({"text":null})") == "text: expected a string, got null");
  CHECK(refusal(R"({"chunks":[{"weight":"x"}]})") ==
        "chunks[0].weight: expected a number, got string");
  CHECK(refusal(R"({"blob":"a"})") == "blob: expected base64 with padding");
  CHECK(refusal(R"({"granularity":-1})") ==
        "granularity: expected a whole number from 0 to 4294967295");
  CHECK(refusal(R"({"adjacency":1.5})").starts_with("adjacency: expected a whole number"));
  CHECK(refusal(R"({"tags":[]})") == "tags: expected a map, got list");
  CHECK(refusal(R"({"location":[1,"x"]})") == "location[1]: expected a number, got string");
  CHECK(refusal(R"({"matches":{}})") == "matches: expected a list of documents, got map");
  CHECK(refusal(R"({"scores":{"a":0.5}})").starts_with("scores.a: expected {"));
  CHECK(refusal(R"({"scores":{"a":{}}})") == "scores.a: \"value\" is missing");
  CHECK(refusal(R"({"id":")" + std::string(257, 'x') + "\"}").starts_with("id: 257 bytes"));
  CHECK(refusal(R"({"id":"a\nb"})") == "id: a control character");
}

TEST_CASE("a tensor that does not add up is refused") {
  for (const char* bad : {"[[1],[1,2]]", "[1,[2]]", "[[1],2]", "[[],[1]]", "[[[]],[]]"}) {
    CAPTURE(bad);
    CHECK(refusal(std::string(R"({"tensor":)") + bad + "}").find("different") != std::string::npos);
  }
  CHECK(refusal(R"({"tensor":["a"]})") == "tensor: expected numbers, got string");
  CHECK(refusal(R"({"tensor":[1e300]})").find("float32") != std::string::npos);
  const auto object = [](std::string_view fields) {
    return refusal(R"({"tensor":{)" + std::string(fields) + "}}");
  };
  CHECK(object(R"("dtype":"int8","shape":[2],"data":"AAA=")") == "accepted");
  CHECK(object(R"("dtype":"int8","shape":[3],"data":"AAA=")").find("2 bytes") != std::string::npos);
  CHECK(object(R"("dtype":"int9","shape":[2],"data":"AAA=")").starts_with("tensor.dtype"));
  CHECK(object(R"("dtype":"int8","shape":[-1],"data":"AAA=")").starts_with("tensor.shape"));
  CHECK(object(R"("dtype":"int8","shape":[4294967296,4294967296],"data":"")").find("0 bytes") !=
        std::string::npos);
  CHECK(object(R"("dtype":"int8","shape":[2])") == "tensor: \"data\" is missing");
}

}  // namespace flow::wire
