#include "batcher.h"

#include <doctest/doctest.h>

#include "worker_fixture.h"

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

using Pieces = std::vector<BatchPiece>;

// Batches of 4 documents within 10 ms for "/encode".
struct Rules {
  Rules() {
    const std::vector<BatchRule> rules{{"/encode", 4, 10ms}, {"*", 100, 1s}};
    batcher.set_rules(rules);
  }
  std::uint32_t add(std::uint32_t slot, std::uint32_t documents, Instant now,
                    ValueMap parameters = {}, Instant deadline = at(60s)) {
    return batcher.add(*batcher.rule_for("/encode"),
                       {"/encode", slot, documents, std::move(parameters), deadline}, now);
  }
  Pieces take(Instant now) {
    Pieces pieces;
    return batcher.take(now, pieces) ? pieces : Pieces{};
  }
  Batcher batcher;
};

}  // namespace

TEST_CASE("an endpoint has its own rule, else that of all others") {
  Rules rules;
  CHECK(rules.batcher.rule_for("/encode")->size == 4);
  CHECK(rules.batcher.rule_for("/x")->size == 100);
  rules.batcher.set_rules({});
  CHECK(rules.batcher.rule_for("/encode") == nullptr);
}

TEST_CASE("a batch is due when it is full") {
  Rules rules;
  CHECK(rules.add(0, 3, at(0ms)) == 1);
  CHECK(rules.take(at(1ms)).empty());
  CHECK(rules.add(1, 1, at(1ms)) == 1);
  CHECK(rules.batcher.next_due() == Instant{});
  CHECK(rules.take(at(1ms)) == Pieces{{0, 0, 3}, {1, 0, 1}});
  CHECK(rules.take(at(1s)).empty());
  CHECK(rules.batcher.next_due() == kNever);
}

TEST_CASE("the first document starts the timer, later ones do not") {
  Rules rules;
  rules.add(0, 1, at(5ms));
  rules.add(1, 1, at(14ms));
  CHECK(rules.batcher.next_due() == at(15ms));
  CHECK(rules.take(at(14ms)).empty());
  CHECK(rules.take(at(15ms)) == Pieces{{0, 0, 1}, {1, 0, 1}});
}

TEST_CASE("a batch is never over its size: what does not fit goes into the next, in order") {
  Rules rules;
  rules.add(7, 1, at(0ms));
  CHECK(rules.add(8, 10, at(2ms)) == 3);
  CHECK(rules.take(at(2ms)) == Pieces{{7, 0, 1}, {8, 0, 3}});
  CHECK(rules.take(at(2ms)) == Pieces{{8, 3, 4}});
  CHECK(rules.take(at(2ms)).empty());
  CHECK(rules.batcher.next_due() == at(12ms));
  CHECK(rules.take(at(12ms)) == Pieces{{8, 7, 3}});
}

TEST_CASE("other parameters, another batch") {
  Rules rules;
  rules.add(0, 2, at(0ms), {{"lang", "en"}});
  rules.add(1, 2, at(1ms), {{"lang", "de"}});
  rules.add(2, 2, at(2ms), {{"lang", "en"}});
  CHECK(rules.take(at(2ms)) == Pieces{{0, 0, 2}, {2, 0, 2}});
  CHECK(rules.take(at(11ms)) == Pieces{{1, 0, 2}});
}

TEST_CASE("a batch does not wait past the deadline of one of its requests") {
  Rules rules;
  rules.batcher.note_execution(3ms);
  rules.add(0, 1, at(0ms));
  rules.add(1, 1, at(1ms), {}, at(8ms));
  CHECK(rules.batcher.next_due() == at(5ms));
  rules.add(2, 1, at(6ms), {}, at(7ms));  // too late already: at once
  CHECK(rules.batcher.next_due() == at(5ms));
  CHECK(rules.take(at(6ms)).size() == 3);
}

TEST_CASE("a request without documents rides along") {
  Rules rules;
  CHECK(rules.add(0, 0, at(0ms)) == 1);
  rules.add(1, 4, at(1ms));
  CHECK(rules.take(at(1ms)) == Pieces{{0, 0, 0}, {1, 0, 4}});
}

TEST_CASE("nothing waits after a flush") {
  Rules rules;
  rules.add(0, 1, at(0ms));
  rules.add(1, 1, at(0ms), {{"a", 1}});
  rules.batcher.flush();
  CHECK(rules.take(at(0ms)) == Pieces{{0, 0, 1}});
  CHECK(rules.take(at(0ms)) == Pieces{{1, 0, 1}});
}

TEST_CASE("one batch more than may be filled at once makes the oldest of them due") {
  Rules rules;
  for (std::uint32_t i = 0; i <= Batcher::kMaxOpen; ++i)
    rules.add(i, 1, at(0ms), {{"number", static_cast<int>(i)}});
  CHECK(rules.take(at(0ms)) == Pieces{{0, 0, 1}});
  CHECK(rules.take(at(0ms)).empty());
  CHECK(rules.batcher.open() == Batcher::kMaxOpen);
}
