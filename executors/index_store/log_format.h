// The bytes of an index log: an append-only sequence of checksummed records. Pure functions.
//
//   offset  size
//   0       8     magic "FLOWLOG1"
//   8       8     salt: random, part of every checksum of this file, so that no content of a
//                 document can look like a record
//   16      40    what the log holds, zero padded ("vector-index")
//   56      8     XXH3 of the 56 bytes before
//   64      8     synced: so many bytes of the file are known to be on disk
//   72      8     XXH3 of `synced`, seeded with the salt
//   80      …     records, each at a multiple of 16:
//     0     4       size of the body, 1 to kMaxRecordBody
//     4     4       low half of the XXH3 of the size, seeded with salt + offset of the record
//     8     8       XXH3 of the body, seeded with salt + offset
//     16    …       the body, zero padded to a multiple of 16
//
// All numbers are little-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace flow::executors {

inline constexpr std::size_t kLogHeaderSize = 80;
inline constexpr std::size_t kLogSyncedOffset = 64;
inline constexpr std::size_t kRecordHeaderSize = 16;
inline constexpr std::size_t kMaxRecordBody = std::size_t{1} << 30;
inline constexpr std::size_t kMaxLogKind = 39;

using LogHeader = std::array<std::byte, kLogHeaderSize>;
using SyncedMark = std::array<std::byte, 16>;
using RecordHeader = std::array<std::byte, kRecordHeaderSize>;

// `kind` has at most kMaxLogKind bytes.
LogHeader make_log_header(std::string_view kind, std::uint64_t salt);
SyncedMark make_synced_mark(std::uint64_t synced, std::uint64_t salt);
RecordHeader make_record_header(std::span<const std::byte> body, std::uint64_t offset,
                                std::uint64_t salt);

// The bytes a record with such a body occupies, padding included.
std::size_t record_size(std::size_t body_size);

// What scan_log() found.
struct LogScan {
  std::uint64_t salt = 0;
  std::uint64_t end = 0;  // of the last good record; 0: not even the header was complete
  std::uint64_t records = 0;
  std::uint64_t dropped = 0;  // bytes behind `end`, the rest of a write that was cut off
};

// Visits the bodies of all records in order. An error from `visit` ends the scan and is returned.
//
// A bad record with nothing readable behind it, or behind what was synced, is the tail of a write
// that a crash cut off: the scan ends before it. A bad record in the middle of what was synced is
// kInternal and names the offset; a file of another kind or none of ours is kInvalidArgument.
using RecordVisitor = std::function<Status(std::span<const std::byte> body)>;
Result<LogScan> scan_log(std::span<const std::byte> file, std::string_view kind,
                         const RecordVisitor& visit);

}  // namespace flow::executors
