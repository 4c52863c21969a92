#include "wire/snapshot.h"

#include <doctest/doctest.h>

#include "samples.h"

namespace flow::wire {
namespace {

using samples::deliver;

bool reads_ask(Received received) {
  return decode_snapshot_ask(received).ok();
}

bool reads_piece(Received received) {
  return decode_snapshot_piece(std::move(received)).ok();
}

TEST_CASE("an ask arrives as it was sent") {
  SnapshotEncoder encoder;
  const auto read = decode_snapshot_ask(deliver(encoder.encode(samples::snapshot_ask())));
  REQUIRE(read.ok());
  CHECK(read->target == 8);
  CHECK(read->from == InstanceId{9});
  CHECK(read->cursor == "p7-1234");
  CHECK(read->limit == 1U << 20);
}

TEST_CASE("a piece arrives as it was sent, in one frame or two") {
  SnapshotEncoder encoder;
  for (const Bytes& payload : {samples::small_payload(), samples::large_payload(), Bytes()}) {
    SnapshotPiece piece = samples::snapshot_piece();
    piece.payload = payload;
    const auto read = decode_snapshot_piece(deliver(encoder.encode(piece)));
    REQUIRE(read.ok());
    CHECK(read->target == 9);
    CHECK(read->from == InstanceId{8});
    CHECK(read->asked == "p7-1234");
    CHECK(read->next == "p7-5678");
    CHECK(read->last);
    CHECK(read->code == Errc::kNotFound);
    CHECK(read->message == "another process");
    CHECK(read->payload == payload);
  }
}

TEST_CASE("what is cut, garbled or of another conversation is refused or decodes") {
  SnapshotEncoder encoder;
  const Received ask = deliver(encoder.encode(samples::snapshot_ask()));
  CHECK(samples::accepted_prefixes(ask, reads_ask) == 0);
  CHECK(samples::refused_flips(ask, reads_ask, /*seed=*/1, 2'000) > 100);
  CHECK_FALSE(reads_piece(ask));
  const Received piece = deliver(encoder.encode(samples::snapshot_piece()));
  CHECK(samples::accepted_prefixes(piece, reads_piece) == 0);
  CHECK(samples::refused_flips(piece, reads_piece, /*seed=*/2, 2'000) > 100);
  CHECK_FALSE(reads_ask(piece));
}

TEST_CASE("a cursor that is too long is refused") {
  SnapshotEncoder encoder;
  SnapshotAsk ask = samples::snapshot_ask();
  ask.cursor.assign(kMaxCursor + 1, 'c');
  CHECK_FALSE(reads_ask(deliver(encoder.encode(ask))));
}

}  // namespace
}  // namespace flow::wire
