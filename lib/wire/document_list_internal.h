// How a document list lies in memory, for the sources of this folder: "FDL1", the number of
// documents, a table of entries, then each document at a multiple of 16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flow::wire {

inline constexpr char kMagic[] = {'F', 'D', 'L', '1'};
inline constexpr std::size_t kAlignment = 16;     // of documents, from the start of the list
inline constexpr std::size_t kReadAlignment = 8;  // in memory: that of the largest number
inline constexpr std::size_t kEntries = 8;        // where the table of entries begins

struct Entry {
  std::uint32_t offset;
  std::uint32_t size;
};

inline std::size_t padded(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace flow::wire
