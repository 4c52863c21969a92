// Documents for tests.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <utility>

#include "wire/document_list.h"

namespace flow::wire {

inline Document text_document(std::string id, std::string text) {
  DocumentFields fields;
  fields.id = std::move(id);
  fields.text = std::move(text);
  return Document(std::move(fields));
}

// A document in which every field and every kind of value is set.
inline Document full_document() {
  DocumentFields fields;
  fields.id = "doc-1";
  fields.parent_id = "root";
  fields.granularity = 2;
  fields.adjacency = 3;
  fields.text = "Z\xC3\xBCrich";
  fields.blob = std::string("\x00\x01\xFE", 3);
  fields.tensor = Tensor{.dtype = DType::kInt16,
                         .shape = {3, 1},
                         .data = {std::byte{1}, std::byte{0}, std::byte{2}, std::byte{0},
                                  std::byte{0xFF}, std::byte{0xFF}}};
  fields.embedding = Tensor::of(std::array<float, 5>{0.5F, -1.25F, 0.0F, 3e30F, 1.0F});
  fields.uri = "file:///a.png";
  fields.mime_type = "image/png";
  fields.modality = "image";
  fields.weight = 0.25;
  fields.tags = {{"null", nullptr},
                 {"yes", true},
                 {"no", false},
                 {"int", 5},
                 {"min", std::numeric_limits<std::int64_t>::min()},
                 {"double", 5.0},
                 {"string", "s"},
                 {"empty", ""},
                 {"list", ValueList{1, "two", ValueList{}, ValueMap{{"deep", 3.5}}}},
                 {"map", ValueMap{{"a", ValueMap{}}}}};
  fields.scores = {{"cosine", 0.75, "of the text"}, {"bm25", 0.0, ""}};
  fields.evaluations = {{"recall", 1.0, ""}};
  fields.offset = -1.5;
  fields.location = {1.0, 2.5, -3.0};
  Document document(std::move(fields));
  Document chunk = text_document("chunk-1", "part");
  chunk.add_match(text_document("chunk-match-1", "near"));
  document.add_chunk(std::move(chunk));
  document.add_chunk(text_document("chunk-2", ""));
  document.add_match(text_document("match-1", "other"));
  return document;
}

// A list after one trip over the wire.
inline DocumentList travelled(const DocumentList& list) {
  Result<DocumentList> opened = DocumentList::open(list.encode());
  return opened ? *std::move(opened) : DocumentList();
}

inline Document travelled(const Document& document) {
  DocumentList list = travelled(DocumentList({document}));
  return list.empty() ? Document() : list[0];
}

}  // namespace flow::wire
