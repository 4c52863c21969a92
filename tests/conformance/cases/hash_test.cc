// HASH through real processes: documents that are split by id over the shards.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>
#include <set>

#include "case.h"
#include "route/split.h"

using namespace flow;
using namespace flow::testing;

namespace {

constexpr std::string_view kAllByHash = "shards = {}\npolling = {{ \"/x\" = \"HASH\" }}";

std::string by_hash(int shards) {
  return fmt::format(fmt::runtime(kAllByHash), shards);
}

wire::DocumentList numbered(int count, std::string_view text = "x") {
  wire::DocumentList documents;
  for (int i = 0; i < count; ++i) {
    wire::Document document;
    document.set_id(fmt::format("d{}", i));
    document.set_text(text);
    documents.push_back(std::move(document));
  }
  return documents;
}

// How many documents a search for a word finds.
std::size_t found(Client& client, std::string_view word) {
  PostOptions options;
  options.parameters.set("top", 100);
  const Reply reply = client.post("/search", numbered(1, word), options);
  REQUIRE(reply.ok());
  return reply.documents[0].match_count();
}

}  // namespace

TEST_CASE("every document goes to the shard of its id, from the gateway and from other shards") {
  CaseSandbox kits;
  Flow flow(kits, kit("front", "tag-instance", kits.logged(), by_hash(4)) +
                      kit("back", "fields", "document = '{}', text = \"{instance}\"", by_hash(3)));
  Client client = flow.client();
  const Reply reply = client.post("/x", numbered(40));
  REQUIRE(reply.ok());
  CHECK(kits.log().size() == 8);  // four begin, four end
  REQUIRE(reply.documents.size() == 40);
  for (std::size_t i = 0; i < 40; ++i) {
    const wire::Document& document = reply.documents[i];
    CHECK(document.id() == fmt::format("d{}", i));  // in the order of the request
    const ValueMap tags = document.tags();
    CHECK(*tags.find("instance")->if_string() ==
          fmt::format("front/shard-{}/rep-0", route::shard_of(document.id(), 4)));
    CHECK(document.text() == fmt::format("back/shard-{}/rep-0", route::shard_of(document.id(), 3)));
  }
}

TEST_CASE("every shard gets a part, whether there are documents for it or not") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "append-shard", "", by_hash(3)));
  Client client = flow.client();
  const Reply none = client.post("/x", {});
  REQUIRE(none.ok());
  CHECK(none.documents.size() == 3);
  const Reply one = client.post("/x", numbered(1));
  REQUIRE(one.ok());
  CHECK(one.documents.size() == 4);
  CHECK(one.documents[0].id() == "d0");
}

TEST_CASE("updates and deletes reach the shard that holds the document") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("index", "text-index", R"(shards = 3
polling = { "/index" = "HASH", "/update" = "HASH", "/delete" = "HASH" })"));
  Client client = flow.client();
  for (int round = 0; round < 2; ++round)  // again: nothing is twice
    REQUIRE(client.post("/index", numbered(60, "apple")).ok());
  CHECK(found(client, "apple") == 60);
  REQUIRE(client.post("/update", numbered(20, "pear")).ok());
  CHECK(found(client, "apple") == 40);
  CHECK(found(client, "pear") == 20);
  REQUIRE(client.post("/delete", numbered(30)).ok());
  CHECK(found(client, "apple") == 30);
  CHECK(found(client, "pear") == 0);
}

TEST_CASE("shards that answer last do not change the order of the answer") {
  CaseSandbox sandbox;
  Flow flow(sandbox,
            kit("a", "pass", sandbox.gated() + ", gate_shard = 0", by_hash(3)) + kit("b", "pass"));
  Client client = flow.client();
  auto reply = std::async(std::launch::async, [&] { return client.post("/x", numbered(30)); });
  REQUIRE(sandbox.saw("a/shard-1/rep-0 ends"));
  REQUIRE(sandbox.saw("a/shard-2/rep-0 ends"));
  sandbox.open_gate();
  const Reply got = reply.get();
  REQUIRE(got.ok());
  REQUIRE(got.documents.size() == 30);
  for (std::size_t i = 0; i < 30; ++i)
    CHECK(got.documents[i].id() == fmt::format("d{}", i));
}

TEST_CASE("a shard that fails fails the request, which has the documents that shard got") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "pass", "fail = \"no\", fail_shard = 1", by_hash(2)));
  Client client = flow.client();
  const Reply reply = client.post("/x", numbered(10));
  CHECK(reply.code() == Errc::kExecutorError);
  CHECK_FALSE(reply.documents.empty());
  for (const wire::Document& document : reply.documents)
    CHECK(route::shard_of(document.id(), 2) == 1);
}

TEST_CASE("what uses_after gets is a part a shard, the empty ones too") {
  CaseSandbox sandbox;
  Flow flow(
      sandbox,
      kit("a", "pass", "",
          by_hash(3) + "\nuses_after = { uses = \"case-kit\", with = { mode = \"chain\" } }"));
  Client client = flow.client();
  const Reply reply = client.post("/x", numbered(1));
  REQUIRE(reply.ok());
  REQUIRE(reply.documents.size() == 1);
  const ValueMap tags = reply.documents[0].tags();
  CHECK(*tags.find("parts") == Value(3));
}
