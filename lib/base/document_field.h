// The fields of a document, by the names users write (docs/flow-files.md).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace flow {

enum class DocumentField : std::uint8_t {
  kId,
  kParentId,
  kGranularity,
  kAdjacency,
  kText,
  kBlob,
  kTensor,
  kEmbedding,
  kUri,
  kMimeType,
  kModality,
  kWeight,
  kTags,
  kChunks,
  kMatches,
  kScores,
  kEvaluations,
  kOffset,
  kLocation
};

// In the order of DocumentField.
inline constexpr std::array<std::string_view, 19> kDocumentFieldNames{
    "id",        "parent_id", "granularity", "adjacency", "text",    "blob", "tensor",
    "embedding", "uri",       "mime_type",   "modality",  "weight",  "tags", "chunks",
    "matches",   "scores",    "evaluations", "offset",    "location"};

inline std::optional<DocumentField> parse_document_field(std::string_view name) {
  for (std::size_t i = 0; i < kDocumentFieldNames.size(); ++i) {
    if (kDocumentFieldNames[i] == name) return static_cast<DocumentField>(i);
  }
  return std::nullopt;
}

}  // namespace flow
