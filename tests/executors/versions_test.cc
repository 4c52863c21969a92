// Versions, tombstones and snapshot pieces of a DocumentStore, one by one.
#include <xxhash.h>

#include <cstring>
#include <random>

#include "executors/index_store/snapshot_piece.h"
#include "tests/executors/store_fixture.h"

namespace flow::executors::testing {
namespace {

constexpr std::uint64_t kHour = 3'600'000'000'000;
constexpr std::uint64_t kNow = 1'800'000'000'000'000'000;

WriteVersion at_time(std::uint64_t time_ns, std::uint32_t gateway = 1) {
  return {time_ns, gateway};
}

// A store in a folder of its own.
struct Store {
  explicit Store(DocumentStore::Options with = {}) : options(std::move(with)) {
    options.folder = folder.path();
    options.kind = "test";
    options.sync = SyncPolicy::kNone;
    options.lock_patience = Duration::zero();
    reopen();
  }
  void reopen() {
    store.reset();
    view = CheckedView();
    store = open_at(options, view);
  }
  DocumentStore* operator->() const { return store.get(); }

  TempFolder folder;
  DocumentStore::Options options;
  CheckedView view;
  std::unique_ptr<DocumentStore> store;
};

Status put(Store& to, const std::map<std::string, std::string>& texts, WriteVersion version = {}) {
  return testing::put(*to.store, texts, version);
}

// All pieces of a snapshot.
std::vector<SnapshotPiece> pieces_of(Store& from, std::size_t limit) {
  std::vector<SnapshotPiece> pieces;
  std::string cursor;
  do {
    auto piece = from->next_piece(cursor, limit);
    REQUIRE(piece.ok());
    cursor = piece->cursor;
    pieces.push_back(*std::move(piece));
  } while (!pieces.back().last);
  return pieces;
}

TEST_CASE("of two writes to a document the newer stays, whichever comes first") {
  Store store;
  REQUIRE(put(store, {{"a", "new"}}, at_time(20)).ok());
  const std::uint64_t log = store->log_size();
  REQUIRE(put(store, {{"a", "old"}}, at_time(10, 9)).ok());
  REQUIRE(store->remove({"a"}, at_time(19)).ok());
  REQUIRE(put(store, {{"a", "same"}}, at_time(20)).ok());
  CHECK(contents(*store.store) == All{"a=new"});
  CHECK(store->log_size() == log);
  CHECK(store->ignored() == 3);

  REQUIRE(put(store, {{"a", "other gateway"}}, at_time(20, 2)).ok());
  REQUIRE(put(store, {{"a", "newest"}}, at_time(21)).ok());
  CHECK(contents(*store.store) == All{"a=newest"});
  CHECK(store->held().newest == at_time(21));
}

TEST_CASE("of a request only the documents that are newer are stored") {
  Store store;
  REQUIRE(put(store, {{"b", "later"}}, at_time(20)).ok());
  REQUIRE(put(store, {{"a", "1"}, {"b", "22"}, {"c", "333"}}, at_time(10)).ok());
  CHECK(contents(*store.store) == All{"b=later", "a=1", "c=333"});
  store.reopen();
  CHECK(contents(*store.store) == All{"b=later", "a=1", "c=333"});
}

TEST_CASE("of two documents with one id in a write the last stays") {
  Store store;
  const Documents twice = list_of({text_document("a", "1"), text_document("a", "22")});
  const std::vector<std::byte> marks{std::byte{1}, std::byte{2}};
  REQUIRE(store->put(twice, marks, at_time(5)).ok());
  CHECK(contents(*store.store) == All{"a=22"});
  CHECK(store->held().entries == 1);
}

TEST_CASE("a removed document does not come back with an older write") {
  Store store;
  REQUIRE(put(store, {{"a", "1"}}, at_time(10)).ok());
  REQUIRE(store->remove({"a", "never seen"}, at_time(20)).ok());
  CHECK(store->tombstones() == 2);
  CHECK(store->held().entries == 2);
  REQUIRE(put(store, {{"a", "late"}, {"never seen", "late"}}, at_time(15)).ok());
  store.reopen();
  REQUIRE(put(store, {{"a", "late"}, {"never seen", "late"}}, at_time(15)).ok());
  CHECK(contents(*store.store).empty());

  REQUIRE(put(store, {{"a", "again"}}, at_time(30)).ok());
  CHECK(contents(*store.store) == All{"a=again"});
  CHECK(store->tombstones() == 1);
}

TEST_CASE("writes without a version win in their order and leave no tombstone") {
  Store store;
  REQUIRE(put(store, {{"a", "1"}, {"b", "1"}}, at_time(10)).ok());
  REQUIRE(put(store, {{"a", "2"}}).ok());
  REQUIRE(store->remove({"b", "c"}).ok());
  CHECK(contents(*store.store) == All{"a=2"});
  CHECK(store->tombstones() == 0);
  REQUIRE(store->remove({"a"}, at_time(11)).ok());
  REQUIRE(put(store, {{"a", "3"}}).ok());
  CHECK(contents(*store.store) == All{"a=3"});
  CHECK(store->tombstones() == 0);
}

TEST_CASE("tombstones are forgotten when newer writes have left them an hour behind") {
  Store a;
  Store b;
  const auto age = [](Store& store, bool removal_first) {
    if (removal_first) REQUIRE(store->remove({"x"}, at_time(kNow)).ok());
    REQUIRE(put(store, {{"y", "1"}}, at_time(kNow + kHour)).ok());
    if (!removal_first) REQUIRE(store->remove({"x"}, at_time(kNow)).ok());
  };
  age(a, true);
  age(b, false);
  CHECK(a->tombstones() == 1);
  REQUIRE(put(a, {{"y", "2"}}, at_time(kNow + kHour + 1)).ok());
  CHECK(a->tombstones() == 0);
  REQUIRE(put(b, {{"y", "2"}}, at_time(kNow + kHour + 1)).ok());
  CHECK(a->held() == b->held());
  REQUIRE(put(a, {{"x", "back"}}, at_time(kNow - 1)).ok());  // the price
  CHECK(a->contains("x"));
}

TEST_CASE("above their number the oldest tombstones are forgotten") {
  DocumentStore::Options options;
  options.max_tombstones = 3;
  Store store(options);
  for (const std::uint64_t time : {14, 11, 13, 12, 15})
    REQUIRE(store->remove({fmt::format("id{}", time)}, at_time(time)).ok());
  CHECK(store->tombstones() == 3);
  REQUIRE(put(store, {{"id12", "1"}, {"id13", "1"}}, at_time(10)).ok());
  CHECK(contents(*store.store) == All{"id12=1"});
  const Held held = store->held();
  store.reopen();
  CHECK(store->held() == held);
}

TEST_CASE("a new log keeps versions and tombstones") {
  DocumentStore::Options options;
  options.compact_above = 4096;
  Store store(options);
  REQUIRE(put(store, {{"a", "1"}, {"plain", "0"}}, at_time(100)).ok());
  REQUIRE(put(store, {{"plain", "00"}}).ok());
  REQUIRE(store->remove({"gone"}, at_time(101)).ok());
  for (std::uint64_t round = 0; round < 200; ++round)
    REQUIRE(put(store, {{"b", std::string(1 + round % 9, 'b')}}, at_time(200 + round)).ok());
  REQUIRE(store.view.renumberings > 0);
  const Held held = store->held();
  store.reopen();
  CHECK(store->held() == held);
  REQUIRE(put(store, {{"a", "x"}, {"b", "x"}, {"gone", "x"}}, at_time(50)).ok());
  CHECK(contents(*store.store) == All{"a=1", "plain=00", "b=bb"});
}

TEST_CASE("many tombstones do not write the log anew with every request") {
  DocumentStore::Options options;
  options.compact_above = 1024;
  Store store(options);
  std::uint64_t before = store->log_size();
  int shrunk = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    REQUIRE(store->remove({fmt::format("removed-{}", i)}, at_time(10 + i)).ok());
    shrunk += static_cast<int>(store->log_size() < before);
    before = store->log_size();
  }
  CHECK(store->tombstones() == 300);
  CHECK(shrunk < 12);
  const Held held = store->held();
  store.reopen();
  CHECK(store->held() == held);
}

// The bodies that the first release wrote, byte by byte.
std::vector<std::byte> released_body(std::uint32_t operation, std::uint32_t number,
                                     std::string_view rest) {
  std::vector<std::byte> body(16);
  std::memcpy(body.data(), &operation, 4);
  std::memcpy(body.data() + 4, &number, 4);
  const auto bytes = std::as_bytes(std::span(rest));
  body.insert(body.end(), bytes.begin(), bytes.end());
  return body;
}

TEST_CASE("a log of the first release still loads; its documents are older than every write") {
  Store store;
  const Bytes list = list_of({text_document("a", "1"), text_document("b", "22")}).encode();
  std::string put(reinterpret_cast<const char*>(list.data()), list.size());
  put.resize((put.size() + 15) / 16 * 16);
  put += "\x01\x02";
  store.store.reset();
  {
    auto log = LogFile::create(store.folder.path() + "/documents.log", "test", SyncPolicy::kNone);
    REQUIRE(log.ok());
    const auto size = static_cast<std::uint32_t>(list.size());
    REQUIRE((*log)->append(released_body(1, size, put)).ok());
    REQUIRE((*log)->append(released_body(2, 1, std::string("\x01\0\0\0b", 5))).ok());
  }
  store.reopen();
  CHECK(contents(*store.store) == All{"a=1"});
  CHECK_FALSE(store->held().newest);
  CHECK(store->tombstones() == 0);
  REQUIRE(testing::put(*store.store, {{"a", "new"}}, at_time(1)).ok());
  CHECK(contents(*store.store) == All{"a=new"});
}

TEST_CASE(
    "what a store holds is the same in whatever order it came, and differs where it differs") {
  Store a;
  Store b;
  CHECK(a->held() == Held{});
  REQUIRE(put(a, {{"x", "1"}}, at_time(1)).ok());
  REQUIRE(put(a, {{"y", "1"}}, at_time(2)).ok());
  REQUIRE(put(b, {{"y", "1"}}, at_time(2)).ok());
  CHECK(a->held() != b->held());
  REQUIRE(put(b, {{"x", "1"}}, at_time(1)).ok());
  CHECK(a->held() == b->held());
  REQUIRE(a->remove({"x"}, at_time(3)).ok());
  REQUIRE(put(b, {{"x", "3"}}, at_time(3)).ok());
  CHECK(a->held().newest == b->held().newest);
  CHECK(a->held().entries == b->held().entries);
  CHECK(a->held().digest != b->held().digest);
}

TEST_CASE("an empty store has one piece, and merging it changes nothing") {
  Store a;
  Store b;
  const auto pieces = pieces_of(a, 1000);
  REQUIRE(pieces.size() == 1);
  CHECK_FALSE(pieces[0].bytes.empty());
  CHECK(b->merge(pieces[0].bytes).ok());
  CHECK(b->held() == Held{});
}

TEST_CASE("pieces keep to their size, but one document is always in them") {
  Store a;
  Store b;
  REQUIRE(put(a, {{"small", "1"}, {"zbig", std::string(5000, 'x')}}, at_time(1)).ok());
  REQUIRE(put(a, {{"small 2", "1"}}, at_time(2)).ok());
  REQUIRE(a->remove({"gone", "gone 2"}, at_time(3)).ok());
  for (const std::size_t limit : {std::size_t{1}, std::size_t{600}}) {
    CAPTURE(limit);
    const auto pieces = pieces_of(a, limit);
    CHECK(pieces.size() == (limit == 1 ? 5 : 4));
    for (const SnapshotPiece& piece : pieces) {
      CHECK((limit == 1 || piece.bytes.size() <= limit || piece.bytes.size() > 5000));
      CHECK(piece.cursor.size() <= 64);
      CHECK(b->merge(piece.bytes).ok());
    }
  }
  CHECK(pieces_of(a, 1U << 20).size() == 2);  // documents, tombstones
  CHECK(b->held() == a->held());
  CHECK(contents(*b.store) == contents(*a.store));
}

TEST_CASE("a cursor goes on where the piece ended, also after the log was written anew") {
  DocumentStore::Options options;
  options.compact_above = 2048;
  Store a(options);
  Store b;
  for (std::uint64_t i = 0; i < 20; ++i)
    REQUIRE(put(a, {{fmt::format("doc{}", i), "1"}}, at_time(10 + i)).ok());
  auto piece = a->next_piece("", 1000);
  REQUIRE(piece.ok());
  REQUIRE(b->merge(piece->bytes).ok());
  const std::size_t copied = b->size();
  REQUIRE(copied > 0);
  const int before = a.view.renumberings;
  for (std::uint64_t i = 0; a.view.renumberings == before; ++i)
    REQUIRE(put(a, {{"doc0", "again"}, {"doc19", "again"}}, at_time(1000 + i)).ok());
  std::string cursor = piece->cursor;
  for (bool last = false; !last;) {
    piece = a->next_piece(cursor, 1000);
    REQUIRE(piece.ok());
    REQUIRE(b->merge(piece->bytes).ok());
    cursor = piece->cursor;
    last = piece->last;
  }
  CHECK(a->held() == b->held());

  REQUIRE(a->remove({"doc1"}, at_time(5000)).ok());
  piece = a->next_piece(cursor, 1000);  // what came since
  REQUIRE(piece.ok());
  CHECK(piece->last);
  REQUIRE(b->merge(piece->bytes).ok());
  CHECK(a->held() == b->held());
}

TEST_CASE("what is no cursor is refused, and so is one of another process") {
  Store store;
  REQUIRE(put(store, {{"a", "1"}}, at_time(1)).ok());
  const std::string cursor = store->next_piece("", 1000)->cursor;
  CHECK(store->next_piece(cursor, 1000).ok());
  for (const char* text :
       {"x", "1-2", "1-2-", "1-2-3-4", "-1-2-3", "1-2-3 ", "11111111111111111-2-3"}) {
    const auto refused = store->next_piece(text, 1000);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().code == Errc::kInvalidArgument);
  }
  store.reopen();
  const auto stale = store->next_piece(cursor, 1000);
  REQUIRE_FALSE(stale.ok());
  CHECK(stale.error().code == Errc::kNotFound);
}

