#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "wire/document_codec_internal.h"
#include "wire/document_list.h"
#include "wire/value_codec_internal.h"
#include "wire/verifier.h"

namespace flow::wire {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using TableVector = flatbuffers::Vector<Offset<DocumentTable>>;
using ScoreVector = flatbuffers::Vector<Offset<fbs::NamedScore>>;
using Fault = std::optional<std::string>;

constexpr std::size_t kTensorAlignment = 16;

Offset<flatbuffers::String> build_text(FlatBufferBuilder& builder, std::string_view text) {
  if (text.empty()) return {};
  return builder.CreateString(text.data(), text.size());
}

Offset<fbs::Tensor> build_tensor(FlatBufferBuilder& builder, const std::optional<Tensor>& tensor) {
  if (!tensor) return {};
  Offset<flatbuffers::Vector<std::uint8_t>> data;
  if (!tensor->data.empty()) {
    builder.ForceVectorAlignment(tensor->data.size(), 1, kTensorAlignment);
    data = builder.CreateVector(reinterpret_cast<const std::uint8_t*>(tensor->data.data()),
                                tensor->data.size());
  }
  Offset<flatbuffers::Vector<std::uint64_t>> shape;
  if (!tensor->shape.empty()) shape = builder.CreateVector(tensor->shape);
  return fbs::CreateTensor(builder, static_cast<fbs::DType>(tensor->dtype), shape, data);
}

Offset<ScoreVector> build_scores(FlatBufferBuilder& builder,
                                 const std::vector<NamedScore>& scores) {
  if (scores.empty()) return {};
  std::vector<Offset<fbs::NamedScore>> tables;
  tables.reserve(scores.size());
  for (const NamedScore& score : scores) {
    const auto name = build_text(builder, score.name);
    const auto description = build_text(builder, score.description);
    tables.push_back(fbs::CreateNamedScore(builder, name, score.value, description));
  }
  return builder.CreateVector(tables);
}

std::string_view name_of(const fbs::NamedScore& score) {
  return view_of(score.name());
}

Fault fault_of_id(std::string_view name, std::string_view id) {
  if (id.size() > kMaxIdBytes) {
    return fmt::format("{} has {} bytes, at most {} are allowed", name, id.size(), kMaxIdBytes);
  }
  if (has_control_character(id)) return fmt::format("{} has a control character", name);
  return std::nullopt;
}

Fault fault_of_tensor(std::string_view name, const fbs::Tensor* tensor) {
  if (tensor == nullptr) return std::nullopt;
  if (tensor->dtype() > fbs::DType::MAX) {
    return fmt::format("{} has the unknown dtype {}", name, static_cast<int>(tensor->dtype()));
  }
  const std::size_t bytes = size_of(tensor->data());
  std::uint64_t expected = size_of(static_cast<DType>(tensor->dtype()));
  bool overflow = false;
  bool zero = false;
  if (tensor->shape() != nullptr) {
    for (const std::uint64_t extent : *tensor->shape()) {
      zero = zero || extent == 0;
      overflow = overflow || __builtin_mul_overflow(expected, extent, &expected);
    }
  }
  if (zero) expected = 0;
  if (overflow && !zero) return fmt::format("{} has a shape of more than 2^64 bytes", name);
  if (bytes == expected) return std::nullopt;
  return fmt::format("{} has {} bytes of data, its shape and dtype need {}", name, bytes, expected);
}

Fault fault_of_scores(std::string_view name, const ScoreVector* scores) {
  const auto repeated = first_repeated(size_of(scores), [&](std::size_t i) {
    return name_of(*scores->Get(static_cast<std::uint32_t>(i)));
  });
  if (repeated) return fmt::format("{} has the name \"{}\" twice", name, *repeated);
  return std::nullopt;
}

Fault fault_of_table(const DocumentTable& table, int depth);

Fault fault_of_children(std::string_view name, const TableVector* children, int depth) {
  if (children == nullptr) return std::nullopt;
  for (std::uint32_t i = 0; i < children->size(); ++i) {
    if (auto fault = fault_of_table(*children->Get(i), depth)) {
      return fmt::format("{}[{}]: {}", name, i, *fault);
    }
  }
  return std::nullopt;
}

// The rules a schema cannot say.
Fault fault_of_table(const DocumentTable& table, int depth) {
  if (depth > kMaxDocumentDepth) {
    return fmt::format("chunks and matches are nested deeper than {}", kMaxDocumentDepth);
  }
  if (auto fault = fault_of_id("id", view_of(table.id()))) return fault;
  if (auto fault = fault_of_id("parent_id", view_of(table.parent_id()))) return fault;
  if (auto fault = fault_of_tensor("tensor", table.tensor())) return fault;
  if (auto fault = fault_of_tensor("embedding", table.embedding())) return fault;
  if (table.tags() != nullptr) {
    if (auto fault = fault_of_map(*table.tags())) return "tags: " + *fault;
  }
  if (auto fault = fault_of_scores("scores", table.scores())) return fault;
  if (auto fault = fault_of_scores("evaluations", table.evaluations())) return fault;
  if (auto fault = fault_of_children("chunks", table.chunks(), depth + 1)) return fault;
  return fault_of_children("matches", table.matches(), depth + 1);
}

bool table_has_ids(const DocumentTable& table);

bool children_have_ids(const TableVector* children) {
  if (children == nullptr) return true;
  for (std::uint32_t i = 0; i < children->size(); ++i) {
    if (!table_has_ids(*children->Get(i))) return false;
  }
  return true;
}

bool table_has_ids(const DocumentTable& table) {
  return !view_of(table.id()).empty() && children_have_ids(table.chunks()) &&
         children_have_ids(table.matches());
}

std::size_t estimate_of(const std::optional<Tensor>& tensor) {
  constexpr std::size_t kFrame = 96;
  return tensor ? kFrame + tensor->data.size() + 8 * tensor->shape.size() : 0;
}

std::size_t estimate_of(const std::vector<NamedScore>& scores) {
  constexpr std::size_t kFrame = 64;
  std::size_t bytes = 0;
  for (const NamedScore& score : scores) {
    bytes += kFrame + score.name.size() + score.description.size();
  }
  return bytes;
}

std::size_t estimate_of(const Value& value);

std::size_t estimate_of(const ValueMap& map) {
  constexpr std::size_t kFrame = 64;
  std::size_t bytes = kFrame;
  for (const auto& [key, item] : map)
    bytes += 24 + key.size() + estimate_of(item);
  return bytes;
}

std::size_t estimate_of(const Value& value) {
  constexpr std::size_t kFrame = 64;
  if (const std::string* text = value.if_string()) return kFrame + text->size();
  if (const ByteString* bytes = value.if_bytes()) return kFrame + bytes->bytes.size();
  if (const ValueMap* map = value.if_map()) return estimate_of(*map);
  std::size_t bytes = kFrame;
  if (const ValueList* list = value.if_list()) {
    for (const Value& item : *list)
      bytes += 4 + estimate_of(item);
  }
  return bytes;
}

template <typename Parts>
void add_parts(fbs::DocumentBuilder& table, const Parts& parts) {
  if (!parts.id.IsNull()) table.add_id(parts.id);
  if (!parts.parent_id.IsNull()) table.add_parent_id(parts.parent_id);
  if (!parts.text.IsNull()) table.add_text(parts.text);
  if (!parts.blob.IsNull()) table.add_blob(parts.blob);
  if (!parts.tensor.IsNull()) table.add_tensor(parts.tensor);
  if (!parts.embedding.IsNull()) table.add_embedding(parts.embedding);
  if (!parts.uri.IsNull()) table.add_uri(parts.uri);
  if (!parts.mime_type.IsNull()) table.add_mime_type(parts.mime_type);
  if (!parts.modality.IsNull()) table.add_modality(parts.modality);
  if (!parts.tags.IsNull()) table.add_tags(parts.tags);
  if (!parts.chunks.IsNull()) table.add_chunks(parts.chunks);
  if (!parts.matches.IsNull()) table.add_matches(parts.matches);
  if (!parts.scores.IsNull()) table.add_scores(parts.scores);
  if (!parts.evaluations.IsNull()) table.add_evaluations(parts.evaluations);
  if (!parts.location.IsNull()) table.add_location(parts.location);
}

}  // namespace

