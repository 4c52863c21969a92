// What every Store promises; run against memory and against a real redis-server.
#include <doctest/doctest.h>

#include "tests/store/store_fixture.h"

namespace flow::store {
namespace {

TEST_CASE_TEMPLATE("an empty store gives the first term and nothing else", Backend, MemoryBackend,
                   RedisBackend) {
  Backend backend;
  const auto store = backend.open();

  const Snapshot snapshot = acquire(*store);

  CHECK(snapshot.term == 1);
  CHECK(snapshot.topology.empty());
  CHECK(snapshot.assignment.empty());
  CHECK(snapshot.highest_id == 0);
}

TEST_CASE_TEMPLATE("each new leader gets a higher term, above all it has seen", Backend,
                   MemoryBackend, RedisBackend) {
  Backend backend;
  const auto first = backend.open();
  const auto second = backend.open();

  CHECK(acquire(*first).term == 1);
  CHECK(acquire(*second).term == 2);
  CHECK(acquire(*first, 10).term == 11);
  CHECK(acquire(*second, 4).term == 12);
}

TEST_CASE_TEMPLATE("the next leader reads what the one before saved", Backend, MemoryBackend,
                   RedisBackend) {
  Backend backend;
  const auto first = backend.open();
  const std::uint64_t term = acquire(*first).term;
  CHECK(first->submit(SaveTopology{term, 4, 77, bytes(std::string_view("a\0b\r\n", 5))}));
  CHECK(first->submit(SaveAssignment{"encode/0/1", "seven"}));
  CHECK(first->submit(SaveAssignment{"index/uses_before/0/0", "eight"}));
  CHECK(first->submit(SaveAssignment{"gateway/0", "nine"}));
  backend.settle(*first);

  const auto second = backend.open();
  const Snapshot snapshot = acquire(*second);

  CHECK(snapshot.term == term + 1);
  CHECK(snapshot.topology == bytes(std::string_view("a\0b\r\n", 5)));
  CHECK(snapshot.highest_id == 77);
  REQUIRE(snapshot.assignment.size() == 3);
  CHECK(snapshot.assignment.at("encode/0/1") == "seven");
  CHECK(snapshot.assignment.at("index/uses_before/0/0") == "eight");
  CHECK(snapshot.assignment.at("gateway/0") == "nine");
}

TEST_CASE_TEMPLATE("a leader that was replaced writes nothing and is told", Backend, MemoryBackend,
                   RedisBackend) {
  Backend backend;
  const auto old_leader = backend.open();
  const std::uint64_t old_term = acquire(*old_leader).term;
  const auto leader = backend.open();
  const std::uint64_t term = acquire(*leader).term;
  CHECK(leader->submit(SaveTopology{term, 9, 5, bytes("new")}));
  backend.settle(*leader);

  CHECK(old_leader->submit(SaveTopology{old_term, 3, 4, bytes("old")}));
  CHECK(old_leader->submit(SaveHealth{"encode/rep-0", "old"}));
  const auto fenced = next<Fenced>(*old_leader);
  backend.settle(*old_leader);

  REQUIRE(fenced.has_value());
  CHECK(fenced->term == term);
  CHECK(backend.health().empty());
  const Snapshot snapshot = acquire(*leader);
  CHECK(snapshot.topology == bytes("new"));
}

TEST_CASE_TEMPLATE("operations wait while the store is away and are done when it is back", Backend,
                   MemoryBackend, RedisBackend) {
  Backend backend;
  backend.away();
  const auto store = backend.open();

  CHECK(store->submit(Acquire{6}));
  const auto gone = next<Disconnected>(*store);
  REQUIRE(gone.has_value());
  CHECK_FALSE(gone->reason.empty());
  backend.back();
  CHECK(next<Connected>(*store).has_value());
  const auto acquired = next<Acquired>(*store);

  REQUIRE(acquired.has_value());
  CHECK(acquired->snapshot.term == 7);
}

TEST_CASE_TEMPLATE("a store that lost everything asks for it again and gets the term back", Backend,
                   MemoryBackend, RedisBackend) {
  Backend backend;
  const auto store = backend.open();
  const std::uint64_t term = acquire(*store, 20).term;
  CHECK(store->submit(SaveTopology{term, 4, 7, bytes("t")}));
  backend.settle(*store);
  while (store->poll()) {
  }

  backend.lose_everything();
  REQUIRE(next<Connected>(*store).has_value());
  CHECK(store->submit(SaveTopology{term, 4, 7, bytes("t")}));
  backend.settle(*store);

  const auto other = backend.open();
  const Snapshot snapshot = acquire(*other);
  CHECK(snapshot.term == term + 1);
  CHECK(snapshot.topology == bytes("t"));
}

TEST_CASE_TEMPLATE("a full queue refuses, and counts what it refused", Backend, MemoryBackend,
                   RedisBackend) {
  Backend backend;
  backend.away();
  const auto store = backend.open();
  REQUIRE(next<Disconnected>(*store).has_value());

  for (std::size_t i = 0; i < kStoreQueue; ++i)
    REQUIRE(store->submit(AppendEvent{"joined", std::to_string(i)}));

  CHECK_FALSE(store->submit(AppendEvent{"joined", "one too many"}));
  CHECK_FALSE(store->submit(AppendEvent{"joined", "another"}));
  CHECK(store->refused() == 2);
}

TEST_CASE_TEMPLATE("health is set and removed, the spec replaced, events kept up to a bound",
                   Backend, MemoryBackend, RedisBackend) {
  Backend backend;
  const auto store = backend.open();
  acquire(*store);

  CHECK(store->submit(SaveHealth{"encode/rep-0", "fine"}));
  CHECK(store->submit(SaveHealth{"encode/rep-1", "silent"}));
  CHECK(store->submit(SaveHealth{"encode/rep-0", ""}));
  CHECK(store->submit(SaveSpec{"old"}));
  CHECK(store->submit(SaveSpec{"[flow]"}));
  for (int i = 0; i < 1500; ++i)
    REQUIRE(store->submit(AppendEvent{"joined", std::to_string(i)}));
  backend.settle(*store);

  CHECK(backend.health() == std::map<std::string, std::string>{{"encode/rep-1", "silent"}});
  CHECK(backend.spec() == "[flow]");
  CHECK(backend.events() >= 1000);
  CHECK(backend.events() < 1200);
}

}  // namespace
}  // namespace flow::store
