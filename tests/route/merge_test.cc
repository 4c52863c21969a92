#include "route/merge.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "route/missing.h"
#include "wire/value_codec.h"

namespace {

using namespace flow;
using route::Form;
using route::PartPointer;
using wire::Document;
using wire::DocumentList;

constexpr NodeIndex kA{0};
constexpr NodeIndex kB{1};

// a with three shards, b with one, join behind both.
wire::Topology topology() {
  wire::Topology topology;
  for (const char* name : {"a", "b", "join"})
    topology.nodes.emplace_back().name = name;
  topology.nodes[0].shards = 3;
  topology.nodes[2].needs = {kA, kB};
  return topology;
}

Bytes payload(const std::vector<std::string>& ids, const std::string& text = {}) {
  if (ids.empty()) return {};
  DocumentList list;
  for (const std::string& id : ids) {
    Document document;
    document.set_id(id);
    document.set_text(text);
    list.push_back(std::move(document));
  }
  return list.encode();
}

PartPointer part(NodeIndex from, std::uint16_t shard, Bytes documents) {
  auto part = std::make_unique<wire::Part>();
  wire::PartHeader& header = part->header;
  header.source = from;
  header.source_shard = shard;
  header.plan = {{.target = 20, .polling = wire::Polling::kAll, .parts = 3}, {.target = 5}};
  header.hops = {{.instance = 10U * from.value + shard + 1, .node = from.value}};
  part->payload = std::move(documents);
  return part;
}

PartPointer failed(NodeIndex from, std::uint16_t shard, const std::string& instance,
                   Bytes documents = {}) {
  PartPointer failed = part(from, shard, std::move(documents));
  failed->header.failure =
      std::make_unique<wire::Failure>(wire::Failure{Errc::kExecutorError, "no", "x", instance});
  return failed;
}

template <typename... Parts>
std::vector<PartPointer> list_of(Parts... each) {
  std::vector<PartPointer> parts;
  (parts.push_back(std::move(each)), ...);
  return parts;
}

std::vector<std::string> ids_of(const DocumentList& list) {
  std::vector<std::string> ids;
  for (const Document& document : list)
    ids.emplace_back(document.id());
  return ids;
}

std::vector<std::string> merged_ids(const std::vector<PartPointer>& parts,
                                    const wire::Topology& topology, Form form) {
  const Result<Bytes> merged = route::merge_payload(parts, topology, form, 1 << 20);
  if (!merged) return {merged.error().message};
  return ids_of(*DocumentList::open(*merged));
}

std::vector<std::pair<std::string, std::vector<std::string>>> pieces(
    const std::vector<PartPointer>& parts, const wire::Topology& topology, Form form) {
  std::vector<std::pair<std::string, std::vector<std::string>>> pieces;
  const auto merged = route::merge_documents(parts, topology, form);
  REQUIRE(merged);
  for (const route::Piece& piece : std::get<std::vector<route::Piece>>(*merged))
    pieces.emplace_back(piece.source, ids_of(piece.documents));
  return pieces;
}

using Ids = std::vector<std::string>;
using Pieces = std::vector<std::pair<std::string, Ids>>;

}  // namespace

TEST_CASE("shards are reduced in ascending order, then the needs in declared order") {
  const auto parts =
      list_of(part(kA, 0, payload({"2", "1"}, "first")), part(kA, 1, payload({"1", "3"}, "second")),
              part(kA, 2, {}), part(kB, 0, payload({"4", "2"}, "third")));

  const auto merged = route::merge_payload(parts, topology(), Form::kReduced, 1 << 20);

  REQUIRE(merged);
  const DocumentList list = *DocumentList::open(*merged);
  CHECK(ids_of(list) == Ids{"2", "1", "3", "4"});
  CHECK(list[1].text() == "first");
  CHECK(list[2].text() == "second");
}

TEST_CASE("shards of a need with no_reduce are concatenated before the needs are reduced") {
  wire::Topology made = topology();
  made.nodes[0].no_reduce = true;
  const auto parts = list_of(part(kA, 0, payload({"1"})), part(kA, 1, payload({"1"})),
                             part(kB, 0, payload({"1", "2"})));

  CHECK(merged_ids(parts, made, Form::kReduced) == Ids{"1", "1", "2"});
}

TEST_CASE("unreduced, a need is a piece, empty ones too") {
  const auto parts =
      list_of(part(kA, 0, payload({"1"})), part(kA, 1, payload({"1", "2"})), part(kB, 0, {}));

  CHECK(pieces(parts, topology(), Form::kPerNeed) == Pieces{{"a", {"1", "2"}}, {"b", {}}});
  CHECK(merged_ids(parts, topology(), Form::kConcatenated) == Ids{"1", "2"});
}