std::optional<Tensor> read_tensor(const fbs::Tensor* tensor) {
  if (tensor == nullptr) return std::nullopt;
  Tensor read{.dtype = static_cast<DType>(tensor->dtype()), .shape = {}, .data = {}};
  if (tensor->shape() != nullptr)
    read.shape.assign(tensor->shape()->begin(), tensor->shape()->end());
  const std::string_view data = view_of(tensor->data());
  const auto bytes = std::as_bytes(std::span(data));
  read.data.assign(bytes.begin(), bytes.end());
  return read;
}

std::vector<NamedScore> read_scores(const ScoreVector* scores) {
  std::vector<NamedScore> read;
  if (scores == nullptr) return read;
  read.reserve(scores->size());
  for (const fbs::NamedScore* score : *scores) {
    read.push_back(NamedScore{.name = std::string(view_of(score->name())),
                              .value = score->value(),
                              .description = std::string(view_of(score->description()))});
  }
  return read;
}

Document Document::Blob::open(std::shared_ptr<const Bytes> buffer, std::size_t offset,
                              std::size_t size) {
  Document document;
  document.buffer_ = std::move(buffer);
  document.offset_ = static_cast<std::uint32_t>(offset);
  document.size_ = static_cast<std::uint32_t>(size);
  return document;
}

