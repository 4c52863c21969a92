#include "wire/document_select.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace flow::wire {
namespace {

constexpr std::size_t kAlignment = 16;
constexpr std::size_t kEntries = 8;  // where the table of entries begins

struct Entry {
  std::uint32_t offset;
  std::uint32_t size;
};

std::size_t padded(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

Entry entry(const Bytes& list, std::size_t index) {
  Entry entry{};
  const std::size_t at = kEntries + sizeof(Entry) * index;
  FLOW_CHECK(at + sizeof entry <= list.size(), "the list has a place for each document");
  std::memcpy(&entry, list.data() + at, sizeof entry);
  FLOW_CHECK(entry.offset <= list.size() && entry.size <= list.size() - entry.offset,
             "a document lies inside of its list");
  return entry;
}

}  // namespace

Bytes select_documents(const Bytes& list, const std::vector<bool>& keep) {
  const auto count = static_cast<std::size_t>(std::ranges::count(keep, true));
  if (count == keep.size()) return list;
  if (count == 0) return {};
  std::size_t size = padded(kEntries + sizeof(Entry) * count);
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i]) size += padded(entry(list, i).size);
  }
  std::vector<std::byte> out(size);  // zeroes: the padding
  std::memcpy(out.data(), list.data(), 4);
  const auto written = static_cast<std::uint32_t>(count);
  std::memcpy(out.data() + 4, &written, sizeof written);
  std::size_t next = 0;
  std::size_t at = padded(kEntries + sizeof(Entry) * count);
  std::size_t end = at;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    const Entry from = entry(list, i);
    const Entry to{.offset = static_cast<std::uint32_t>(at), .size = from.size};
    std::memcpy(out.data() + kEntries + sizeof(Entry) * next++, &to, sizeof to);
    std::memcpy(out.data() + at, list.data() + from.offset, from.size);
    end = at + from.size;
    at = padded(end);
  }
  out.resize(end);
  return Bytes::take(std::move(out));
}

}  // namespace flow::wire