TEST_CASE("a piece a shard bears the name of its need") {
  const auto parts =
      list_of(part(kA, 0, payload({"1"})), part(kA, 1, {}), part(kA, 2, payload({"1"})));

  CHECK(pieces(parts, topology(), Form::kPerShard) ==
        Pieces{{"a", {"1"}}, {"a", {}}, {"a", {"1"}}});
}

TEST_CASE("concatenated, nothing is merged between needs") {
  const auto parts = list_of(part(kA, 0, payload({"1"})), part(kA, 1, payload({"1"})),
                             part(kB, 0, payload({"1"})));

  CHECK(merged_ids(parts, topology(), Form::kConcatenated) == Ids{"1", "1"});
}

TEST_CASE("a payload that alone is the outcome stays the bytes it was") {
  auto parts = list_of(part(kA, 0, {}), part(kA, 1, payload({"1"})), part(kB, 0, {}));
  const std::byte* data = parts[1]->payload.data();

  const auto merged = route::merge_payload(parts, topology(), Form::kReduced, 1 << 20);

  REQUIRE(merged);
  CHECK(merged->data() == data);
  CHECK(parts[1]->payload.data() == data);
}

TEST_CASE("ids that repeat on a right side are merged although the left side is empty") {
  const auto first = list_of(part(kA, 0, payload({"1", "1"})), part(kB, 0, {}));
  const auto second = list_of(part(kA, 0, {}), part(kB, 0, payload({"1", "1"})));
  const auto shard = list_of(part(kA, 0, {}), part(kA, 1, payload({"1", "1"})));

  CHECK(merged_ids(first, topology(), Form::kReduced) == Ids{"1", "1"});
  CHECK(merged_ids(second, topology(), Form::kReduced) == Ids{"1"});
  CHECK(merged_ids(second, topology(), Form::kConcatenated) == Ids{"1", "1"});
  CHECK(merged_ids(shard, topology(), Form::kConcatenated) == Ids{"1"});
}

TEST_CASE("documents that are all different are put together as the blobs they were") {
  for (const std::size_t count : {2U, 40U}) {  // 40: ids are looked up, not compared
    Ids left;
    Ids right;
    for (std::size_t i = 0; i < count; ++i) {
      left.push_back("l" + std::to_string(i));
      right.push_back(i % 3 == 0 ? "" : "r" + std::to_string(i));  // without an id: never the same
    }
    const auto parts = list_of(part(kA, 0, payload(left, "left")), part(kA, 1, {}),
                               part(kB, 0, payload(right, "right")));
    for (const Form form : {Form::kReduced, Form::kConcatenated}) {
      const auto opened = route::merge_documents(parts, topology(), form);
      REQUIRE(opened);
      const auto merged = route::merge_payload(parts, topology(), form, 1 << 20);
      REQUIRE(merged);
      CHECK(*merged == std::get<DocumentList>(*opened).encode());
    }
  }
}

TEST_CASE("one document that is there twice is merged among many that are not") {
  Ids left;
  for (int i = 0; i < 40; ++i)
    left.push_back(std::to_string(i));
  const auto parts =
      list_of(part(kA, 0, payload(left)), part(kB, 0, payload({"x", "7", "y"}, "seven")));

  const auto merged = route::merge_payload(parts, topology(), Form::kReduced, 1 << 20);

  REQUIRE(merged);
  DocumentList list = *DocumentList::open(*merged);
  CHECK(list.size() == 42);
  CHECK(list[7].text() == "seven");
}