std::vector<Document> Document::Blob::children(const Document& parent, const TableVector* vector) {
  std::vector<Document> children;
  if (vector == nullptr) return children;
  children.reserve(vector->size());
  const std::byte* start = parent.buffer_->data();
  for (const DocumentTable* child : *vector) {
    const auto offset = reinterpret_cast<const std::byte*>(child) - start;
    children.push_back(open(parent.buffer_, static_cast<std::size_t>(offset), 0));
  }
  return children;
}

DocumentFields Document::Blob::decode(const Document& document, const DocumentTable& table) {
  DocumentFields fields;
  fields.id = view_of(table.id());
  fields.parent_id = view_of(table.parent_id());
  fields.granularity = table.granularity();
  fields.adjacency = table.adjacency();
  fields.text = view_of(table.text());
  fields.blob = view_of(table.blob());
  fields.tensor = read_tensor(table.tensor());
  fields.embedding = read_tensor(table.embedding());
  fields.uri = view_of(table.uri());
  fields.mime_type = view_of(table.mime_type());
  fields.modality = view_of(table.modality());
  fields.weight = table.weight();
  if (table.tags() != nullptr) fields.tags = read_map(*table.tags());
  fields.chunks = children(document, table.chunks());
  fields.matches = children(document, table.matches());
  fields.scores = read_scores(table.scores());
  fields.evaluations = read_scores(table.evaluations());
  fields.offset = table.offset();
  if (table.location() != nullptr) {
    fields.location.assign(table.location()->begin(), table.location()->end());
  }
  return fields;
}

