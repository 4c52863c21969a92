#include "wire/document_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "wire/document_codec_internal.h"
#include "wire/document_list_internal.h"

namespace flow::wire {
namespace {

constexpr std::size_t kMaxListBytes = 0x7FFFFFFF;

Entry entry(const std::byte* list, std::size_t index) {
  Entry entry{};
  std::memcpy(&entry, list + kEntries + sizeof(Entry) * index, sizeof entry);
  return entry;
}

Error bad_list(std::string message) {
  return Error{Errc::kInvalidArgument, "document list: " + std::move(message)};
}

// Checks everything but the documents themselves; returns how many there are.
Result<std::size_t> open_frame(std::span<const std::byte> list) {
  if (list.empty()) return std::size_t{0};
  if (list.size() < kEntries || std::memcmp(list.data(), kMagic, sizeof kMagic) != 0) {
    return bad_list("it does not begin with \"FDL1\"");
  }
  if (list.size() > kMaxListBytes) return bad_list("it has more than 2^31-1 bytes");
  std::uint32_t count = 0;
  std::memcpy(&count, list.data() + sizeof kMagic, sizeof count);
  if (count > kMaxDocuments) {
    return bad_list(fmt::format("{} documents, at most {} are allowed", count, kMaxDocuments));
  }
  std::size_t end = kEntries + sizeof(Entry) * count;
  if (end > list.size()) return bad_list(fmt::format("it is too short for {} documents", count));
  for (std::size_t i = 0; i < count; ++i) {
    const Entry at = entry(list.data(), i);
    if (at.offset % kAlignment != 0 || at.offset < end || at.offset > list.size() || at.size == 0 ||
        at.size > list.size() - at.offset) {
      return bad_list(fmt::format("document {} has no place of its own", i));
    }
    end = at.offset + at.size;
  }
  return std::size_t{count};
}

// Whether documents are read in place. Large ZeroMQ messages are, behind a head of 40 bytes; those
// in carriers mostly are not.
bool is_aligned(const std::byte* data) {
  return reinterpret_cast<std::uintptr_t>(data) % kReadAlignment == 0;
}

void append(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

Result<DocumentList> DocumentList::open(Bytes payload) {
  Result<std::size_t> count = open_frame(payload.span());
  if (!count) return std::move(count).error();
  DocumentList list;
  if (payload.empty()) return list;
  auto buffer = std::make_shared<const Bytes>(payload);
  if (!is_aligned(buffer->data())) {
    buffer = std::make_shared<const Bytes>(Bytes::copy_of(payload.span()));
  }
  const std::byte* start = buffer->data();
  list.documents_.reserve(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    const Entry at = entry(start, i);
    if (auto fault = Document::Blob::fault({start + at.offset, at.size})) {
      return Error{Errc::kInvalidArgument, fmt::format("document {}: {}", i, *fault)};
    }
    list.documents_.push_back(Document::Blob::open(buffer, at.offset, at.size));
  }
  list.origin_ = std::move(payload);
  list.origin_buffer_ = std::move(buffer);
  list.origin_count_ = *count;
  return list;
}

Result<bool> DocumentList::verify(const Bytes& payload) {
  const Result<std::size_t> count = open_frame(payload.span());
  if (!count) return count.error();
  bool ids = true;
  for (std::size_t i = 0; i < *count; ++i) {
    const Entry at = entry(payload.data(), i);
    const PlainLook look = look_at_plain({payload.data() + at.offset, at.size});
    if (!look.sound) return verify_any(payload, i, *count, ids);
    ids = ids && look.has_id;
  }
  return ids;
}

Result<bool> DocumentList::verify_any(const Bytes& payload, std::size_t first, std::size_t count,
                                      bool ids) {
  // Where they are not aligned, small lists move to the stack.
  alignas(kAlignment) std::array<std::byte, 4096> scratch;
  Bytes copy;
  const std::byte* start = payload.data();
  if (!is_aligned(start) && payload.size() <= scratch.size()) {
    std::memcpy(scratch.data(), start, payload.size());
    start = scratch.data();
  } else if (!is_aligned(start)) {
    copy = Bytes::copy_of(payload.span());
    start = copy.data();
  }
  for (std::size_t i = first; i < count; ++i) {
    const Entry at = entry(start, i);
    if (auto fault = Document::Blob::fault({start + at.offset, at.size})) {
      return Error{Errc::kInvalidArgument, fmt::format("document {}: {}", i, *fault)};
    }
    ids = ids && Document::Blob::has_ids({start + at.offset, at.size});
  }
  return ids;
}

std::optional<std::size_t> DocumentList::count(const Bytes& payload) {
  const Result<std::size_t> count = open_frame(payload.span());
  if (!count) return std::nullopt;
  return *count;
}

bool DocumentList::unchanged() const {
  if (origin_buffer_ == nullptr || documents_.size() != origin_count_) return false;
  const std::byte* start = origin_buffer_->data();
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    const Document& document = documents_[i];
    if (document.buffer_ != origin_buffer_ || document.size_ == 0 ||
        document.offset_ != entry(start, i).offset) {
      return false;
    }
  }
  return true;
}

std::size_t DocumentList::estimated_size() const {
  if (unchanged()) return origin_.size();
  if (documents_.empty()) return 0;
  std::size_t bytes = padded(kEntries + sizeof(Entry) * documents_.size());
  for (const Document& document : documents_) {
    bytes += padded(Document::Blob::estimate(document));
  }
  return bytes;
}

Bytes DocumentList::encode() const {
  if (unchanged()) return origin_;
  if (documents_.empty()) return {};
  FLOW_CHECK(documents_.size() <= kMaxDocuments, "a list of more than 65,536 documents");
  std::vector<std::byte> out;
  const std::size_t head = kEntries + sizeof(Entry) * documents_.size();
  out.reserve(estimated_size());
  append(out, std::as_bytes(std::span(kMagic)));
  const auto count = static_cast<std::uint32_t>(documents_.size());
  append(out, std::as_bytes(std::span(&count, 1)));
  out.resize(head);
  flatbuffers::FlatBufferBuilder builder;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    const Document& document = documents_[i];
    out.resize(padded(out.size()));
    const std::size_t offset = out.size();
    if (document.buffer_ != nullptr && document.size_ != 0) {
      append(out, {document.buffer_->data() + document.offset_, document.size_});
    } else {
      builder.Clear();
      builder.Finish(Document::Blob::build(builder, document));
      append(out, std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize())));
    }
    FLOW_CHECK(out.size() <= kMaxListBytes, "a document list of more than 2^31-1 bytes");
    const Entry at{.offset = static_cast<std::uint32_t>(offset),
                   .size = static_cast<std::uint32_t>(out.size() - offset)};
    std::memcpy(out.data() + kEntries + sizeof(Entry) * i, &at, sizeof at);
  }
  return Bytes::take(std::move(out));
}

Document* DocumentList::find(std::string_view id) {
  const auto found =
      std::ranges::find(documents_, id, [](const Document& document) { return document.id(); });
  return found == documents_.end() ? nullptr : &*found;
}

}  // namespace flow::wire