TEST_CASE("what all shards send alike is that, whatever it is") {
  Document nested;
  nested.set_id("n");
  Document chunk;
  chunk.set_text("without an id: never the same");
  nested.add_chunk(chunk);
  Document large;
  large.set_id("large");
  large.set_text(std::string(10'000, 'x'));
  const std::vector<Bytes> payloads = {payload({"1", "2", "3"}, "text"), payload({"1", "", "2"}),
                                       payload({"1", "2", "1"}), DocumentList({nested}).encode(),
                                       DocumentList({large}).encode()};
  for (const Bytes& each : payloads) {
    const auto parts = list_of(part(kA, 0, each), part(kA, 1, each), part(kA, 2, each));
    const auto opened = route::merge_documents(parts, topology(), Form::kReduced);
    REQUIRE(opened);
    const auto merged = route::merge_payload(parts, topology(), Form::kReduced, 1 << 20);
    REQUIRE(merged);
    CHECK(*merged == std::get<DocumentList>(*opened).encode());
  }
  const auto parts = list_of(part(kA, 0, payloads[0]), part(kA, 1, payloads[0]));
  CHECK(route::merge_payload(parts, topology(), Form::kReduced, 1 << 20)->data() ==
        payloads[0].data());
}

TEST_CASE("nothing from anywhere is an empty payload") {
  const auto parts = list_of(part(kA, 0, {}), part(kB, 0, {}));

  const auto merged = route::merge_payload(parts, topology(), Form::kReduced, 1 << 20);

  REQUIRE(merged);
  CHECK(merged->empty());
}

TEST_CASE("documents that do not verify name their need, too many bytes the limit") {
  const auto broken = list_of(part(kA, 0, payload({"1"})),
                              part(kB, 0, Bytes::copy_of(std::string_view("no documents"))));
  const auto large = list_of(part(kA, 0, payload({"1"}, std::string(3000, 'x'))),
                             part(kB, 0, payload({"2"}, std::string(3000, 'x'))));

  CHECK(merged_ids(broken, topology(), Form::kReduced)[0].starts_with("documents from b: "));
  const auto refused = route::merge_payload(large, topology(), Form::kReduced, 4096);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kTooLarge);
}

TEST_CASE("the first failure in declared order goes on, with its own documents") {
  auto parts = list_of(part(kA, 0, payload({"good"})), failed(kA, 1, "a/shard-1/rep-0"),
                       failed(kA, 2, "a/shard-2/rep-0"), failed(kB, 0, "b/rep-0"));
  parts[1]->payload = payload({"input"});

  REQUIRE(route::merge_headers(parts, topology()));

  REQUIRE(parts[0]->header.failure != nullptr);
  CHECK(parts[0]->header.failure->instance == "a/shard-1/rep-0");
  CHECK(ids_of(*DocumentList::open(parts[0]->payload)) == Ids{"input"});
  CHECK(parts[0]->header.hops.size() == 4);
}

TEST_CASE("with allow_partial failed shards are left out and named") {
  wire::Topology made = topology();
  made.nodes[0].allow_partial = true;
  auto parts = list_of(failed(kA, 0, "a/shard-0/rep-0", payload({"input"})),
                       part(kA, 1, payload({"1"})), part(kB, 0, payload({"2"})));
  parts[2]->header.missing = {{.node = 1, .shard = 7}};

  REQUIRE(route::merge_headers(parts, made));

  REQUIRE(parts.size() == 2);
  CHECK(parts[0]->header.failure == nullptr);
  // Shard 2 was not in the lane at all.
  CHECK(parts[0]->header.missing == std::vector<wire::MissingPart>{{0, 0}, {0, 2}, {1, 7}});
  CHECK(parts[0]->header.hops.size() == 3);
  CHECK(merged_ids(parts, made, Form::kReduced) == Ids{"1", "2"});
  CHECK(pieces(parts, made, Form::kPerShard) == Pieces{{"a", {"1"}}, {"b", {"2"}}});
}

TEST_CASE("shards that are missing elsewhere stay named where branches meet, each once") {
  auto parts = list_of(part(kA, 0, payload({"1"})), part(kB, 0, payload({"2"})));
  parts[0]->header.missing_elsewhere = {{"far/index", 1}, {"far/words", 0}};
  parts[1]->header.missing_elsewhere = {{"far/index", 0}, {"far/index", 1}};

  REQUIRE(route::merge_headers(parts, topology()));

  CHECK(parts[0]->header.missing_elsewhere ==
        std::vector<wire::MissingShard>{{"far/index", 0}, {"far/index", 1}, {"far/words", 0}});
}

TEST_CASE("of shards that are missing elsewhere a header names what it has room for") {
  std::vector<wire::MissingShard> missing;
  std::vector<wire::MissingShard> many;
  for (std::uint32_t shard = 0; shard < 200; ++shard)
    many.push_back({"index", shard});
  route::add_missing_at("far", many, missing);
  REQUIRE(missing.size() == route::kMaxMissingElsewhere);
  CHECK(missing.front() == wire::MissingShard{"far/index", 0});
  CHECK(missing.back() == wire::MissingShard{"far/index", route::kMaxMissingElsewhere - 1});

  missing.clear();
  route::add_missing_at("far", std::vector<wire::MissingShard>{{std::string(500, 'x'), 0}},
                        missing);
  CHECK(missing.at(0).executor.size() == route::kMaxMissingName);
}

TEST_CASE("with allow_partial a need all of whose shards failed has failed") {
  wire::Topology made = topology();
  made.nodes[0].allow_partial = true;
  auto parts = list_of(failed(kA, 0, "zero"), failed(kA, 2, "two"), part(kB, 0, payload({"2"})));

  REQUIRE(route::merge_headers(parts, made));

  REQUIRE(parts[0]->header.failure != nullptr);
  CHECK(parts[0]->header.failure->instance == "zero");
  CHECK(parts[0]->header.missing.empty());
}

TEST_CASE("a single part may stand for shards that are missing") {
  wire::Topology made = topology();
  auto parts = list_of(part(kA, 1, payload({"1"})));
  parts[0]->header.plan[0].parts = 1;
  CHECK_FALSE(route::may_miss_shards(parts[0]->header, made));
  made.nodes[0].allow_partial = true;
  REQUIRE(route::may_miss_shards(parts[0]->header, made));

  REQUIRE(route::merge_headers(parts, made));

  CHECK(parts[0]->header.missing == std::vector<wire::MissingPart>{{0, 0}, {0, 2}});
  parts[0]->header.plan[0].polling = wire::Polling::kAny;
  CHECK_FALSE(route::may_miss_shards(parts[0]->header, made));
}

TEST_CASE("results are united, those of the left win") {
  auto parts = list_of(part(kA, 0, {}), part(kA, 1, {}), part(kB, 0, {}));
  parts[0]->header.results = wire::encode_value(ValueMap{{"x", 1}});
  parts[2]->header.results = wire::encode_value(ValueMap{{"x", 2}, {"y", 3}});

  REQUIRE(route::merge_headers(parts, topology()));

  const Result<ValueMap> united = wire::decode_value(parts[0]->header.results.span());
  REQUIRE(united);
  CHECK(*united == ValueMap{{"x", 1}, {"y", 3}});
}

TEST_CASE("results beyond what a header holds are too large") {
  auto parts = list_of(part(kA, 0, {}), part(kB, 0, {}));
  const std::string half(route::kMaxResults / 2 + 1, 'x');
  parts[0]->header.results = wire::encode_value(ValueMap{{"x", half}});
  parts[1]->header.results = wire::encode_value(ValueMap{{"y", half}});

  const Status merged = route::merge_headers(parts, topology());

  REQUIRE_FALSE(merged);
  CHECK(merged.error().code == Errc::kTooLarge);
}

TEST_CASE("a hop both sides know is one hop, and no more than fit go on") {
  auto parts = list_of(part(kA, 0, {}), part(kB, 0, {}));
  parts[1]->header.hops.push_back(parts[0]->header.hops[0]);
  REQUIRE(route::merge_headers(parts, topology()));
  CHECK(parts[0]->header.hops.size() == 2);

  auto many = list_of(part(kA, 0, {}), part(kB, 0, {}));
  for (std::uint32_t i = 0; i < 300; ++i)
    many[1]->header.hops.push_back({.instance = 100 + i, .node = 1});
  REQUIRE(route::merge_headers(many, topology()));
  CHECK(many[0]->header.hops.size() == route::kMaxHops);
}

TEST_CASE("what a node gets depends on whether its handler runs") {
  wire::TopologyNode one;
  one.needs = {kA};
  wire::TopologyNode two;
  two.needs = {kA, kB};
  CHECK(route::form_for(two, true, false) == Form::kReduced);
  CHECK(route::form_for(two, true, true) == Form::kPerNeed);
  one.takes_parts = two.takes_parts = true;
  CHECK(route::form_for(one, true, false) == Form::kPerShard);
  CHECK(route::form_for(two, true, false) == Form::kPerNeed);
  CHECK(route::form_for(two, false, false) == Form::kReduced);
  two.no_reduce = true;
  CHECK(route::form_for(two, false, false) == Form::kConcatenated);
}

TEST_CASE("of the replicas of a shard the lowest speaks for them, and a failure of any is theirs") {
  const wire::Topology graph = topology();
  const auto replica = [](std::uint16_t shard, std::uint16_t number, Bytes documents) {
    PartPointer made = part(kA, shard, std::move(documents));
    made->header.plan[0].polling = wire::Polling::kHash;
    made->header.source_replica = number;
    made->header.hops[0].instance += 100U * number;
    return made;
  };
  auto parts = list_of(replica(0, 0, payload({"x"})), replica(0, 1, payload({"x", "more"})),
                       replica(1, 1, payload({"y"})), part(kB, 0, payload({"z"})));
  REQUIRE(route::merge_headers(parts, graph).ok());
  CHECK(parts.size() == 3);
  CHECK(parts[0]->header.hops.size() == 4);
  CHECK(merged_ids(parts, graph, Form::kReduced) == std::vector<std::string>{"x", "y", "z"});
  CHECK(parts[0]->header.failure == nullptr);

  auto broken = list_of(replica(0, 0, payload({"x"})), failed(kA, 0, "a/rep-1", payload({"w"})),
                        replica(1, 0, payload({"y"})));
  REQUIRE(route::merge_headers(broken, graph).ok());
  REQUIRE(broken[0]->header.failure != nullptr);
  CHECK(broken[0]->header.failure->instance == "a/rep-1");
}
