// Where the documents of a list are, by id. For lists of documents, and of ids alone.
#pragma once

#include <xxhash.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace flow::route {

inline std::string_view id_of(std::string_view id) {
  return id;
}
template <typename Document>
std::string_view id_of(const Document& document) {
  return document.id();
}

// Which of the documents with the same id counts.
enum class Repeated { kFirst, kLast };

// Positions by id. Documents without an id are not found.
// Linear in time and memory whatever the ids are; up to kFew documents it allocates nothing and
// just looks. One thread; the list outlives it.
template <typename List, Repeated which>
class IdIndex {
 public:
  static constexpr std::size_t kNotFound = static_cast<std::size_t>(-1);

  // Knows what the list has now. It will have at most `most` documents.
  IdIndex(const List& list, std::size_t most) : list_(list) {
    if (most <= kFew) return;
    slots_.resize(std::bit_ceil(most * 2));
    for (std::size_t i = 0; i < list.size(); ++i)
      insert(i);
  }

  std::size_t find(std::string_view id) const {
    if (id.empty()) return kNotFound;
    if (!slots_.empty()) return std::size_t{slots_[slot_of(id)]} - 1;
    return look(id);
  }

  // Of a document that was appended to the list.
  void insert(std::size_t position) {
    const std::string_view id = id_of(list_[position]);
    if (slots_.empty() || id.empty()) return;
    std::uint32_t& slot = slots_[slot_of(id)];
    if (slot == 0 || which == Repeated::kLast) slot = static_cast<std::uint32_t>(position + 1);
  }

 private:
  static constexpr std::size_t kFew = 16;

  std::size_t look(std::string_view id) const {
    const std::size_t count = list_.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = which == Repeated::kFirst ? i : count - 1 - i;
      if (id_of(list_[at]) == id) return at;
    }
    return kNotFound;
  }

  // Where `id` is, or the free slot where it belongs.
  std::size_t slot_of(std::string_view id) const {
    // The address is a seed that nobody who chooses ids can know.
    const auto seed = reinterpret_cast<std::uintptr_t>(slots_.data());
    std::size_t slot = XXH3_64bits_withSeed(id.data(), id.size(), seed) & (slots_.size() - 1);
    while (slots_[slot] != 0 && id_of(list_[slots_[slot] - 1]) != id)
      slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  const List& list_;
  std::vector<std::uint32_t> slots_;  // position + 1, 0: free; a power of two, half empty
};

// Whether two documents of the list have the same id.
template <typename List>
bool repeats_ids(const List& list) {
  const IdIndex<List, Repeated::kLast> index(list, list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string_view id = id_of(list[i]);
    if (!id.empty() && index.find(id) != i) return true;
  }
  return false;
}

}  // namespace flow::route