// Hostile pieces ----------------------------------------------------------------------------------

std::vector<std::byte> with_checksum(std::vector<std::byte> piece) {
  const std::uint64_t check = XXH3_64bits(piece.data() + 16, piece.size() - 16);
  std::memcpy(piece.data() + 8, &check, sizeof check);
  return piece;
}

std::string refusal(Store& by, std::span<const std::byte> piece) {
  const Held held = by->held();
  const std::uint64_t log = by->log_size();
  const Status status = by->merge(piece);
  if (status) return "accepted";
  CHECK(by->held() == held);
  CHECK(by->log_size() == log);
  CHECK(status.error().code == Errc::kInvalidArgument);
  return status.error().message;
}

TEST_CASE("a damaged piece is refused and changes nothing") {
  Store a;
  Store b;
  REQUIRE(put(a, {{"a", "1"}, {"b", "22"}}, at_time(10)).ok());
  REQUIRE(a->remove({"c", "d"}, at_time(11)).ok());
  for (const SnapshotPiece& piece : pieces_of(a, 10'000)) {
    for (std::size_t size = 0; size < piece.bytes.size(); ++size)
      CHECK(refusal(b, std::span(piece.bytes).first(size)) != "accepted");
    for (std::size_t at = 0; at < piece.bytes.size(); ++at) {
      std::vector<std::byte> changed = piece.bytes;
      changed[at] ^= std::byte{0x41};
      CHECK(refusal(b, changed) != "accepted");
    }
  }
  CHECK(b->held() == Held{});
}

TEST_CASE("whatever a piece with a right checksum says, it is refused or leaves a sound store") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  Store a;
  REQUIRE(put(a, {{"a", "1"}, {"b", "22"}}, at_time(10)).ok());
  REQUIRE(a->remove({"c", "d"}, at_time(11)).ok());
  const auto pieces = pieces_of(a, 10'000);
  Store b;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> changed = pieces[random() % pieces.size()].bytes;
    for (unsigned n = 1 + random() % 3; n > 0; --n)
      changed[16 + random() % (changed.size() - 16)] = static_cast<std::byte>(random());
    if (random() % 4 == 0) changed.resize(16 + random() % (changed.size() - 15));
    static_cast<void>(refusal(b, with_checksum(std::move(changed))));
  }
  const Held held = b->held();
  b.reopen();
  CHECK(b->held() == held);
}

