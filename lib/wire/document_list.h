// A document list: the payload of parts, requests and responses.
//
//   offset  size  field
//   0       4     magic "FDL1"
//   4       4     number of documents, n
//   8       8*n   for each document: offset from the start of the list, then size, 4 bytes each
//   pad to 16
//           …     the documents: independent FlatBuffers buffers (schemas/document.fbs), each at a
//                 multiple of 16, ascending, not overlapping
//
// Filtering, splitting and concatenating copy blobs; nothing is decoded. Bounds: 65,536 documents,
// 2^31-1 bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "wire/document.h"

namespace flow::wire {

inline constexpr std::size_t kMaxDocuments = 65'536;
inline constexpr std::size_t kMaxIdBytes = 256;
inline constexpr int kMaxDocumentDepth = 32;

class DocumentList {
 public:
  using Documents = std::vector<Document>;

  DocumentList() = default;
  explicit DocumentList(Documents documents) : documents_(std::move(documents)) {}

  // Opens a payload and verifies every document in it (fields, depth, budget; see verifier.h).
  // An empty payload is an empty list. Copies the payload only if it is not aligned to 8.
  // kInvalidArgument names the document's position and what is wrong.
  static Result<DocumentList> open(Bytes payload);

  // The checks of open() without making a list: for those who only pass a payload on. Any
  // alignment. Whether every document, chunk and match in it has an id.
  static Result<bool> verify(const Bytes& payload);

  // The number of documents by the list's frame alone, without looking at them; nothing when the
  // frame is broken.
  static std::optional<std::size_t> count(const Bytes& payload);

  // The list as a payload. If nothing changed since open() it is the very same bytes, no copy.
  // Beyond the bounds it aborts: ask estimated_size() before where documents may grow.
  Bytes encode() const;

  // About how many bytes encode() makes (rather more than less), without encoding anything.
  std::size_t estimated_size() const;

  std::size_t size() const { return documents_.size(); }
  bool empty() const { return documents_.empty(); }
  Document& operator[](std::size_t index) { return documents_[index]; }
  const Document& operator[](std::size_t index) const { return documents_[index]; }
  auto begin() { return documents_.begin(); }
  auto end() { return documents_.end(); }
  auto begin() const { return documents_.begin(); }
  auto end() const { return documents_.end(); }
  Documents::iterator erase(Documents::const_iterator first, Documents::const_iterator last) {
    return documents_.erase(first, last);
  }
  Documents::iterator erase(Documents::const_iterator position) {
    return documents_.erase(position);
  }
  void push_back(Document document) { documents_.push_back(std::move(document)); }
  void clear() { documents_.clear(); }
  void reserve(std::size_t count) { documents_.reserve(count); }
  Document* find(std::string_view id);  // the first with this id, nullptr when none

 private:
  bool unchanged() const;

  // verify() from document `first` on, whatever they are; `ids`: whether those before have one.
  static Result<bool> verify_any(const Bytes& payload, std::size_t first, std::size_t count,
                                 bool ids);

  Documents documents_;
  Bytes origin_;                                // the payload it was opened from
  std::shared_ptr<const Bytes> origin_buffer_;  // its aligned buffer
  std::size_t origin_count_ = 0;
};

}  // namespace flow::wire
