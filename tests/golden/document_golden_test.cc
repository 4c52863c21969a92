#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/wire/sample_document.h"

namespace flow::wire {
namespace {

// The bytes of a file of this folder.
std::string golden(const std::string& name) {
  std::ifstream file(std::string(FLOW_GOLDEN_DIR) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

DocumentList sample() {
  return DocumentList({full_document(), text_document("second", "another"), Document()});
}

}  // namespace

TEST_CASE("today's encoder writes the golden document list byte for byte") {
  CHECK(sample().encode().text() == golden("documents.bin"));
}

TEST_CASE("today's decoder reads the golden document list") {
  const std::string bytes = golden("documents.bin");
  REQUIRE_FALSE(bytes.empty());
  const Result<DocumentList> list = DocumentList::open(Bytes::copy_of(bytes));
  REQUIRE(list.ok());
  REQUIRE(list->size() == 3);
  CHECK((*list)[0] == full_document());
  CHECK((*list)[1].text() == "another");
  CHECK((*list)[2] == Document());
}

}  // namespace flow::wire
