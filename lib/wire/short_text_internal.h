// Comparing and copying texts of a few bytes, names mostly, without calls that cost more than the
// bytes do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace flow::wire::internal {

template <typename Word>
bool same_word(const void* a, const void* b) {
  Word left;
  Word right;
  std::memcpy(&left, a, sizeof left);
  std::memcpy(&right, b, sizeof right);
  return left == right;
}

// The first and the last bytes, which may overlap, are all.
template <typename Word>
bool same_ends(const char* a, const char* b, std::size_t size) {
  const std::size_t last = size - sizeof(Word);
  return same_word<Word>(a, b) && same_word<Word>(a + last, b + last);
}

inline bool same_text(std::string_view a, std::string_view b) {
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  if (size >= 8) {
    for (std::size_t at = 8; at < size; at += 8) {
      if (!same_word<std::uint64_t>(a.data() + at - 8, b.data() + at - 8)) return false;
    }
    return same_word<std::uint64_t>(a.data() + size - 8, b.data() + size - 8);
  }
  if (size >= 4) return same_ends<std::uint32_t>(a.data(), b.data(), size);
  if (size >= 2) return same_ends<std::uint16_t>(a.data(), b.data(), size);
  return size == 0 || a[0] == b[0];
}

template <typename Word>
void copy_word(std::byte* to, const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  std::memcpy(to, &word, sizeof word);
}

template <typename Word>
void copy_ends(std::byte* to, const char* from, std::size_t size) {
  const std::size_t last = size - sizeof(Word);
  copy_word<Word>(to, from);
  copy_word<Word>(to + last, from + last);
}

inline void copy_text(std::byte* to, std::string_view text) {
  const std::size_t size = text.size();
  if (size >= 8) {
    for (std::size_t at = 8; at < size; at += 8)
      copy_word<std::uint64_t>(to + at - 8, text.data() + at - 8);
    copy_word<std::uint64_t>(to + size - 8, text.data() + size - 8);
  } else if (size >= 4) {
    copy_ends<std::uint32_t>(to, text.data(), size);
  } else if (size >= 2) {
    copy_ends<std::uint16_t>(to, text.data(), size);
  } else if (size == 1) {
    to[0] = static_cast<std::byte>(text[0]);
  }
}

}  // namespace flow::wire::internal
