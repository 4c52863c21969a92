#include "executors/index_store/log_format.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace flow::executors {
namespace {

constexpr std::string_view kMagic = "FLOWLOG1";
constexpr std::size_t kKindOffset = 16;
constexpr std::size_t kKindField = kMaxLogKind + 1;
constexpr std::size_t kHeaderCheckOffset = 56;

template <typename Number>
void store(std::span<std::byte> out, std::size_t offset, Number value) {
  std::memcpy(out.data() + offset, &value, sizeof value);
}

template <typename Number>
Number load(std::span<const std::byte> in, std::size_t offset) {
  Number value;
  std::memcpy(&value, in.data() + offset, sizeof value);
  return value;
}

std::uint64_t hash(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint32_t size_check(std::uint32_t size, std::uint64_t seed) {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(&size, sizeof size, seed));
}

// The size of the body of the record at `offset`, 0 if there is no record header.
std::size_t body_size_at(std::span<const std::byte> file, std::uint64_t offset,
                         std::uint64_t salt) {
  if (file.size() - offset < kRecordHeaderSize) return 0;
  const auto size = load<std::uint32_t>(file, offset);
  if (size == 0 || size > kMaxRecordBody) return 0;
  const bool valid = load<std::uint32_t>(file, offset + 4) == size_check(size, salt + offset);
  return valid ? size : 0;
}

// The body of the record at `offset`, empty if it is not whole and right.
std::span<const std::byte> body_at(std::span<const std::byte> file, std::uint64_t offset,
                                   std::uint64_t salt) {
  const std::size_t size = body_size_at(file, offset, salt);
  if (size == 0 || record_size(size) > file.size() - offset) return {};
  const auto body = file.subspan(offset + kRecordHeaderSize, size);
  if (load<std::uint64_t>(file, offset + 8) != hash(body, salt + offset)) return {};
  return body;
}

bool record_behind(std::span<const std::byte> file, std::uint64_t bad, std::uint64_t salt) {
  for (std::uint64_t at = bad + 16; at + kRecordHeaderSize <= file.size(); at += 16) {
    if (body_size_at(file, at, salt) != 0) return true;
  }
  return false;
}

std::uint64_t synced_mark(std::span<const std::byte> file, std::uint64_t salt) {
  const auto mark = file.subspan(kLogSyncedOffset, 8);
  const bool valid = load<std::uint64_t>(file, kLogSyncedOffset + 8) == hash(mark, salt);
  return valid ? load<std::uint64_t>(mark, 0) : 0;
}

std::string_view kind_of(std::span<const std::byte> file) {
  const char* text = reinterpret_cast<const char*>(file.data()) + kKindOffset;
  return {text, strnlen(text, kKindField)};
}

bool starts_like_a_log(std::span<const std::byte> file) {
  const std::size_t common = std::min(file.size(), kMagic.size());
  return std::memcmp(file.data(), kMagic.data(), common) == 0;
}

Status check_header(std::span<const std::byte> file, std::string_view kind) {
  if (!starts_like_a_log(file)) {
    return Error{Errc::kInvalidArgument, "is not an index log (wrong first bytes)"};
  }
  if (load<std::uint64_t>(file, kHeaderCheckOffset) != hash(file.first(kHeaderCheckOffset), 0)) {
    return Error{Errc::kInternal, "is corrupt: the header at byte 0 has a wrong checksum"};
  }
  if (kind_of(file) != kind) {
    return Error{Errc::kInvalidArgument,
                 fmt::format("holds a {}, expected a {}", kind_of(file), kind)};
  }
  return {};
}

}  // namespace

LogHeader make_log_header(std::string_view kind, std::uint64_t salt) {
  FLOW_CHECK(kind.size() <= kMaxLogKind, "the kind of a log is too long");
  LogHeader header{};
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  store(header, 8, salt);
  std::memcpy(header.data() + kKindOffset, kind.data(), kind.size());
  store(header, kHeaderCheckOffset, hash(std::span(header).first(kHeaderCheckOffset), 0));
  const SyncedMark mark = make_synced_mark(kLogHeaderSize, salt);
  std::copy(mark.begin(), mark.end(), header.begin() + kLogSyncedOffset);
  return header;
}

SyncedMark make_synced_mark(std::uint64_t synced, std::uint64_t salt) {
  SyncedMark mark{};
  store(mark, 0, synced);
  store(mark, 8, hash(std::span(mark).first(8), salt));
  return mark;
}

RecordHeader make_record_header(std::span<const std::byte> body, std::uint64_t offset,
                                std::uint64_t salt) {
  const auto size = static_cast<std::uint32_t>(body.size());
  RecordHeader header{};
  store(header, 0, size);
  store(header, 4, size_check(size, salt + offset));
  store(header, 8, hash(body, salt + offset));
  return header;
}

std::size_t record_size(std::size_t body_size) {
  return kRecordHeaderSize + (body_size + 15) / 16 * 16;
}

Result<LogScan> scan_log(std::span<const std::byte> file, std::string_view kind,
                         const RecordVisitor& visit) {
  LogScan scan;
  if (file.size() < kLogHeaderSize) {
    if (!file.empty() && !starts_like_a_log(file)) return check_header(file, kind).error();
    scan.dropped = file.size();
    return scan;
  }
  if (const Status status = check_header(file, kind); !status) return status.error();
  scan.salt = load<std::uint64_t>(file, 8);
  scan.end = kLogHeaderSize;
  while (scan.end < file.size()) {
    const auto body = body_at(file, scan.end, scan.salt);
    if (body.empty()) break;
    if (Status status = visit(body); !status) return std::move(status).error();
    scan.end += record_size(body.size());
    ++scan.records;
  }
  scan.dropped = file.size() - scan.end;
  const bool was_synced = scan.end < synced_mark(file, scan.salt);
  if (scan.dropped > 0 && was_synced && record_behind(file, scan.end, scan.salt)) {
    return Error{Errc::kInternal,
                 fmt::format("is corrupt: the record at byte {} has a wrong checksum and good "
                             "records follow it",
                             scan.end)};
  }
  return scan;
}

}  // namespace flow::executors
