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

template <typename Word>
Word load(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// All bytes of a text of less than 8, some more than once.
std::uint64_t short_word(std::string_view text) {
  const char* at = text.data();
  const std::size_t size = text.size();
  if (size >= 4)
    return std::uint64_t{load<std::uint32_t>(at)} << 32U | load<std::uint32_t>(at + size - 4);
  std::uint64_t word = kHighs;
  for (const char c : text)
    word = word << 8U | static_cast<unsigned char>(c);
  return word;
}

}  // namespace

bool has_control_character(std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (text.size() < kWord) return any_control(short_word(text));
  for (std::size_t at = kWord; at < text.size(); at += kWord) {
    if (any_control(load<std::uint64_t>(text.data() + at - kWord))) return true;
  }
  return any_control(load<std::uint64_t>(text.data() + text.size() - kWord));
}

// A header's reader asks for all that verify() does, and that nothing is shared.
PlainLook look_at_plain(std::span<const std::byte> blob) {
  internal::BufferReader buffer(blob, "Document");
  const auto document = internal::TableReader::root(buffer, fbs::DocumentTypeTable);
  PlainLook look{.sound = true};
  document.each_field([&](internal::Field field) {
    switch (field) {
      case Table::VT_ID:
      case Table::VT_PARENT_ID: {
        const std::string_view id = document.text(field, kMaxIdBytes);
        if (has_control_character(id)) look.sound = false;
        if (field == Table::VT_ID) look.has_id = !id.empty();
        break;
      }
      case Table::VT_TEXT:
      case Table::VT_URI:
      case Table::VT_MIME_TYPE:
      case Table::VT_MODALITY: (void)document.text(field, blob.size()); break;
      case Table::VT_BLOB: (void)document.bytes(field, blob.size()); break;
      case Table::VT_GRANULARITY:
      case Table::VT_ADJACENCY: (void)document.scalar<std::uint32_t>(field); break;
      case Table::VT_WEIGHT:
      case Table::VT_OFFSET: (void)document.scalar<double>(field); break;
      default: look.sound = false;  // more is asked of the others
    }
    return look.sound;
  });
  if (!buffer.ok()) look.sound = false;
  return look;
}

}  // namespace flow::wire