Offset<DocumentTable> Document::Blob::build(FlatBufferBuilder& builder, const Document& document) {
  if (const DocumentTable* encoded = table(document)) {
    return build(builder, Document(decode(document, *encoded)));
  }
  if (document.fields_ == nullptr) return fbs::DocumentBuilder(builder).Finish();
  const DocumentFields& fields = *document.fields_;
  const auto build_children = [&builder](const std::vector<Document>& children) {
    std::vector<Offset<DocumentTable>> tables;
    tables.reserve(children.size());
    for (const Document& child : children)
      tables.push_back(build(builder, child));
    return tables.empty() ? Offset<TableVector>() : builder.CreateVector(tables);
  };
  struct Parts {
    Offset<flatbuffers::String> id, parent_id, text, uri, mime_type, modality;
    Offset<flatbuffers::Vector<std::uint8_t>> blob;
    Offset<fbs::Tensor> tensor, embedding;
    Offset<fbs::Value> tags;
    Offset<TableVector> chunks, matches;
    Offset<ScoreVector> scores, evaluations;
    Offset<flatbuffers::Vector<double>> location;
  } parts;
  parts.matches = build_children(fields.matches);
  parts.chunks = build_children(fields.chunks);
  parts.evaluations = build_scores(builder, fields.evaluations);
  parts.scores = build_scores(builder, fields.scores);
  if (!fields.tags.empty()) parts.tags = build_map(builder, fields.tags);
  if (!fields.location.empty()) parts.location = builder.CreateVector(fields.location);
  parts.embedding = build_tensor(builder, fields.embedding);
  parts.tensor = build_tensor(builder, fields.tensor);
  if (!fields.blob.empty()) parts.blob = build_bytes(builder, fields.blob);
  parts.text = build_text(builder, fields.text);
  parts.modality = build_text(builder, fields.modality);
  parts.mime_type = build_text(builder, fields.mime_type);
  parts.uri = build_text(builder, fields.uri);
  parts.parent_id = build_text(builder, fields.parent_id);
  parts.id = build_text(builder, fields.id);
  fbs::DocumentBuilder table(builder);
  table.add_weight(fields.weight);
  table.add_offset(fields.offset);
  add_parts(table, parts);
  table.add_granularity(fields.granularity);
  table.add_adjacency(fields.adjacency);
  return table.Finish();
}

std::size_t Document::Blob::estimate(const Document& document) {
  constexpr std::size_t kFrame = 320;  // table, layout, lengths and paddings of the fields below
  if (document.buffer_ != nullptr && document.size_ != 0) return document.size_;
  std::size_t bytes = kFrame + document.id().size() + document.parent_id().size() +
                      document.text().size() + document.blob().size() + document.uri().size() +
                      document.mime_type().size() + document.modality().size() +
                      8 * document.location_count();
  if (const DocumentTable* encoded = table(document)) {
    if (encoded->tensor() != nullptr) bytes += size_of(encoded->tensor()->data());
    if (encoded->embedding() != nullptr) bytes += size_of(encoded->embedding()->data());
    for (const Document& child : document.chunks())
      bytes += estimate(child);
    for (const Document& child : document.matches())
      bytes += estimate(child);
    return bytes;
  }
  if (document.fields_ == nullptr) return kFrame;
  const DocumentFields& fields = *document.fields_;
  bytes += estimate_of(fields.tensor) + estimate_of(fields.embedding) + estimate_of(fields.tags);
  bytes += estimate_of(fields.scores) + estimate_of(fields.evaluations);
  for (const Document& child : fields.chunks)
    bytes += estimate(child);
  for (const Document& child : fields.matches)
    bytes += estimate(child);
  return bytes;
}

bool Document::Blob::has_ids(std::span<const std::byte> blob) {
  return table_has_ids(*flatbuffers::GetRoot<DocumentTable>(blob.data()));
}

Fault Document::Blob::fault(std::span<const std::byte> blob) {
  if (look_at_plain(blob).sound) return std::nullopt;
  // A table needs four bytes and an offset to it four more, so no honest blob has more tables.
  const VerifyLimits limits{.depth = kMaxDocumentDepth + kMaxValueDepth, .tables = blob.size() / 8};
  if (Status status = verify(blob, *fbs::DocumentTypeTable(), limits); !status) {
    return std::move(status).error().message;
  }
  return fault_of_table(*flatbuffers::GetRoot<DocumentTable>(blob.data()), 1);
}

}  // namespace flow::wire
