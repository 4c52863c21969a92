#include "wire/document_select.h"

#include <fmt/format.h>
#include <schemas/document_generated.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "base/check.h"
#include "wire/document_list.h"
#include "wire/document_list_internal.h"
#include "wire/table_reader_internal.h"

namespace flow::wire {
namespace {

Entry entry(const std::byte* list, std::size_t size, std::size_t index) {
  Entry entry{};
  const std::size_t at = kEntries + sizeof(Entry) * index;
  FLOW_CHECK(at + sizeof entry <= size, "the list has a place for each document");
  std::memcpy(&entry, list + at, sizeof entry);
  FLOW_CHECK(entry.offset <= size && entry.size <= size - entry.offset,
             "a document lies inside of its list");
  return entry;
}

// Of a list whose frame was checked.
std::size_t count_of(const Bytes& list) {
  std::uint32_t count = 0;
  if (list.size() >= kEntries) std::memcpy(&count, list.data() + sizeof kMagic, sizeof count);
  return count;
}

// A list that is put together from blobs of another.
class ListWriter {
 public:
  // `blobs`: the sum of their padded sizes.
  ListWriter(std::size_t count, std::size_t blobs)
      : out_(padded(kEntries + sizeof(Entry) * count) + blobs),  // zeroes: the padding
        at_(padded(kEntries + sizeof(Entry) * count)),
        end_(at_) {
    std::memcpy(out_.data(), kMagic, sizeof kMagic);
    const auto written = static_cast<std::uint32_t>(count);
    std::memcpy(out_.data() + sizeof kMagic, &written, sizeof written);
  }

  void add(const std::byte* list, Entry from) {
    const Entry to{.offset = static_cast<std::uint32_t>(at_), .size = from.size};
    std::memcpy(out_.data() + kEntries + sizeof(Entry) * next_++, &to, sizeof to);
    std::memcpy(out_.data() + at_, list + from.offset, from.size);
    end_ = at_ + from.size;
    at_ = padded(end_);
  }

  Bytes finish() {
    out_.resize(end_);
    return Bytes::take(std::move(out_));
  }

 private:
  std::vector<std::byte> out_;
  std::size_t at_;
  std::size_t end_;
  std::size_t next_ = 0;
};

}  // namespace

Bytes select_documents(const Bytes& list, const std::vector<bool>& keep) {
  const auto count = static_cast<std::size_t>(std::ranges::count(keep, true));
  if (count == keep.size()) return list;
  if (count == 0) return {};
  const std::byte* start = list.data();
  std::size_t blobs = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i]) blobs += padded(entry(start, list.size(), i).size);
  }
  ListWriter writer(count, blobs);
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i]) writer.add(start, entry(start, list.size(), i));
  }
  return writer.finish();
}

Status read_ids(const Bytes& payload, std::vector<std::string_view>& ids) {
  const std::optional<std::size_t> count = DocumentList::count(payload);
  if (!count) return Error{Errc::kInvalidArgument, "the payload is no document list"};
  ids.reserve(ids.size() + *count);
  const std::byte* start = payload.data();
  for (std::size_t i = 0; i < *count; ++i) {
    const Entry at = entry(start, payload.size(), i);
    internal::BufferReader buffer({start + at.offset, at.size}, "id");
    const auto document = internal::TableReader::root(buffer, fbs::DocumentTypeTable);
    ids.push_back(document.text(fbs::Document::VT_ID, kMaxIdBytes));
    if (buffer.ok()) continue;
    const Status fault = std::move(buffer).status();
    return Error{fault.error().code, fmt::format("document {}: {}", i, fault.error().message)};
  }
  return {};
}

bool all_flat(const Bytes& list) {
  const std::size_t count = count_of(list);
  for (std::size_t i = 0; i < count; ++i) {
    const Entry at = entry(list.data(), list.size(), i);
    internal::BufferReader buffer({list.data() + at.offset, at.size}, "document");
    const auto document = internal::TableReader::root(buffer, fbs::DocumentTypeTable);
    const bool flat =
        !document.refers(fbs::Document::VT_CHUNKS) && !document.refers(fbs::Document::VT_MATCHES);
    if (!flat || !buffer.ok()) return false;
  }
  return true;
}

Bytes reorder_documents(const Bytes& list, std::span<const std::size_t> order) {
  const std::byte* start = list.data();
  std::size_t blobs = 0;
  for (const std::size_t i : order)
    blobs += padded(entry(start, list.size(), i).size);
  ListWriter writer(order.size(), blobs);
  for (const std::size_t i : order)
    writer.add(start, entry(start, list.size(), i));
  return writer.finish();
}

Bytes concatenate_documents(std::span<const Bytes> lists) {
  std::size_t count = 0;
  std::size_t blobs = 0;
  for (const Bytes& list : lists) {
    const std::size_t documents = count_of(list);
    for (std::size_t i = 0; i < documents; ++i)
      blobs += padded(entry(list.data(), list.size(), i).size);
    count += documents;
  }
  ListWriter writer(count, blobs);
  for (const Bytes& list : lists) {
    const std::size_t documents = count_of(list);
    for (std::size_t i = 0; i < documents; ++i)
      writer.add(list.data(), entry(list.data(), list.size(), i));
  }
  return writer.finish();
}

void deal_documents(const Bytes& list, std::span<const std::uint16_t> to, std::span<Bytes> parts) {
  struct Share {
    std::size_t count = 0;
    std::size_t blobs = 0;
  };
  const std::byte* start = list.data();
  std::vector<Share> shares(parts.size());
  for (std::size_t i = 0; i < to.size(); ++i) {
    Share& share = shares[to[i]];
    ++share.count;
    share.blobs += padded(entry(start, list.size(), i).size);
  }
  std::vector<std::optional<ListWriter>> writers(parts.size());
  for (std::size_t part = 0; part < parts.size(); ++part) {
    const Share& share = shares[part];
    parts[part] = share.count == to.size() ? list : Bytes();
    if (share.count > 0 && share.count < to.size()) writers[part].emplace(share.count, share.blobs);
  }
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (writers[to[i]]) writers[to[i]]->add(start, entry(start, list.size(), i));
  }
  for (std::size_t part = 0; part < parts.size(); ++part) {
    if (writers[part]) parts[part] = writers[part]->finish();
  }
}

}  // namespace flow::wire
