// A document: id, content, tags, numbers, chunks and matches.
//
// A Document is either *encoded* (a verified blob inside a received list; reading looks into it,
// nothing is decoded) or *decoded* (after the first change). Copies share an encoded blob. Passing
// on an unchanged document re-encodes nothing. A value type; one thread at a time.
//
// All fields are optional; the default ("", 0, empty) means "not set". Setting one field never
// changes another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/value.h"
#include "wire/tensor.h"

namespace flow::wire {

class Document;
class DocumentList;

// One named number of `scores` or `evaluations`.
struct NamedScore {
  std::string name;
  double value = 0;
  std::string description;
  friend bool operator==(const NamedScore&, const NamedScore&) = default;
};

// Every field of a document, decoded.
struct DocumentFields {
  std::string id;
  std::string parent_id;
  std::uint32_t granularity = 0;
  std::uint32_t adjacency = 0;
  std::string text;
  std::string blob;  // bytes
  std::optional<Tensor> tensor;
  std::optional<Tensor> embedding;
  std::string uri;
  std::string mime_type;
  std::string modality;
  double weight = 0;
  ValueMap tags;
  std::vector<Document> chunks;
  std::vector<Document> matches;
  std::vector<NamedScore> scores;       // names are unique
  std::vector<NamedScore> evaluations;  // names are unique
  double offset = 0;
  std::vector<double> location;
};

class Document {
 public:
  Document();  // empty; gets an id when it enters a flow without one
  explicit Document(DocumentFields fields);
  Document(const Document&);
  Document(Document&&) noexcept;
  Document& operator=(const Document&);
  Document& operator=(Document&&) noexcept;
  ~Document();

  // Cheap reads: views into the blob or the fields, valid until the document changes or dies.
  std::string_view id() const;
  std::string_view parent_id() const;
  std::uint32_t granularity() const;
  std::uint32_t adjacency() const;
  std::string_view text() const;
  std::string_view blob() const;
  std::string_view uri() const;
  std::string_view mime_type() const;
  std::string_view modality() const;
  double weight() const;
  double offset() const;
  bool has_tensor() const;
  bool has_embedding() const;
  // The numbers of a float32 embedding; empty when there is none or it has another type.
  std::span<const float> embedding_floats() const;

  // How many the list-like fields hold, without decoding them.
  std::size_t tag_count() const;
  std::size_t chunk_count() const;
  std::size_t match_count() const;
  std::size_t score_count() const;
  std::size_t evaluation_count() const;
  std::size_t location_count() const;

  // Reads that decode the field. Children of an encoded document are encoded too. For tags of an
  // encoded document each call decodes again.
  ValueMap tags() const;
  std::optional<Tensor> tensor() const;
  std::optional<Tensor> embedding() const;
  std::vector<Document> chunks() const;
  std::vector<Document> matches() const;
  std::vector<NamedScore> scores() const;
  std::vector<NamedScore> evaluations() const;
  std::vector<double> location() const;
  std::optional<double> score(std::string_view name) const;

  // All fields for reading; decodes them all when encoded.
  DocumentFields fields() const;

  // All fields for changing: the document is decoded, once, and will be encoded anew.
  DocumentFields& change();

  void set_id(std::string_view id) { change().id = id; }
  void set_text(std::string_view text) { change().text = text; }
  void set_blob(std::string_view bytes) { change().blob = bytes; }
  void set_embedding(std::span<const float> values) { change().embedding = Tensor::of(values); }
  void set_tag(std::string_view key, Value value) { change().tags.set(key, std::move(value)); }
  void set_score(std::string_view name, double value, std::string_view description = {});

  // Appends a child as the merge rules want it: a match gets adjacency = this one's + 1; a chunk
  // gets granularity = this one's + 1 and parent_id = this one's id.
  void add_match(Document match);
  void add_chunk(Document chunk);

  bool encoded() const;  // whether it still is an untouched blob

  // Same content, field by field (encoded or not).
  friend bool operator==(const Document& a, const Document& b);

 private:
  friend class DocumentList;
  struct Blob;
  std::unique_ptr<DocumentFields> fields_;  // set: decoded
  std::shared_ptr<const Bytes> buffer_;     // encoded: the whole list, aligned to 8
  std::uint32_t offset_ = 0;                // of the blob in the buffer
  std::uint32_t size_ = 0;                  // of the blob; 0: a table inside of one (a child)
};

}  // namespace flow::wire
