#include "wire/document_list.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/wire/sample_document.h"

namespace flow::wire {
namespace {

DocumentList numbered(int count) {
  DocumentList list;
  for (int i = 0; i < count; ++i) {
    list.push_back(text_document("d" + std::to_string(i), "text " + std::to_string(i)));
  }
  return list;
}

DocumentList opened(const Bytes& payload) {
  Result<DocumentList> list = DocumentList::open(payload);
  REQUIRE_MESSAGE(list.ok(), (list ? std::string() : list.error().message));
  return *std::move(list);
}

std::string refusal(const Bytes& payload) {
  const Result<DocumentList> list = DocumentList::open(payload);
  if (list) return "accepted";
  CHECK(list.error().code == Errc::kInvalidArgument);
  return list.error().message;
}

std::string refusal(Document document) {
  return refusal(DocumentList({text_document("ok", ""), std::move(document)}).encode());
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The bytes at another place in memory, `shift` behind an aligned one.
Bytes shifted(const Bytes& payload, std::size_t shift) {
  std::vector<std::byte> moved(shift);
  moved.insert(moved.end(), payload.data(), payload.data() + payload.size());
  return Bytes::take(std::move(moved)).slice(shift, payload.size());
}

// The payload with its 32-bit word at `offset` replaced.
Bytes patched(const Bytes& payload, std::size_t offset, std::uint32_t word) {
  std::vector<std::byte> bytes(payload.data(), payload.data() + payload.size());
  std::memcpy(bytes.data() + offset, &word, sizeof word);
  return Bytes::take(std::move(bytes));
}

std::uint32_t word_at(const Bytes& payload, std::size_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, payload.data() + offset, sizeof word);
  return word;
}

// The bytes of one document's blob inside of a payload.
std::string_view blob_of(const Bytes& payload, std::size_t index) {
  return payload.text().substr(word_at(payload, 8 + 8 * index), word_at(payload, 12 + 8 * index));
}

}  // namespace

TEST_CASE("no documents are no bytes") {
  CHECK(DocumentList().encode().empty());
  CHECK(opened(Bytes()).empty());
  CHECK(DocumentList::count(Bytes()) == 0);
}

TEST_CASE("one, many and a list at the limit come back as they were") {
  for (const int count : {1, 2, 17, 65'536}) {
    const DocumentList list = numbered(count);
    const Bytes payload = list.encode();
    const DocumentList copy = opened(payload);
    REQUIRE(copy.size() == list.size());
    CHECK(copy[0] == list[0]);
    CHECK(copy[copy.size() - 1] == list[list.size() - 1]);
    CHECK(DocumentList::count(payload) == static_cast<std::size_t>(count));
  }
}

TEST_CASE("a list passed on unchanged is the very same bytes") {
  const Bytes payload = numbered(3).encode();
  DocumentList list = opened(payload);
  CHECK(list[1].text() == "text 1");
  CHECK(list.encode().data() == payload.data());
  const DocumentList copy = list;
  CHECK(copy.encode().data() == payload.data());
}

TEST_CASE("an unaligned payload is read too and passed on as it came") {
  for (std::size_t shift = 1; shift < 16; ++shift) {
    const Bytes payload = shifted(DocumentList({full_document()}).encode(), shift);
    const DocumentList list = opened(payload);
    CHECK(list[0] == full_document());
    CHECK(list.encode().data() == payload.data());
  }
}

TEST_CASE("only changed documents are encoded anew") {
  const Bytes payload =
      DocumentList({full_document(), text_document("b", "x"), full_document()}).encode();
  DocumentList list = opened(payload);
  list[1].set_text("changed");
  CHECK(list[0].encoded());
  const Bytes next = list.encode();
  CHECK(blob_of(next, 0) == blob_of(payload, 0));
  CHECK(blob_of(next, 2) == blob_of(payload, 2));
  CHECK(opened(next)[1].text() == "changed");
}

TEST_CASE("filtering, reordering and concatenating copy blobs") {
  const Bytes first = numbered(4).encode();
  const Bytes second = DocumentList({full_document()}).encode();
  DocumentList list = opened(first);
  DocumentList other = opened(second);
  list.erase(list.begin() + 1);
  std::swap(list[0], list[2]);
  list.push_back(std::move(other[0]));
  for (const Document& document : list)
    CHECK(document.encoded());
  const Bytes joined = list.encode();
  REQUIRE(DocumentList::count(joined) == 4);
  CHECK(blob_of(joined, 0) == blob_of(first, 3));
  CHECK(blob_of(joined, 1) == blob_of(first, 2));
  CHECK(blob_of(joined, 2) == blob_of(first, 0));
  CHECK(blob_of(joined, 3) == blob_of(second, 0));
}

TEST_CASE("a removed or a repeated document is not taken for an unchanged list") {
  const Bytes payload = numbered(2).encode();
  DocumentList shorter = opened(payload);
  shorter.erase(shorter.begin() + 1);
  CHECK(opened(shorter.encode()).size() == 1);
  DocumentList repeated = opened(payload);
  repeated[1] = repeated[0];
  CHECK(opened(repeated.encode())[1].id() == "d0");
  DocumentList cleared = opened(payload);
  cleared.clear();
  CHECK(cleared.encode().empty());
}

TEST_CASE("documents outlive the list they came from") {
  Document document;
  {
    DocumentList list = opened(numbered(2).encode());
    document = std::move(list[1]);
  }
  CHECK(document.id() == "d1");
}

TEST_CASE("the size of a list is known about without encoding it") {
  CHECK(DocumentList().estimated_size() == 0);
  const Bytes payload = DocumentList({full_document()}).encode();
  DocumentList list = opened(payload);
  CHECK(list.estimated_size() == payload.size());
  list[0].set_blob(std::string(1'000'000, 'b'));
  list.push_back(full_document().chunks()[0]);
  const std::size_t size = list.encode().size();
  CHECK(list.estimated_size() >= size);
  CHECK(list.estimated_size() < size + 10'000);
}

TEST_CASE("find gives the first document with an id") {
  DocumentList list({text_document("a", "1"), text_document("b", "2"), text_document("b", "3")});
  CHECK(list.find("b")->text() == "2");
  CHECK(list.find("c") == nullptr);
}

TEST_CASE("a broken frame is refused") {
  const Bytes payload = numbered(2).encode();
  CHECK(contains(refusal(Bytes::copy_of("FDL2....")), "FDL1"));
  CHECK(contains(refusal(payload.slice(0, 7)), "FDL1"));
  CHECK(contains(refusal(payload.slice(0, 20)), "too short for 2 documents"));
  CHECK(contains(refusal(payload.slice(0, payload.size() - 1)), "document 1"));
  CHECK(contains(refusal(patched(payload, 4, 65'537)), "65537 documents"));
  CHECK(contains(refusal(patched(payload, 8, word_at(payload, 8) + 4)), "document 0"));
  CHECK(contains(refusal(patched(payload, 16, word_at(payload, 8))), "document 1"));
  CHECK(contains(refusal(patched(payload, 8, 0)), "document 0"));
  CHECK(contains(refusal(patched(payload, 8, 0xFFFFFFF0)), "document 0"));
  CHECK(contains(refusal(patched(payload, 12, 0xFFFFFFFF)), "document 0"));
  CHECK(contains(refusal(patched(payload, 12, 0)), "document 0"));
  CHECK_FALSE(DocumentList::count(payload.slice(0, 20)));
}

TEST_CASE("a document that breaks the rules is refused and named") {
  Document document = text_document("x", "");
  CHECK(refusal(document) == "accepted");

  Document id = document;
  id.set_id(std::string(256, 'x'));
  CHECK(refusal(id) == "accepted");
  id.set_id(std::string(257, 'x'));
  CHECK(contains(refusal(id), "document 1: id has 257 bytes"));
  id.set_id("a\nb");
  CHECK(contains(refusal(id), "document 1: id has a control character"));

  Document tensor = document;
  tensor.change().embedding = Tensor{.dtype = DType::kFloat64, .shape = {2, 3}, .data = {}};
  CHECK(contains(refusal(tensor), "document 1: embedding has 0 bytes of data"));
  tensor.change().embedding->data.resize(48);
  CHECK(refusal(tensor) == "accepted");
  tensor.change().embedding->shape = {1ULL << 61, 1ULL << 61};
  CHECK(contains(refusal(tensor), "2^64"));

  Document repeated = document;
  repeated.change().scores = {{"a", 1, ""}, {"a", 2, ""}};
  CHECK(contains(refusal(repeated), "scores has the name \"a\" twice"));
  ValueMap twice;
  twice.append("k", 1);
  twice.append("k", 2);
  Document tags = document;
  tags.change().tags = twice;
  CHECK(contains(refusal(tags), "tags: a map with the key \"k\" twice"));

  Document nested = document;
  Document chunk = text_document("c", "");
  chunk.change().matches.push_back(id);
  nested.change().chunks = {document, chunk};
  CHECK(contains(refusal(nested), "document 1: chunks[1]: matches[0]: id has a control"));
}

TEST_CASE("chunks and matches may be nested 32 deep") {
  Document document = text_document("leaf", "");
  for (int depth = 1; depth < kMaxDocumentDepth; ++depth) {
    Document parent = text_document("p", "");
    parent.change().chunks.push_back(std::move(document));
    document = std::move(parent);
  }
  CHECK(refusal(document) == "accepted");
  Document parent;
  parent.change().matches.push_back(std::move(document));
  CHECK(contains(refusal(parent), "deeper than 32"));
}

TEST_CASE("a list of many large changed documents is encoded in order") {
  DocumentList list;
  for (int i = 0; i < 50; ++i) {
    Document document = full_document();
    document.set_id(std::to_string(i));
    document.set_embedding(std::vector<float>(static_cast<std::size_t>(i) * 37, 0.5F));
    list.push_back(std::move(document));
  }
  const DocumentList copy = opened(list.encode());
  for (std::size_t i = 0; i < 50; ++i)
    CHECK(copy[i] == list[i]);
}

}  // namespace flow::wire
