// The body of a log record of a DocumentStore.
//
//   offset  size
//   0       4     1: documents were put, 2: documents were removed, without versions;
//                 3: put, 4: removed, with versions
//   4       4     put: size of the document list; removed: number of ids
//   8       4     3 and 4: number of versions: 1, of all, or one for each document or id
//   12      4     zero
//   16      …     1 and 3: the document list, zero padded to a multiple of 16
//                 3 and 4: the versions: time in 8 bytes, gateway in 4, zero in 4
//                 1 and 3: the attachment
//                 2 and 4: for each id its size in 4 bytes and its bytes
//
// 4 without ids says nothing; a snapshot of an empty store is that.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/write_version.h"

namespace flow::executors {

// None, one for all, or one for each.
using Versions = std::span<const WriteVersion>;

inline WriteVersion version_at(Versions versions, std::size_t index) {
  if (versions.empty()) return {};
  return versions[versions.size() == 1 ? 0 : index];
}

// A record body, taken apart. `list` and `attachment` point into the body.
struct RecordBody {
  bool is_put = false;
  std::span<const std::byte> list;
  std::span<const std::byte> attachment;
  std::vector<std::string> ids;
  std::vector<WriteVersion> versions;  // put: as many as the body says, the list not looked at
};

std::vector<std::byte> put_body(const Bytes& list, Versions versions,
                                std::span<const std::byte> attachment);
std::vector<std::byte> remove_body(const std::vector<std::string>& ids, Versions versions);

// kInternal says what is wrong.
Result<RecordBody> parse_body(std::span<const std::byte> body);

}  // namespace flow::executors
