#include "copier.h"

#include <doctest/doctest.h>

#include <map>
#include <utility>
#include <vector>

namespace {

using namespace flow;
using namespace flow::worker;
using namespace std::chrono_literals;

Instant at(Duration time) {
  return Instant(100s) + time;
}

// Holds letters; a piece is one of them.
struct Letters final : Replicated {
  Held held() const override { return {}; }
  Result<SnapshotPiece> next_piece(std::string_view cursor, std::size_t limit) override {
    limits.push_back(limit);
    if (!cursor.empty() && cursor[0] != life) return Error{Errc::kNotFound, "another life"};
    const std::size_t from = cursor.empty() ? 0 : static_cast<std::size_t>(cursor[1] - '0');
    SnapshotPiece piece;
    if (from < text.size()) piece.bytes = {std::byte{static_cast<unsigned char>(text[from])}};
    if (from >= text.size()) piece.bytes = {std::byte{'.'}};
    const std::size_t next = std::min(from + 1, text.size());
    piece.cursor = {life, static_cast<char>('0' + next)};
    piece.last = next >= text.size();
    return piece;
  }
  Status merge(std::span<const std::byte> piece) override {
    if (broken) return Error{Errc::kInternal, "no room"};
    for (const std::byte each : piece)
      text += static_cast<char>(each);
    return {};
  }
  std::string text;
  char life = 'a';
  bool broken = false;
  std::vector<std::size_t> limits;
};

struct Port final : CopyPort {
  void send_ask(const wire::SnapshotAsk& ask) override { asks.push_back(ask); }
  void send_piece(const wire::SnapshotPiece& piece) override { pieces.push_back(piece); }
  void copied(InstanceId sibling, const Status& outcome) override {
    outcomes.emplace_back(sibling, outcome ? Errc::kOk : outcome.error().code);
  }
  std::vector<wire::SnapshotAsk> asks;
  std::vector<wire::SnapshotPiece> pieces;
  std::vector<std::pair<InstanceId, Errc>> outcomes;
};

constexpr InstanceId kSource{8};
constexpr InstanceId kLate{9};

// One replica copies from another; messages wait in the ports.
struct Two {
  Letters has{};
  Letters wants{};
  Port source_port;
  Port late_port;
  Copier source{kSource, &has, 1U << 24, source_port};
  Copier late{kLate, &wants, 1U << 24, late_port};

  void deliver_ask() {
    REQUIRE_FALSE(late_port.asks.empty());
    source.on_ask(late_port.asks.back());
  }
  void deliver_piece(Instant now = at(0ms)) {
    REQUIRE_FALSE(source_port.pieces.empty());
    late.on_piece(source_port.pieces.back(), now);
  }
  void finish() {
    for (int i = 0; i < 20 && late_port.outcomes.empty(); ++i) {
      deliver_ask();
      deliver_piece();
    }
  }
};

}  // namespace

TEST_CASE("a replica copies piece by piece and says when it has the last") {
  Two two;
  two.has.text = "xyz";
  two.late.begin(kSource, at(0ms));
  CHECK(two.late_port.asks.size() == 1);
  CHECK(two.late_port.asks[0].target == kSource.value);
  CHECK(two.late_port.asks[0].cursor.empty());
  two.finish();
  CHECK(two.wants.text == "xyz");
  CHECK(two.late_port.asks.size() == 3);
  REQUIRE(two.late_port.outcomes.size() == 1);
  CHECK(two.late_port.outcomes[0] == std::pair{kSource, Errc::kOk});
  CHECK(two.has.limits[0] == Copier::kPieceBytes);
  CHECK(two.late.tick(at(1h)) == kNever);
}

TEST_CASE("an ask that is not answered is said again, and its answer counts once") {
  Two two;
  two.has.text = "xy";
  two.late.begin(kSource, at(0ms));
  CHECK(two.late.tick(at(999ms)) == at(1s));
  CHECK(two.late_port.asks.size() == 1);
  two.late.tick(at(1s));
  REQUIRE(two.late_port.asks.size() == 2);
  two.deliver_ask();
  two.deliver_ask();
  two.deliver_piece(at(1s));
  two.deliver_piece(at(1s));
  CHECK(two.wants.text == "x");
}

TEST_CASE("a sibling that does not answer is given up") {
  Two two;
  two.late.begin(kSource, at(0ms));
  for (int s = 1; s <= 10; ++s)
    two.late.tick(at(s * 1s));
  REQUIRE(two.late_port.outcomes.size() == 1);
  CHECK(two.late_port.outcomes[0].second == Errc::kUnavailable);
}

TEST_CASE("a sibling that started again is copied from the beginning, but not for ever") {
  Two two;
  two.has.text = "xyz";
  two.late.begin(kSource, at(0ms));
  two.deliver_ask();
  two.deliver_piece();
  two.has.life = 'b';
  two.deliver_ask();
  two.deliver_piece();
  CHECK(two.late_port.asks.back().cursor.empty());
  for (int i = 0; i < 20 && two.late_port.outcomes.empty(); ++i) {
    two.deliver_ask();
    two.has.life = two.has.life == 'b' ? 'c' : 'b';
    two.deliver_piece();
  }
  REQUIRE(two.late_port.outcomes.size() == 1);
  CHECK(two.late_port.outcomes[0].second == Errc::kNotFound);
}

TEST_CASE("what cannot be merged ends the copy") {
  Two two;
  two.has.text = "xyz";
  two.wants.broken = true;
  two.late.begin(kSource, at(0ms));
  two.finish();
  CHECK(two.late_port.outcomes[0].second == Errc::kInternal);
}

TEST_CASE("another sibling takes the place of the one copied from; late pieces are dropped") {
  Two two;
  two.has.text = "xyz";
  two.late.begin(kSource, at(0ms));
  two.late.begin(kSource, at(0ms));
  CHECK(two.late_port.asks.size() == 1);
  two.deliver_ask();
  two.late.begin(InstanceId{10}, at(0ms));
  CHECK(two.late_port.asks.back().target == 10);
  two.deliver_piece();
  CHECK(two.wants.text.empty());
}

TEST_CASE("messages for others are dropped, and who keeps nothing has nothing to copy") {
  Two two;
  wire::SnapshotAsk ask;
  ask.target = 77;
  two.source.on_ask(ask);
  CHECK(two.source_port.pieces.empty());

  Port port;
  Copier none(kLate, nullptr, 1U << 20, port);
  CHECK_FALSE(none.keeps());
  none.begin(kSource, at(0ms));
  CHECK(port.outcomes.at(0) == std::pair{kSource, Errc::kOk});
  CHECK(port.asks.empty());
}
