// The body of a log record of a DocumentStore.
//
//   offset  size
//   0       4     1: documents were put, 2: documents were removed
//   4       4     put: size of the document list; remove: number of ids
//   8       8     zero
//   16      …     put: the document list, zero padded to a multiple of 16, then the attachment
//                 remove: for each id its size in 4 bytes and its bytes
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace flow::executors {

// A record body, taken apart. `list` and `attachment` point into the body.
struct RecordBody {
  bool is_put = false;
  std::span<const std::byte> list;
  std::span<const std::byte> attachment;
  std::vector<std::string> ids;
};

std::vector<std::byte> put_body(const Bytes& list, std::span<const std::byte> attachment);
std::vector<std::byte> remove_body(const std::vector<std::string>& ids);

// kInternal says what is wrong.
Result<RecordBody> parse_body(std::span<const std::byte> body);

}  // namespace flow::executors
