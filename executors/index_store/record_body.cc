#include "executors/index_store/record_body.h"

#include <cstdint>
#include <cstring>

namespace flow::executors {
namespace {

constexpr std::size_t kPrefix = 16;
constexpr std::uint32_t kPut = 1;
constexpr std::uint32_t kRemove = 2;
constexpr std::uint32_t kVersionedPut = 3;
constexpr std::uint32_t kVersionedRemove = 4;
constexpr std::size_t kVersionSize = 16;

std::size_t padded(std::size_t size) {
  return (size + 15) / 16 * 16;
}

template <typename Number>
void append_number(std::vector<std::byte>& out, Number number) {
  const auto bytes = std::as_bytes(std::span(&number, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <typename Number>
Number number_at(std::span<const std::byte> in, std::size_t offset) {
  Number number = 0;
  std::memcpy(&number, in.data() + offset, sizeof number);
  return number;
}

std::vector<std::byte> start(std::uint32_t operation, std::size_t number, Versions versions,
                             std::size_t size) {
  std::vector<std::byte> out;
  out.reserve(size + kVersionSize * versions.size());
  append_number(out, operation);
  append_number(out, static_cast<std::uint32_t>(number));
  append_number(out, static_cast<std::uint32_t>(versions.size()));
  out.resize(kPrefix);
  return out;
}

void append_versions(std::vector<std::byte>& out, Versions versions) {
  for (const WriteVersion& version : versions) {
    append_number(out, version.time_ns);
    append_number(out, version.gateway);
    append_number(out, std::uint32_t{0});
  }
}

Error broken(const char* what) {
  return {Errc::kInternal, what};
}

// Takes the versions off the front of `rest`.
Status parse_versions(std::uint32_t count, std::span<const std::byte>& rest, RecordBody& parsed) {
  if (count == 0) return broken("a record with versions has none");
  if (count > rest.size() / kVersionSize) return broken("versions are longer than their record");
  parsed.versions.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    parsed.versions.push_back({number_at<std::uint64_t>(rest, i * kVersionSize),
                               number_at<std::uint32_t>(rest, i * kVersionSize + 8)});
  }
  rest = rest.subspan(count * kVersionSize);
  return {};
}

Result<RecordBody> parse_put(std::span<const std::byte> body, bool versioned) {
  const std::size_t size = number_at<std::uint32_t>(body, 4);
  if (size > body.size() - kPrefix || padded(size) > body.size() - kPrefix) {
    return broken("a stored document list is longer than its record");
  }
  RecordBody parsed;
  parsed.is_put = true;
  parsed.list = body.subspan(kPrefix, size);
  parsed.attachment = body.subspan(kPrefix + padded(size));
  if (versioned) {
    const auto count = number_at<std::uint32_t>(body, 8);
    if (Status status = parse_versions(count, parsed.attachment, parsed); !status) {
      return std::move(status).error();
    }
  }
  return parsed;
}

Result<RecordBody> parse_remove(std::span<const std::byte> body, bool versioned) {
  RecordBody parsed;
  const auto count = number_at<std::uint32_t>(body, 4);
  std::span<const std::byte> rest = body.subspan(kPrefix);
  if (versioned && count > 0) {
    const auto versions = number_at<std::uint32_t>(body, 8);
    if (versions != 1 && versions != count) {
      return broken("a record has neither one version nor one for each id");
    }
    if (Status status = parse_versions(versions, rest, parsed); !status) {
      return std::move(status).error();
    }
  }
  for (std::uint32_t left = count; left > 0; --left) {
    if (rest.size() < 4) return broken("a record of removed ids ends too early");
    const std::size_t size = number_at<std::uint32_t>(rest, 0);
    rest = rest.subspan(4);
    if (rest.size() < size) return broken("a removed id is longer than its record");
    parsed.ids.emplace_back(reinterpret_cast<const char*>(rest.data()), size);
    rest = rest.subspan(size);
  }
  return parsed;
}

}  // namespace

std::vector<std::byte> put_body(const Bytes& list, Versions versions,
                                std::span<const std::byte> attachment) {
  const std::size_t list_end = kPrefix + padded(list.size());
  std::vector<std::byte> out = start(versions.empty() ? kPut : kVersionedPut, list.size(), versions,
                                     list_end + attachment.size());
  out.insert(out.end(), list.span().begin(), list.span().end());
  out.resize(list_end);
  append_versions(out, versions);
  out.insert(out.end(), attachment.begin(), attachment.end());
  return out;
}

std::vector<std::byte> remove_body(const std::vector<std::string>& ids, Versions versions) {
  const bool versioned = !versions.empty() || ids.empty();
  std::vector<std::byte> out = start(versioned ? kVersionedRemove : kRemove, ids.size(), versions,
                                     kPrefix + 32 * ids.size());
  append_versions(out, versions);
  for (const std::string& id : ids) {
    append_number(out, static_cast<std::uint32_t>(id.size()));
    const auto bytes = std::as_bytes(std::span(id));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

Result<RecordBody> parse_body(std::span<const std::byte> body) {
  if (body.size() < kPrefix) return broken("a record is too short");
  switch (number_at<std::uint32_t>(body, 0)) {
    case kPut: return parse_put(body, false);
    case kRemove: return parse_remove(body, false);
    case kVersionedPut: return parse_put(body, true);
    case kVersionedRemove: return parse_remove(body, true);
    default: return broken("a record has an unknown operation");
  }
}

}  // namespace flow::executors
