#include "route/split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "wire/document_list.h"
#include "wire/document_select.h"

namespace {

using namespace flow;  // NOLINT: a test
using route::shard_of;
using route::Split;

wire::DocumentList list_of(const std::vector<std::string>& ids) {
  wire::DocumentList list;
  for (const std::string& id : ids) {
    wire::Document document;
    document.set_id(id);
    document.set_text("text of " + id);
    list.push_back(std::move(document));
  }
  return list;
}

std::string ids_of(const Bytes& payload) {
  const Result<wire::DocumentList> list = wire::DocumentList::open(payload);
  REQUIRE(list.ok());
  std::string ids;
  for (const wire::Document& document : *list) {
    CHECK(document.text() == "text of " + std::string(document.id()));
    ids += (ids.empty() ? "" : " ") + std::string(document.id());
  }
  return ids;
}

}  // namespace

TEST_CASE("a document's shard is the XXH3 of its id, whatever happens to the code") {
  CHECK(shard_of("", 65535) == 0x2D06800538D394C2ULL % 65535);
  CHECK(shard_of("a", 65535) == 0xE6C632B61E964E1FULL % 65535);
  CHECK(shard_of("a", 1) == 0);
  CHECK(shard_of("a", 4) == 3);
}

TEST_CASE("every document goes to the shard of its id, in the order of the request") {
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i)
    ids.push_back("document-" + std::to_string(i % 150));
  Split split;
  REQUIRE(split.deal(list_of(ids).encode(), 4).ok());
  std::size_t documents = 0;
  for (std::size_t shard = 0; shard < 4; ++shard) {
    std::string expected;
    for (const std::string& id : ids) {
      if (shard_of(id, 4) == shard) expected += (expected.empty() ? "" : " ") + id;
    }
    CHECK(ids_of(split.part(shard)) == expected);
    documents += wire::DocumentList::count(split.part(shard)).value();
  }
  CHECK(documents == 200);
}

TEST_CASE("a shard without documents gets no bytes, one that gets them all gets the same bytes") {
  const Bytes one = list_of({"a", "a"}).encode();
  Split split;
  REQUIRE(split.deal(one, 4).ok());
  CHECK(split.part(0).empty());
  CHECK(split.part(3).data() == one.data());
  REQUIRE(split.deal(Bytes(), 2).ok());
  CHECK(split.part(0).empty());
  CHECK(split.part(1).empty());
}

TEST_CASE("blobs are copied as they are, at any alignment") {
  const Bytes payload = list_of({"a", "b", "c", "d", "e"}).encode();
  std::vector<std::byte> shifted(payload.size() + 1);
  std::copy_n(payload.data(), payload.size(), shifted.data() + 1);
  const Bytes odd = Bytes::take(std::move(shifted)).slice(1, payload.size());
  Split one;
  Split other;
  REQUIRE(one.deal(payload, 3).ok());
  REQUIRE(other.deal(odd, 3).ok());
  for (std::size_t shard = 0; shard < 3; ++shard)
    CHECK(one.part(shard) == other.part(shard));
}

TEST_CASE("what is no list of documents is refused, and every part is the payload") {
  const Bytes text = Bytes::copy_of("no list");
  Split split;
  const Status dealt = split.deal(text, 2);
  REQUIRE_FALSE(dealt.ok());
  CHECK(dealt.error().code == Errc::kInvalidArgument);
  CHECK(split.part(0) == text);
  CHECK(split.part(1) == text);
}

TEST_CASE("a document that is cut or garbled is named or dealt, never read beyond its end") {
  const Bytes payload = list_of({"a", "some-longer-id", "c"}).encode();
  int refused = 0;
  for (std::size_t at = 8 + 3 * 8; at < payload.size(); ++at) {
    for (const unsigned char value : {0x00, 0x7F, 0xFF}) {
      std::vector<std::byte> bytes(payload.span().begin(), payload.span().end());
      bytes[at] = std::byte{value};
      Split split;
      const Status dealt = split.deal(Bytes::take(std::move(bytes)), 2);
      if (dealt) continue;
      ++refused;
      CHECK(dealt.error().message.find("document ") == 0);
    }
  }
  CHECK(refused > 0);
}
