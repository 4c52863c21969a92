// Damages the log of an index. Whatever the bytes, a scan gives whole records from the beginning or
// refuses; of a log that was right before it gives a prefix of what was in it.
//
// The input: how many bodies, which byte to damage and how, where to cut off, then the bodies. The
// same bytes are also read as they are: as a file, as the body of a record, as a cursor and as a
// piece of a snapshot, whose body is then the body of a record.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/check.h"
#include "executors/index_store/log_format.h"
#include "executors/index_store/record_body.h"
#include "executors/index_store/snapshot_piece.h"

namespace {

using namespace flow::executors;  // NOLINT(google-build-using-namespace): one small program
using Bodies = std::vector<std::string>;

constexpr std::uint64_t kSalt = 7;

struct Damage {
  std::uint8_t bodies = 0;
  std::uint8_t flip = 0;
  std::uint16_t place = 0;
  std::uint16_t cut = 0;
  std::uint16_t synced = 0;
};

Bodies bodies_of(std::string_view rest, std::size_t count) {
  Bodies bodies;
  const std::size_t share = rest.size() / count;
  for (std::size_t i = 0; i < count && share > 0; ++i) {
    bodies.emplace_back(rest.substr(i * share, share));
  }
  return bodies;
}

std::vector<std::byte> log_of(const Bodies& bodies, std::uint64_t synced) {
  const LogHeader header = make_log_header("fuzz", kSalt);
  std::vector<std::byte> file(header.begin(), header.end());
  for (const std::string& body : bodies) {
    const auto bytes = std::as_bytes(std::span(body));
    const std::size_t start = file.size();
    const RecordHeader record = make_record_header(bytes, start, kSalt);
    file.insert(file.end(), record.begin(), record.end());
    file.insert(file.end(), bytes.begin(), bytes.end());
    file.resize(start + record_size(body.size()));
  }
  const SyncedMark mark = make_synced_mark(std::min<std::uint64_t>(synced, file.size()), kSalt);
  std::copy(mark.begin(), mark.end(), file.begin() + kLogSyncedOffset);
  return file;
}

// What parses is made again from its parts.
void read_body(std::span<const std::byte> body) {
  const auto parsed = parse_body(body);
  if (!parsed) return;
  if (parsed->is_put) {
    const auto made =
        put_body(flow::Bytes::copy_of(parsed->list), parsed->versions, parsed->attachment);
    const auto again = parse_body(made);
    FLOW_CHECK(again.ok() && again->versions == parsed->versions, "versions come back");
    FLOW_CHECK(std::ranges::equal(again->attachment, parsed->attachment), "attachments come back");
  } else {
    const auto again = parse_body(remove_body(parsed->ids, parsed->versions));
    FLOW_CHECK(again.ok() && again->ids == parsed->ids, "ids come back");
    FLOW_CHECK(again->versions == parsed->versions, "versions come back");
  }
}

void read_piece(std::span<const std::byte> input) {
  const auto made = make_piece("fuzz", input);
  const auto body = open_piece(made, "fuzz");
  FLOW_CHECK(body.ok() && std::ranges::equal(*body, input), "a piece comes back");
  FLOW_CHECK(!open_piece(made, "other").ok(), "a piece of another kind is refused");
  const auto opened = open_piece(input, "fuzz");
  if (opened) read_body(*opened);
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const auto cursor = parse_cursor(text);
  if (cursor) FLOW_CHECK(parse_cursor(to_string(*cursor)).ok(), "a cursor comes back");
}

void scan(std::span<const std::byte> file, const Bodies* expected) {
  Bodies found;
  const auto result = scan_log(file, "fuzz", [&found](std::span<const std::byte> body) {
    found.emplace_back(reinterpret_cast<const char*>(body.data()), body.size());
    return flow::Status();
  });
  if (!result) return;
  FLOW_CHECK(result->records == found.size(), "every record was visited");
  FLOW_CHECK(result->end + result->dropped == file.size(), "every byte is kept or dropped");
  if (expected == nullptr) return;
  FLOW_CHECK(found.size() <= expected->size(), "no record comes from nowhere");
  FLOW_CHECK(std::equal(found.begin(), found.end(), expected->begin()), "a prefix is recovered");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  scan(input, nullptr);
  read_body(input);
  read_piece(input);
  Damage damage;
  if (size < sizeof damage) return 0;
  std::memcpy(&damage, data, sizeof damage);
  const std::string_view rest(reinterpret_cast<const char*>(data) + sizeof damage,
                              size - sizeof damage);
  const Bodies bodies = bodies_of(rest, 1 + damage.bodies % 8);
  std::vector<std::byte> file = log_of(bodies, damage.synced);
  file[damage.place % file.size()] ^= static_cast<std::byte>(damage.flip);
  if (damage.cut % 4 == 0) file.resize(damage.cut % (file.size() + 1));
  scan(file, &bodies);
  return 0;
}
