#include "wire/document.h"

#include <doctest/doctest.h>

#include <cstdint>

#include "tests/wire/sample_document.h"

namespace flow::wire {

TEST_CASE("an empty document has every field at its default") {
  const Document document;
  CHECK(document.id().empty());
  CHECK(document.weight() == 0);
  CHECK_FALSE(document.has_tensor());
  CHECK(document.embedding_floats().empty());
  CHECK(document.tags().empty());
  CHECK(document.chunks().empty());
  CHECK(document.chunk_count() == 0);
  CHECK_FALSE(document.score("cosine"));
  CHECK_FALSE(document.encoded());
  CHECK(document == Document(DocumentFields{}));
}

TEST_CASE("every field survives the wire") {
  const Document document = full_document();
  const Document copy = travelled(document);
  REQUIRE(copy.encoded());
  CHECK(copy == document);
  CHECK(copy.id() == "doc-1");
  CHECK(copy.parent_id() == "root");
  CHECK(copy.granularity() == 2);
  CHECK(copy.adjacency() == 3);
  CHECK(copy.text() == "Z\xC3\xBCrich");
  CHECK(copy.blob() == std::string_view("\x00\x01\xFE", 3));
  CHECK(copy.uri() == "file:///a.png");
  CHECK(copy.mime_type() == "image/png");
  CHECK(copy.modality() == "image");
  CHECK(copy.weight() == 0.25);
  CHECK(copy.offset() == -1.5);
  CHECK(copy.location() == std::vector<double>{1.0, 2.5, -3.0});
  CHECK(copy.tensor() == document.tensor());
  CHECK(copy.embedding() == document.embedding());
  CHECK(copy.embedding_floats().size() == 5);
  CHECK(copy.embedding_floats()[1] == -1.25F);
  CHECK(copy.tags() == document.tags());
  CHECK(copy.tags().find("int")->kind() == Value::Kind::kInt);
  CHECK(copy.tags().find("double")->kind() == Value::Kind::kDouble);
  CHECK(copy.scores() == document.scores());
  CHECK(copy.score("bm25") == 0.0);
  CHECK(copy.evaluations() == document.evaluations());
  CHECK(copy.tag_count() == 10);
  CHECK(copy.chunk_count() == 2);
  CHECK(copy.match_count() == 1);
  CHECK(copy.score_count() == 2);
  CHECK(copy.evaluation_count() == 1);
  CHECK(copy.location_count() == 3);
  CHECK(copy.chunks()[0].matches()[0].text() == "near");
  CHECK(copy.chunks()[1].parent_id() == "doc-1");
}

TEST_CASE("tags may hold bytes") {
  Document document;
  document.set_tag("raw", ByteString{std::string("\x00\xFF", 2)});
  CHECK(travelled(document).tags() == document.tags());
}

TEST_CASE("tensor data is aligned to 16 inside of a blob") {
  DocumentList list;
  for (int i = 0; i < 5; ++i) {
    Document document = text_document(std::string(static_cast<std::size_t>(i), 'x'), "t");
    document.set_embedding(std::vector<float>(static_cast<std::size_t>(i) + 1, 1.0F));
    list.push_back(std::move(document));
  }
  for (const Document& document : travelled(list)) {
    CHECK(reinterpret_cast<std::uintptr_t>(document.embedding_floats().data()) % 16 == 0);
  }
}

TEST_CASE("a tensor of no elements is set all the same") {
  Document document;
  document.set_embedding({});
  CHECK(document.has_embedding());
  const Document copy = travelled(document);
  CHECK(copy.has_embedding());
  CHECK(copy.embedding()->shape == std::vector<std::uint64_t>{0});
}

TEST_CASE("a change leaves the blob and its copies alone") {
  Document document = travelled(full_document());
  const Document copy = document;
  document.set_text("new");
  CHECK_FALSE(document.encoded());
  CHECK(copy.encoded());
  CHECK(copy.text() == "Z\xC3\xBCrich");
  CHECK(document.text() == "new");
  CHECK(document != copy);
  document.set_text(copy.text());
  CHECK(document == copy);
}

TEST_CASE("setting one field never changes another") {
  Document document = travelled(full_document());
  document.set_text("new");
  document.set_blob("bytes");
  document.set_embedding(std::vector<float>{1.0F});
  document.set_tag("int", 6);
  document.set_score("cosine", 0.5);
  CHECK(document.tensor() == full_document().tensor());
  CHECK(document.mime_type() == "image/png");
  CHECK(document.tags().size() == 10);
  CHECK(document.scores().size() == 2);
  CHECK(document.score("cosine") == 0.5);
  CHECK(document.chunks() == full_document().chunks());
}

TEST_CASE("children know their place below the parent") {
  Document parent = text_document("p", "");
  parent.change().granularity = 1;
  parent.change().adjacency = 4;
  parent.add_chunk(text_document("c", ""));
  parent.add_match(text_document("m", ""));
  CHECK(parent.chunks()[0].granularity() == 2);
  CHECK(parent.chunks()[0].parent_id() == "p");
  CHECK(parent.chunks()[0].adjacency() == 0);
  CHECK(parent.matches()[0].adjacency() == 5);
  CHECK(parent.matches()[0].parent_id().empty());
}

TEST_CASE("a child of an encoded document outlives it and can stand on its own") {
  Document child;
  {
    const Document parent = travelled(full_document());
    child = parent.chunks()[0];
  }
  CHECK(child.encoded());
  CHECK(child.text() == "part");
  const Document alone = travelled(child);
  CHECK(alone == child);
  CHECK(alone.matches()[0].id() == "chunk-match-1");
}

TEST_CASE("a changed document keeps its unchanged children") {
  Document document = travelled(full_document());
  document.set_text("new");
  CHECK(document.chunks()[0].encoded());
  const Document again = travelled(document);
  CHECK(again.chunks() == full_document().chunks());
  CHECK(again.matches() == full_document().matches());
}

TEST_CASE("documents that differ in one field are different") {
  const Document document = full_document();
  const auto differs = [&document](auto change) {
    Document other = document;
    change(other.change());
    return other != document && travelled(other) != travelled(document);
  };
  using F = DocumentFields;
  CHECK(differs([](F& fields) { fields.weight = 1; }));
  CHECK(differs([](F& fields) { fields.location.pop_back(); }));
  CHECK(differs([](F& fields) { fields.tags.set("int", 5.0); }));
  CHECK(differs([](F& fields) { fields.embedding->dtype = DType::kInt32; }));
  CHECK(differs([](F& fields) { fields.scores[1].description = "x"; }));
  CHECK(differs([](F& fields) { fields.chunks[0].change().matches[0].set_text("x"); }));
  CHECK(differs([](F& fields) { fields.tensor.reset(); }));
}

}  // namespace flow::wire
