#include <algorithm>
#include <cstdint>
#include <cstring>

#include "wire/document_codec_internal.h"
#include "wire/document_list.h"
#include "wire/table_reader_internal.h"

namespace flow::wire {
namespace {

using Table = fbs::Document;

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighs = 0x80 * kOnes;

// Whether one of the eight bytes is below 0x20 or is 0x7F.
bool any_control(std::uint64_t word) {
  const std::uint64_t deletes = word ^ (0x7F * kOnes);  // a zero is one
  return ((((word - 0x20 * kOnes) & ~word) | ((deletes - kOnes) & ~deletes)) & kHighs) != 0;
}

// Fields of which more is asked than that they are there as the schema has them.
bool has_others(const internal::TableReader& document) {
  return document.has(Table::VT_TENSOR) || document.has(Table::VT_EMBEDDING) ||
         document.has(Table::VT_TAGS) || document.has(Table::VT_CHUNKS) ||
         document.has(Table::VT_MATCHES) || document.has(Table::VT_SCORES) ||
         document.has(Table::VT_EVALUATIONS) || document.has(Table::VT_LOCATION);
}

}  // namespace

bool has_control_character(std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (text.size() < kWord) {
    return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7F; });
  }
  std::uint64_t word = 0;
  for (std::size_t at = 0; at + kWord < text.size(); at += kWord) {
    std::memcpy(&word, text.data() + at, kWord);
    if (any_control(word)) return true;
  }
  std::memcpy(&word, text.data() + text.size() - kWord, kWord);
  return any_control(word);
}

// A header's reader asks for all that verify() does, and that nothing is shared.
PlainLook look_at_plain(std::span<const std::byte> blob) {
  internal::BufferReader buffer(blob, "Document");
  const auto document = internal::TableReader::root(buffer, fbs::DocumentTypeTable);
  if (!buffer.ok() || has_others(document)) return {};
  const std::string_view id = document.text(Table::VT_ID, kMaxIdBytes);
  const std::string_view parent_id = document.text(Table::VT_PARENT_ID, kMaxIdBytes);
  for (const auto field : {Table::VT_TEXT, Table::VT_URI, Table::VT_MIME_TYPE, Table::VT_MODALITY})
    (void)document.text(field, blob.size());
  (void)document.bytes(Table::VT_BLOB, blob.size());
  for (const auto field : {Table::VT_GRANULARITY, Table::VT_ADJACENCY})
    (void)document.scalar<std::uint32_t>(field);
  for (const auto field : {Table::VT_WEIGHT, Table::VT_OFFSET})
    (void)document.scalar<double>(field);
  return {.sound = buffer.ok() && !has_control_character(id) && !has_control_character(parent_id),
          .has_id = !id.empty()};
}

}  // namespace flow::wire
