#include "contents.h"

#include <doctest/doctest.h>

#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;

using Texts = std::vector<std::string>;
constexpr std::size_t kLimit = 1U << 20;

DocumentsMatrix two_parts() {
  DocumentsMatrix matrix;
  matrix.push_back({"a", *Documents::open(documents({"1", "2"}))});
  matrix.push_back({"b", *Documents::open(documents({"2"}))});
  return matrix;
}

}  // namespace

TEST_CASE("a payload nobody looks at goes on even if it would not verify") {
  Contents contents;
  const Bytes payload = Bytes::copy_of(std::string_view("opaque"));
  contents.reset(payload);

  CHECK(*contents.finish(kLimit) == payload);
}

TEST_CASE("a payload that was only read goes on as the same bytes") {
  Contents contents;
  const Bytes payload = documents({"x"});
  contents.reset(payload);
  REQUIRE((*contents.documents())->size() == 1);

  CHECK(contents.finish(kLimit)->data() == payload.data());
}

TEST_CASE("a payload that does not verify fails when it is opened") {
  Contents contents;
  contents.reset(Bytes::copy_of(std::string_view("opaque")));

  CHECK(contents.documents().error().code == Errc::kInvalidArgument);
  contents.reset(Bytes::copy_of(std::string_view("opaque")));
  CHECK_FALSE(contents.matrix().ok());
}

TEST_CASE("unreduced parts become one list, in order, when asked for one") {
  Contents contents;
  contents.reset(two_parts());

  CHECK((*contents.documents())->size() == 3);
  CHECK(texts_of(*contents.finish(kLimit)) == Texts{"1", "2", "2"});
}

TEST_CASE("a single list is one part, named after the first need") {
  Contents contents;
  contents.set_first_need("encode");
  contents.reset(documents({"x"}));

  const Result<DocumentsMatrix*> matrix = contents.matrix();

  REQUIRE(matrix.ok());
  REQUIRE((*matrix)->size() == 1);
  CHECK((**matrix)[0].source == "encode");
  CHECK(texts_of(*contents.finish(kLimit)) == Texts{"x"});
}

TEST_CASE("an answer replaces everything, and no documents are no payload") {
  Contents contents;
  contents.reset(two_parts());
  contents.answer(*Documents::open(documents({"new"})));
  CHECK(texts_of(*contents.finish(kLimit)) == Texts{"new"});

  contents.reset(documents({"x"}));
  contents.answer(Documents());
  CHECK(contents.finish(kLimit)->empty());
}

TEST_CASE("one job leaves nothing behind for the next") {
  Contents contents;
  contents.reset(two_parts());
  REQUIRE(contents.finish(kLimit).ok());

  contents.reset(Bytes());

  CHECK((*contents.documents())->empty());
  CHECK(contents.finish(kLimit)->empty());
}

TEST_CASE("a payload at the limit passes, one above it does not") {
  Contents contents;
  const Bytes payload = documents({"x"});
  contents.reset(payload);
  CHECK(contents.finish(payload.size()).ok());

  contents.reset(payload);
  CHECK(contents.finish(payload.size() - 1).error().code == Errc::kTooLarge);
}

TEST_CASE("a document that a handler made without an id gets one") {
  flow::worker::Contents contents(7);
  contents.reset(flow::Bytes());
  auto documents = contents.documents();
  REQUIRE(documents.ok());
  (*documents)->push_back(flow::Document());
  const auto finished = contents.finish(1U << 20);
  REQUIRE(finished.ok());
  const auto list = flow::Documents::open(*finished);
  REQUIRE(list.ok());
  CHECK((*list)[0].id().size() == 16);
}
