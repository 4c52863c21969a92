#include "executors/index_store/log_format.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace flow::executors::testing {
namespace {

constexpr std::uint64_t kSalt = 42;
using File = std::vector<std::byte>;
using Bodies = std::vector<std::string>;

void append(File& file, std::span<const std::byte> bytes) {
  file.insert(file.end(), bytes.begin(), bytes.end());
}

void append_record(File& file, const std::string& body) {
  const auto bytes = std::as_bytes(std::span(body));
  const std::size_t start = file.size();
  append(file, make_record_header(bytes, start, kSalt));
  append(file, bytes);
  file.resize(start + record_size(body.size()));
}

File log_of(const Bodies& bodies) {
  File file;
  append(file, make_log_header("test", kSalt));
  for (const std::string& body : bodies)
    append_record(file, body);
  return file;
}

void mark_synced(File& file, std::uint64_t synced) {
  const SyncedMark mark = make_synced_mark(synced, kSalt);
  std::copy(mark.begin(), mark.end(), file.begin() + kLogSyncedOffset);
}

// What a scan gives: the bodies, or the message of the error.
struct Outcome {
  Bodies bodies;
  LogScan scan;
  std::string error;
};

Outcome scan(std::span<const std::byte> file, std::string_view kind = "test") {
  Outcome outcome;
  auto result = scan_log(file, kind, [&outcome](std::span<const std::byte> body) {
    outcome.bodies.emplace_back(reinterpret_cast<const char*>(body.data()), body.size());
    return Status();
  });
  if (result) {
    outcome.scan = *result;
  } else {
    outcome.error = result.error().message;
  }
  return outcome;
}

const Bodies kThree{"first", std::string(100, 'x'), "the third one"};

TEST_CASE("records come back in order") {
  CHECK(scan(log_of({})).bodies.empty());
  const File file = log_of(kThree);
  const Outcome outcome = scan(file);
  CHECK(outcome.bodies == kThree);
  CHECK(outcome.scan.records == 3);
  CHECK(outcome.scan.end == file.size());
  CHECK(outcome.scan.dropped == 0);
  CHECK(outcome.scan.salt == kSalt);
}

TEST_CASE("a log cut off at any byte gives all records before the cut") {
  const File whole = log_of(kThree);
  std::vector<std::size_t> ends{kLogHeaderSize};
  for (const std::string& body : kThree)
    ends.push_back(ends.back() + record_size(body.size()));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const Outcome outcome = scan(std::span(whole).first(size));
    REQUIRE(outcome.error.empty());
    std::size_t expected = 0;
    while (expected < kThree.size() && ends[expected + 1] <= size)
      ++expected;
    CHECK(outcome.bodies.size() == expected);
    CHECK(outcome.scan.end + outcome.scan.dropped == size);
  }
}

TEST_CASE("a wrong byte anywhere in the last record drops that record alone") {
  const File whole = log_of(kThree);
  const std::size_t last = whole.size() - record_size(kThree[2].size());
  for (std::size_t at = last; at < last + kRecordHeaderSize + kThree[2].size(); ++at) {
    CAPTURE(at);
    File file = whole;
    file[at] ^= std::byte{1};
    CHECK(scan(file).bodies == Bodies{kThree[0], kThree[1]});
  }
}

TEST_CASE("a wrong byte before good synced records is refused with its place") {
  File whole = log_of(kThree);
  mark_synced(whole, whole.size());
  const std::size_t second = kLogHeaderSize + record_size(kThree[0].size());
  const std::size_t end = second + kRecordHeaderSize + kThree[1].size();
  for (std::size_t at = second; at < end; ++at) {
    CAPTURE(at);
    File file = whole;
    file[at] ^= std::byte{0x80};
    CHECK(scan(file).error ==
          "is corrupt: the record at byte 112 has a wrong checksum and good "
          "records follow it");
  }
}

TEST_CASE("a hole in what was never synced ends the log there") {
  File file = log_of(kThree);
  const std::size_t second = kLogHeaderSize + record_size(kThree[0].size());
  mark_synced(file, second);
  std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(second), 32, std::byte{0});

  const Outcome outcome = scan(file);

  CHECK(outcome.error.empty());
  CHECK(outcome.bodies == Bodies{kThree[0]});
}

TEST_CASE("a file of something else is refused") {
  CHECK(scan(log_of({}), "other").error == "holds a test, expected a other");
  const std::string text(200, 'z');
  CHECK(scan(std::as_bytes(std::span(text))).error == "is not an index log (wrong first bytes)");
  CHECK(scan(std::as_bytes(std::span(text)).first(3)).error ==
        "is not an index log (wrong first bytes)");
  File file = log_of({});
  file[20] ^= std::byte{1};
  CHECK(scan(file).error == "is corrupt: the header at byte 0 has a wrong checksum");
}

TEST_CASE("an error of the visitor ends the scan") {
  const File file = log_of(kThree);
  int visits = 0;
  const auto result = scan_log(file, "test", [&visits](std::span<const std::byte>) -> Status {
    if (++visits == 2) return Error{Errc::kInternal, "enough"};
    return {};
  });
  REQUIRE_FALSE(result.ok());
  CHECK(result.error().message == "enough");
  CHECK(visits == 2);
}

TEST_CASE("a record moved to another place is not one") {
  File file = log_of({"one"});
  File moved = log_of({});
  append(moved, File(16));
  append(moved, std::span(file).subspan(kLogHeaderSize));
  CHECK(scan(moved).bodies.empty());
}

}  // namespace
}  // namespace flow::executors::testing
