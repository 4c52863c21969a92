#include "wire/document_ids.h"

#include <doctest/doctest.h>

#include <set>

using flow::wire::Document;
using flow::wire::DocumentIds;
using flow::wire::DocumentList;

TEST_CASE("documents, chunks and matches without an id get one, the others keep theirs") {
  Document parent;
  parent.set_text("parent");
  parent.add_chunk(Document());
  parent.add_match(Document());
  Document named;
  named.set_id("mine");
  DocumentList list({parent, named});

  DocumentIds ids(7);
  CHECK(ids.fill(list));

  CHECK(list[0].id().size() == 16);
  CHECK(list[0].chunks()[0].id().size() == 16);
  CHECK(list[0].chunks()[0].parent_id() == list[0].id());
  CHECK(list[0].matches()[0].id().size() == 16);
  CHECK(list[1].id() == "mine");
  CHECK_FALSE(ids.fill(list));
}

TEST_CASE("a list whose documents all have ids stays the very same bytes") {
  Document named;
  named.set_id("a");
  const flow::Bytes payload = DocumentList({named}).encode();
  auto list = DocumentList::open(payload);
  REQUIRE(list.ok());
  DocumentIds ids(7);
  CHECK_FALSE(ids.fill(*list));
  CHECK(list->encode().data() == payload.data());
}

TEST_CASE("verify tells whether an id is missing anywhere") {
  Document named;
  named.set_id("a");
  CHECK(*DocumentList::verify(DocumentList({named}).encode()));
  CHECK(*DocumentList::verify({}));
  CHECK_FALSE(*DocumentList::verify(DocumentList({named, Document()}).encode()));
  named.add_match(Document());
  CHECK_FALSE(*DocumentList::verify(DocumentList({named}).encode()));
}

TEST_CASE("ids do not repeat") {
  DocumentIds ids(1);
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i)
    seen.insert(ids.next());
  CHECK(seen.size() == 10'000);
}
