#include "reporter.h"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

constexpr InstanceId kOne{1};
constexpr InstanceId kTwo{2};
constexpr std::uint32_t kSlow = 10'000'000;  // ten seconds of service: a window of two

Instant at(Duration time) {
  return Instant(std::chrono::seconds(100) + time);
}

wire::Progress received(std::uint64_t sequence) {
  return {.sequence = sequence};
}

wire::Progress finished(std::uint64_t sequence, std::uint32_t service_us = 100) {
  return {.sequence = sequence, .finished = 1, .service_us = service_us};
}

Reporter reporter_for(std::initializer_list<InstanceId> gateways) {
  Reporter reporter(1);
  reporter.set_gateways(std::span(gateways.begin(), gateways.size()));
  return reporter;
}

// How many entries are due for whom; nothing when no report is.
struct Due {
  InstanceId gateway;
  std::vector<wire::Progress> entries;
};
std::optional<Due> take(Reporter& reporter, Instant now) {
  Due due;
  if (!reporter.take_due(now, due.gateway, due.entries)) return std::nullopt;
  return due;
}

}  // namespace

TEST_CASE("a report goes out 10 ms after something changed") {
  Reporter reporter = reporter_for({kOne});
  reporter.add(kOne, received(1), at(0ms));
  reporter.add(kOne, finished(1), at(4ms));

  CHECK(reporter.next() == at(10ms));
  CHECK_FALSE(take(reporter, at(9ms)));
  const auto due = take(reporter, at(10ms));

  REQUIRE(due);
  CHECK(due->gateway == kOne);
  CHECK(due->entries == std::vector{finished(1)});
  CHECK_FALSE(take(reporter, at(10ms)));
  CHECK(reporter.next() == kNever);
}

TEST_CASE("what finished before its receipt was told is told once, in the receipt's place") {
  Reporter reporter = reporter_for({kOne});
  for (const std::uint64_t sequence : {1, 2, 3})
    reporter.add(kOne, received(sequence), at(0ms));
  reporter.add(kOne, finished(2), at(1ms));
  reporter.add(kOne, finished(1), at(1ms));
  reporter.add(kOne, received(4), at(1ms));
  reporter.add(kOne, finished(4), at(1ms));

  const auto due = take(reporter, at(10ms));

  REQUIRE(due);
  CHECK(due->entries == std::vector{finished(1), finished(2), received(3), finished(4)});
  CHECK(reporter.has_work());
}

TEST_CASE("what finishes after its receipt was told is told again, another attempt on its own") {
  Reporter reporter = reporter_for({kOne});
  reporter.add(kOne, received(1), at(0ms));
  REQUIRE(take(reporter, at(10ms)));
  wire::Progress again = received(1);
  again.attempt = 2;
  reporter.add(kOne, again, at(11ms));
  reporter.add(kOne, finished(1), at(11ms));

  const auto due = take(reporter, at(21ms));

  REQUIRE(due);
  CHECK(due->entries == std::vector{again, finished(1)});
}

TEST_CASE("the receipt of what finishes far out of turn is told, too") {
  Reporter reporter = reporter_for({kOne});
  constexpr std::uint64_t kMany = 40;
  for (std::uint64_t sequence = 0; sequence < kMany; ++sequence)
    reporter.add(kOne, received(sequence), at(0ms));
  reporter.add(kOne, finished(kMany - 1), at(1ms));

  const auto due = take(reporter, at(10ms));

  REQUIRE(due);
  CHECK(due->entries.size() == kMany + 1);
  CHECK(due->entries[kMany - 1] == received(kMany - 1));
  CHECK(due->entries.back() == finished(kMany - 1));
}

TEST_CASE("half a window of finished requests is told at once") {
  Reporter reporter = reporter_for({kOne});
  reporter.add(kOne, finished(1, kSlow), at(0ms));

  REQUIRE(reporter.half_window() == 1);
  CHECK(take(reporter, at(0ms)));
}

TEST_CASE("the faster the requests, the more of them make a report") {
  Reporter reporter = reporter_for({kOne});
  const std::uint32_t unknown = reporter.half_window();
  reporter.add(kOne, finished(1, 0), at(0ms));

  CHECK(unknown == 4);
  CHECK(reporter.half_window() == 512);
  CHECK_FALSE(take(reporter, at(0ms)));
}

TEST_CASE("a gateway with work here hears of it every 200 ms") {
  Reporter reporter = reporter_for({kOne});
  reporter.add(kOne, received(1), at(0ms));
  REQUIRE(take(reporter, at(10ms)));

  CHECK(reporter.next() == at(210ms));
  CHECK_FALSE(take(reporter, at(209ms)));
  const auto due = take(reporter, at(210ms));

  REQUIRE(due);
  CHECK(due->entries.empty());
  CHECK(reporter.has_work());
  reporter.add(kOne, finished(1), at(220ms));
  CHECK(take(reporter, at(230ms)));
  CHECK_FALSE(reporter.has_work());
  CHECK(reporter.next() == kNever);
}

TEST_CASE("each gateway hears of its own requests only") {
  Reporter reporter = reporter_for({kOne, kTwo});
  reporter.add(kOne, received(1), at(0ms));
  reporter.add(kTwo, received(2), at(0ms));

  const auto first = take(reporter, at(10ms));
  const auto second = take(reporter, at(10ms));

  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->entries == std::vector{received(1)});
  CHECK(second->gateway == kTwo);
  CHECK(second->entries == std::vector{received(2)});
}

TEST_CASE("a gateway of a topology to come is told once it is known") {
  Reporter reporter = reporter_for({});
  reporter.add(kOne, received(1), at(0ms));
  CHECK(reporter.next() == kNever);
  CHECK_FALSE(take(reporter, at(1s)));

  reporter.set_gateways(std::span(&kOne, 1));

  CHECK(take(reporter, at(1s)));
}

TEST_CASE("a gateway that left is forgotten") {
  Reporter reporter = reporter_for({kOne});
  reporter.add(kOne, received(1), at(0ms));

  reporter.set_gateways({});

  CHECK(reporter.next() == kNever);
  CHECK_FALSE(reporter.has_work());
}

TEST_CASE("many entries go out in several reports, too many are lost and counted") {
  Reporter reporter = reporter_for({kOne});
  for (std::size_t i = 0; i < Reporter::kMaxPending + 3; ++i)
    reporter.add(kOne, received(i), at(0ms));

  CHECK(reporter.dropped() == 3);
  std::size_t reports = 0;
  std::size_t entries = 0;
  while (const auto due = take(reporter, at(10ms))) {
    ++reports;
    entries += due->entries.size();
    CHECK(due->entries.size() <= Reporter::kMaxEntries);
  }
  CHECK(reports == Reporter::kMaxPending / Reporter::kMaxEntries);
  CHECK(entries == Reporter::kMaxPending);
}
