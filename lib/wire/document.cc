#include "wire/document.h"

#include <algorithm>
#include <utility>

#include "wire/document_codec_internal.h"
#include "wire/value_codec_internal.h"

namespace flow::wire {
namespace {

// Reads through `of_fields` or `of_table`, whichever form the document has; else a default.
template <typename Result, typename OfFields, typename OfTable>
Result read(const DocumentFields* fields, const DocumentTable* table, OfFields&& of_fields,
            OfTable&& of_table) {
  if (fields != nullptr) return of_fields(*fields);
  if (table != nullptr) return of_table(*table);
  return Result();
}

std::span<const float> floats_of(const fbs::Tensor* tensor) {
  if (tensor == nullptr || tensor->dtype() != fbs::DType::Float32) return {};
  const std::string_view data = view_of(tensor->data());
  return {reinterpret_cast<const float*>(data.data()), data.size() / sizeof(float)};
}

}  // namespace

// One line a field: its member of DocumentFields, and its accessor of the table.
#define FLOW_READ(type, name, from_fields, from_table)                    \
  type Document::name() const {                                           \
    return read<type>(                                                    \
        fields_.get(), Blob::table(*this),                                \
        [](const DocumentFields& fields) -> type { return from_fields; }, \
        [](const DocumentTable& table) -> type { return from_table; });   \
  }

FLOW_READ(std::string_view, id, fields.id, view_of(table.id()))
FLOW_READ(std::string_view, parent_id, fields.parent_id, view_of(table.parent_id()))
FLOW_READ(std::uint32_t, granularity, fields.granularity, table.granularity())
FLOW_READ(std::uint32_t, adjacency, fields.adjacency, table.adjacency())
FLOW_READ(std::string_view, text, fields.text, view_of(table.text()))
FLOW_READ(std::string_view, blob, fields.blob, view_of(table.blob()))
FLOW_READ(std::string_view, uri, fields.uri, view_of(table.uri()))
FLOW_READ(std::string_view, mime_type, fields.mime_type, view_of(table.mime_type()))
FLOW_READ(std::string_view, modality, fields.modality, view_of(table.modality()))
FLOW_READ(double, weight, fields.weight, table.weight())
FLOW_READ(double, offset, fields.offset, table.offset())
FLOW_READ(bool, has_tensor, fields.tensor.has_value(), table.tensor() != nullptr)
FLOW_READ(bool, has_embedding, fields.embedding.has_value(), table.embedding() != nullptr)
FLOW_READ(std::span<const float>, embedding_floats,
          fields.embedding ? fields.embedding->floats() : std::span<const float>(),
          floats_of(table.embedding()))
FLOW_READ(std::size_t, tag_count, fields.tags.size(),
          table.tags() == nullptr ? 0 : size_of(table.tags()->items()))
FLOW_READ(std::size_t, chunk_count, fields.chunks.size(), size_of(table.chunks()))
FLOW_READ(std::size_t, match_count, fields.matches.size(), size_of(table.matches()))
FLOW_READ(std::size_t, score_count, fields.scores.size(), size_of(table.scores()))
FLOW_READ(std::size_t, evaluation_count, fields.evaluations.size(), size_of(table.evaluations()))
FLOW_READ(std::size_t, location_count, fields.location.size(), size_of(table.location()))
FLOW_READ(ValueMap, tags, fields.tags,
          table.tags() == nullptr ? ValueMap() : read_map(*table.tags()))
FLOW_READ(std::optional<Tensor>, tensor, fields.tensor, read_tensor(table.tensor()))
FLOW_READ(std::optional<Tensor>, embedding, fields.embedding, read_tensor(table.embedding()))
FLOW_READ(std::vector<NamedScore>, scores, fields.scores, read_scores(table.scores()))
FLOW_READ(std::vector<NamedScore>, evaluations, fields.evaluations,
          read_scores(table.evaluations()))

#undef FLOW_READ

Document::Document() = default;
Document::Document(DocumentFields fields)
    : fields_(std::make_unique<DocumentFields>(std::move(fields))) {}
Document::Document(const Document& other)
    : fields_(other.fields_ ? std::make_unique<DocumentFields>(*other.fields_) : nullptr),
      buffer_(other.buffer_),
      offset_(other.offset_),
      size_(other.size_) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(const Document& other) {
  if (this != &other) *this = Document(other);
  return *this;
}
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

std::vector<Document> Document::chunks() const {
  if (fields_ != nullptr) return fields_->chunks;
  const DocumentTable* table = Blob::table(*this);
  return table == nullptr ? std::vector<Document>() : Blob::children(*this, table->chunks());
}

std::vector<Document> Document::matches() const {
  if (fields_ != nullptr) return fields_->matches;
  const DocumentTable* table = Blob::table(*this);
  return table == nullptr ? std::vector<Document>() : Blob::children(*this, table->matches());
}

std::vector<double> Document::location() const {
  if (fields_ != nullptr) return fields_->location;
  const DocumentTable* table = Blob::table(*this);
  if (table == nullptr || table->location() == nullptr) return {};
  return {table->location()->begin(), table->location()->end()};
}

std::optional<double> Document::score(std::string_view name) const {
  if (fields_ != nullptr) {
    const auto found = std::ranges::find(fields_->scores, name, &NamedScore::name);
    if (found != fields_->scores.end()) return found->value;
    return std::nullopt;
  }
  const DocumentTable* table = Blob::table(*this);
  if (table == nullptr || table->scores() == nullptr) return std::nullopt;
  for (const fbs::NamedScore* score : *table->scores()) {
    if (view_of(score->name()) == name) return score->value();
  }
  return std::nullopt;
}

DocumentFields Document::fields() const {
  if (fields_ != nullptr) return *fields_;
  const DocumentTable* table = Blob::table(*this);
  return table == nullptr ? DocumentFields() : Blob::decode(*this, *table);
}

DocumentFields& Document::change() {
  if (fields_ == nullptr) {
    fields_ = std::make_unique<DocumentFields>(fields());
    buffer_.reset();
    offset_ = 0;
    size_ = 0;
  }
  return *fields_;
}

void Document::set_score(std::string_view name, double value, std::string_view description) {
  std::vector<NamedScore>& scores = change().scores;
  const auto found = std::ranges::find(scores, name, &NamedScore::name);
  NamedScore& score = found == scores.end() ? scores.emplace_back() : *found;
  score = NamedScore{std::string(name), value, std::string(description)};
}

void Document::add_match(Document match) {
  DocumentFields& fields = change();
  if (match.adjacency() != fields.adjacency + 1) match.change().adjacency = fields.adjacency + 1;
  fields.matches.push_back(std::move(match));
}

void Document::add_chunk(Document chunk) {
  DocumentFields& fields = change();
  if (chunk.granularity() != fields.granularity + 1) {
    chunk.change().granularity = fields.granularity + 1;
  }
  if (chunk.parent_id() != fields.id) chunk.change().parent_id = fields.id;
  fields.chunks.push_back(std::move(chunk));
}

bool Document::encoded() const {
  return fields_ == nullptr && buffer_ != nullptr;
}

bool operator==(const Document& a, const Document& b) {
  const bool same_blob = a.encoded() && a.buffer_ == b.buffer_ && a.offset_ == b.offset_;
  if (same_blob && b.encoded()) return true;
  return a.id() == b.id() && a.parent_id() == b.parent_id() && a.granularity() == b.granularity() &&
         a.adjacency() == b.adjacency() && a.text() == b.text() && a.blob() == b.blob() &&
         a.uri() == b.uri() && a.mime_type() == b.mime_type() && a.modality() == b.modality() &&
         a.weight() == b.weight() && a.offset() == b.offset() &&
         a.chunk_count() == b.chunk_count() && a.match_count() == b.match_count() &&
         a.location() == b.location() && a.scores() == b.scores() &&
         a.evaluations() == b.evaluations() && a.tensor() == b.tensor() &&
         a.embedding() == b.embedding() && a.tags() == b.tags() && a.chunks() == b.chunks() &&
         a.matches() == b.matches();
}

}  // namespace flow::wire
