// Between a Document and its encoded form, for the sources of this folder.
#pragma once

#include <schemas/document_generated.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/document.h"

namespace flow::wire {

using DocumentTable = fbs::Document;

const DocumentTable* table_of(const Document& document);
const DocumentFields* fields_of(const Document& document);

// The door to a Document's private side.
struct Document::Blob {
  // A verified blob of `buffer`, or (size 0) a verified table inside of one.
  static Document open(std::shared_ptr<const Bytes> buffer, std::size_t offset, std::size_t size);

  // The table of an encoded document; nullptr when it is decoded or empty.
  static const DocumentTable* table(const Document& document) {
    if (document.fields_ != nullptr || document.buffer_ == nullptr) return nullptr;
    const std::byte* start = document.buffer_->data() + document.offset_;
    return document.size_ == 0 ? reinterpret_cast<const DocumentTable*>(start)
                               : flatbuffers::GetRoot<DocumentTable>(start);
  }

  // The table of an encoded document, the fields of a decoded one, for other sources here; nullptr
  // when it has the other form or is empty.
  friend const DocumentTable* table_of(const Document& document) { return table(document); }
  friend const DocumentFields* fields_of(const Document& document) { return fields(document); }
  static const DocumentFields* fields(const Document& document) { return document.fields_.get(); }

  // The children of an encoded document: views into the same buffer.
  static std::vector<Document> children(
      const Document& parent,
      const flatbuffers::Vector<flatbuffers::Offset<DocumentTable>>* vector);

  static DocumentFields decode(const Document& document, const DocumentTable& table);

  static flatbuffers::Offset<DocumentTable> build(flatbuffers::FlatBufferBuilder& builder,
                                                  const Document& document);

  // About how many bytes build() needs.
  static std::size_t estimate(const Document& document);

  // Verifies a blob whose start is aligned to 8. Nothing when it may be read.
  static std::optional<std::string> fault(std::span<const std::byte> blob);

  // Of a verified blob: whether it and all its chunks and matches have an id.
  static bool has_ids(std::span<const std::byte> blob);
};

// What a look at a blob says of a document that has numbers, texts and bytes alone, as most have.
// At any alignment.
struct PlainLook {
  bool sound = false;   // fault() has nothing to say of it; false says nothing
  bool has_id = false;  // if it is sound
};
PlainLook look_at_plain(std::span<const std::byte> blob);

bool has_control_character(std::string_view text);

std::optional<Tensor> read_tensor(const fbs::Tensor* tensor);
std::vector<NamedScore> read_scores(
    const flatbuffers::Vector<flatbuffers::Offset<fbs::NamedScore>>* scores);

}  // namespace flow::wire
