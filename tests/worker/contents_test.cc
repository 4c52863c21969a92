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
  wire::DocumentIds ids(1);
  const Bytes payload = Bytes::copy_of(std::string_view("opaque"));
  contents.reset(payload);

  CHECK(*contents.finish(kLimit, ids) == payload);
}

TEST_CASE("a payload that was only read goes on as the same bytes") {
  Contents contents;
  wire::DocumentIds ids(1);
  const Bytes payload = documents({"x"});
  contents.reset(payload);
  REQUIRE((*contents.documents())->size() == 1);

  CHECK(contents.finish(kLimit, ids)->data() == payload.data());
}

TEST_CASE("a payload that does not verify fails when it is opened") {
  Contents contents;
  wire::DocumentIds ids(1);
  contents.reset(Bytes::copy_of(std::string_view("opaque")));

  CHECK(contents.documents().error().code == Errc::kInvalidArgument);
  contents.reset(Bytes::copy_of(std::string_view("opaque")));
  CHECK_FALSE(contents.matrix().ok());
}

TEST_CASE("unreduced parts become one list, in order, when asked for one") {
  Contents contents;
  wire::DocumentIds ids(1);
  contents.reset(two_parts());

  CHECK((*contents.documents())->size() == 3);
  CHECK(texts_of(*contents.finish(kLimit, ids)) == Texts{"1", "2", "2"});
}

TEST_CASE("a single list is one part, named after the first need") {
  Contents contents;
  wire::DocumentIds ids(1);
  contents.set_first_need("encode");
  contents.reset(documents({"x"}));

  const Result<DocumentsMatrix*> matrix = contents.matrix();

  REQUIRE(matrix.ok());
  REQUIRE((*matrix)->size() == 1);
  CHECK((**matrix)[0].source == "encode");
  CHECK(texts_of(*contents.finish(kLimit, ids)) == Texts{"x"});
}

TEST_CASE("an answer replaces everything, and no documents are no payload") {
  Contents contents;
  wire::DocumentIds ids(1);
  contents.reset(two_parts());
  contents.answer(*Documents::open(documents({"new"})));
  CHECK(texts_of(*contents.finish(kLimit, ids)) == Texts{"new"});

  contents.reset(documents({"x"}));
  contents.answer(Documents());
  CHECK(contents.finish(kLimit, ids)->empty());
}

TEST_CASE("a borrowed payload goes on where it lies, until somebody changes the documents") {
  Contents contents;
  wire::DocumentIds ids(1);
  Bytes payload = documents({"x"});
  const std::byte* data = payload.data();
  contents.borrow(payload);
  REQUIRE(contents.finish(kLimit, ids, payload).ok());
  CHECK(payload.data() == data);

  Bytes other;
  contents.borrow(payload);
  REQUIRE(contents.finish(kLimit, ids, other).ok());
  CHECK(other.data() == data);

  contents.borrow(payload);
  (**contents.documents())[0].set_text("y");
  REQUIRE(contents.finish(kLimit, ids, payload).ok());
  CHECK(texts_of(payload) == Texts{"y"});
}

TEST_CASE("a borrowed payload stays where documents are too large to go on") {
  Contents contents;
  wire::DocumentIds ids(1);
  Bytes payload = documents({"x"});
  const std::size_t size = payload.size();
  contents.borrow(payload);
  CHECK(contents.finish(size - 1, ids, payload).error().code == Errc::kTooLarge);
  CHECK(payload.size() == size);

  contents.borrow(payload);
  (**contents.documents())[0].set_text(std::string(1000, 'y'));
  CHECK(contents.finish(size, ids, payload).error().code == Errc::kTooLarge);
  CHECK(texts_of(payload) == Texts{"x"});
}

TEST_CASE("one job leaves nothing behind for the next") {
  Contents contents;
  wire::DocumentIds ids(1);
  contents.reset(two_parts());
  REQUIRE(contents.finish(kLimit, ids).ok());

  contents.reset(Bytes());

  CHECK((*contents.documents())->empty());
  CHECK(contents.finish(kLimit, ids)->empty());
}

TEST_CASE("a payload at the limit passes, one above it does not") {
  Contents contents;
  wire::DocumentIds ids(1);
  const Bytes payload = documents({"x"});
  contents.reset(payload);
  CHECK(contents.finish(payload.size(), ids).ok());

  contents.reset(payload);
  CHECK(contents.finish(payload.size() - 1, ids).error().code == Errc::kTooLarge);
}

TEST_CASE("a document that a handler made without an id gets one") {
  flow::worker::Contents contents;
  flow::wire::DocumentIds ids(7);
  contents.reset(flow::Bytes());
  auto documents = contents.documents();
  REQUIRE(documents.ok());
  (*documents)->push_back(flow::Document());
  const auto finished = contents.finish(1U << 20, ids);
  REQUIRE(finished.ok());
  const auto list = flow::Documents::open(*finished);
  REQUIRE(list.ok());
  CHECK((*list)[0].id().size() == 16);
}