TEST_CASE("a piece that does not fit the store is refused and says why") {
  Store store;
  const std::vector<WriteVersion> two = {at_time(1), at_time(2)};
  const Bytes twice = list_of({text_document("a", "1"), text_document("a", "1")}).encode();
  const Bytes nameless = list_of({text_document("", "1")}).encode();
  const std::vector<std::byte> mark{std::byte{1}};
  const std::vector<std::byte> marks(2, std::byte{1});
  const auto piece = [](std::vector<std::byte> body) { return make_piece("test", body); };

  CHECK(refusal(store, make_piece("text-index", put_body(twice, two, marks))) ==
        "a snapshot piece is of a 'text-index', expected a 'test'");
  CHECK(refusal(store, piece(put_body(twice, two, marks))) ==
        "a snapshot piece has the id 'a' twice");
  CHECK(refusal(store, piece(put_body(nameless, {}, mark))) ==
        "a snapshot piece has an id of 0 bytes, expected 1 to 256");
  CHECK(refusal(store, piece(put_body(nameless, two, mark))) ==
        "a snapshot piece has 1 documents and 2 versions");
  CHECK(refusal(store, piece(put_body(twice, two, mark))) ==
        "a snapshot piece has attachments of different sizes");
  CHECK(refusal(store, piece(put_body(list_of({text_document("a", "22")}).encode(), {}, mark))) ==
        "a snapshot piece does not fit: has wrong marks");
  CHECK(refusal(store, piece(remove_body({"a"}, {}))) ==
        "a snapshot piece removes 'a' without a version");
  CHECK(refusal(store, piece(remove_body({"a", "a"}, two))) ==
        "a snapshot piece has the id 'a' twice");
}

TEST_CASE("a piece that would make a store too full is refused") {
  Store a;
  DocumentStore::Options options;
  options.max_documents = 2;
  Store b(options);
  REQUIRE(put(a, {{"a", "1"}, {"b", "1"}, {"c", "1"}}, at_time(10)).ok());
  REQUIRE(put(b, {{"a", "0"}, {"b", "0"}}, at_time(5)).ok());
  const Status refused = b->merge(pieces_of(a, 10'000)[0].bytes);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Errc::kTooLarge);
  CHECK(contents(*b.store) == All{"a=0", "b=0"});
  REQUIRE(a->remove({"c"}, at_time(11)).ok());
  for (const SnapshotPiece& piece : pieces_of(a, 10'000))
    CHECK(b->merge(piece.bytes).ok());
  CHECK(contents(*b.store) == All{"a=1", "b=1"});
}

}  // namespace
}  // namespace flow::executors::testing
