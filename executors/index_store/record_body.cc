#include "executors/index_store/record_body.h"

#include <cstdint>
#include <cstring>

namespace flow::executors {
namespace {

constexpr std::size_t kPrefix = 16;
constexpr std::uint32_t kPut = 1;
constexpr std::uint32_t kRemove = 2;

std::size_t padded(std::size_t size) {
  return (size + 15) / 16 * 16;
}

void append_number(std::vector<std::byte>& out, std::uint32_t number) {
  const auto bytes = std::as_bytes(std::span(&number, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint32_t number_at(std::span<const std::byte> in, std::size_t offset) {
  std::uint32_t number = 0;
  std::memcpy(&number, in.data() + offset, sizeof number);
  return number;
}

std::vector<std::byte> start(std::uint32_t operation, std::size_t number, std::size_t size) {
  std::vector<std::byte> out;
  out.reserve(size);
  append_number(out, operation);
  append_number(out, static_cast<std::uint32_t>(number));
  out.resize(kPrefix);
  return out;
}

Error broken(const char* what) {
  return {Errc::kInternal, what};
}

Result<RecordBody> parse_put(std::span<const std::byte> body) {
  const std::size_t size = number_at(body, 4);
  if (size > body.size() - kPrefix || padded(size) > body.size() - kPrefix) {
    return broken("a stored document list is longer than its record");
  }
  RecordBody parsed;
  parsed.is_put = true;
  parsed.list = body.subspan(kPrefix, size);
  parsed.attachment = body.subspan(kPrefix + padded(size));
  return parsed;
}

Result<RecordBody> parse_remove(std::span<const std::byte> body) {
  RecordBody parsed;
  std::size_t at = kPrefix;
  for (std::uint32_t left = number_at(body, 4); left > 0; --left) {
    if (body.size() - at < 4) return broken("a record of removed ids ends too early");
    const std::size_t size = number_at(body, at);
    at += 4;
    if (body.size() - at < size) return broken("a removed id is longer than its record");
    parsed.ids.emplace_back(reinterpret_cast<const char*>(body.data()) + at, size);
    at += size;
  }
  return parsed;
}

}  // namespace

std::vector<std::byte> put_body(const Bytes& list, std::span<const std::byte> attachment) {
  const std::size_t list_end = kPrefix + padded(list.size());
  std::vector<std::byte> out = start(kPut, list.size(), list_end + attachment.size());
  out.insert(out.end(), list.span().begin(), list.span().end());
  out.resize(list_end);
  out.insert(out.end(), attachment.begin(), attachment.end());
  return out;
}

std::vector<std::byte> remove_body(const std::vector<std::string>& ids) {
  std::vector<std::byte> out = start(kRemove, ids.size(), kPrefix + 32 * ids.size());
  for (const std::string& id : ids) {
    append_number(out, static_cast<std::uint32_t>(id.size()));
    const auto bytes = std::as_bytes(std::span(id));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

Result<RecordBody> parse_body(std::span<const std::byte> body) {
  if (body.size() < kPrefix) return broken("a record is too short");
  const std::uint32_t operation = number_at(body, 0);
  if (operation == kPut) return parse_put(body);
  if (operation == kRemove) return parse_remove(body);
  return broken("a record has an unknown operation");
}

}  // namespace flow::executors
