// `replicate` through real processes and the real indexes: writes that reach every replica, and
// replicas that were killed and catch up.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "case.h"

using namespace flow;
using namespace flow::testing;

namespace {

constexpr std::string_view kAlike = R"(replicas = 2
polling = { "/index" = "HASH", "/update" = "HASH", "/delete" = "HASH" }
replicate = ["/index", "/update", "/delete"])";

std::string index_of(int shards) {
  return executor("index", "text-index",
                  fmt::format("{}\nwith = {{ top = 1000 }}\nshards = {}", kAlike, shards));
}

// Documents "d<first>" to "d<last - 1>".
wire::DocumentList numbered(int first, int last, std::string_view text) {
  wire::DocumentList documents;
  for (int i = first; i < last; ++i) {
    wire::Document document;
    document.set_id(fmt::format("d{}", i));
    document.set_text(text);
    documents.push_back(std::move(document));
  }
  return documents;
}

void write(Client& client, const std::string& endpoint, int first, int last,
           std::string_view text = "") {
  const Reply reply = client.post(endpoint, numbered(first, last, text));
  CHECK_MESSAGE(reply.ok(), endpoint, ": ", reply.ok() ? "" : reply.response.failure->message);
}

// What a word finds, asked often enough and by so many at once that every replica of every shard
// has answered, the one that seems slow too: all must say the same.
std::set<std::string> found(Client& client, std::string_view word, std::size_t instances) {
  std::set<std::string> asked;
  std::optional<std::set<std::string>> first;
  const auto compare = [&](const Reply& reply) {
    REQUIRE(reply.ok());
    for (const wire::ResponseHop& hop : reply.response.hops)
      asked.insert(hop.instance);
    std::set<std::string> ids;
    for (const wire::Document& match : reply.documents[0].matches())
      ids.emplace(match.id());
    if (!first) first = ids;
    CHECK(ids == *first);
  };
  for (int i = 0; i < 10 && asked.size() < instances; ++i) {
    PostOptions options;
    options.request_size = 1;
    options.concurrency = 64;
    int left = 64;
    const auto next = [&]() -> std::optional<wire::Document> {
      if (left-- == 0) return std::nullopt;
      return numbered(left, left + 1, word)[0];
    };
    client.post_all("/search", next, options, compare);
  }
  CHECK(asked.size() == instances);
  return first.value_or(std::set<std::string>());
}

}  // namespace

TEST_CASE("every replica of a shard gets every write") {
  for (const int shards : {1, 2}) {
    CAPTURE(shards);
    Sandbox sandbox;
    Flow flow(sandbox, index_of(shards));
    Client client = flow.client();
    const auto instances = static_cast<std::size_t>(2 * shards);
    write(client, "/index", 0, 40, "apple");
    CHECK(found(client, "apple", instances).size() == 40);
    write(client, "/update", 0, 15, "pear");
    CHECK(found(client, "pear", instances).size() == 15);
    write(client, "/delete", 10, 20);
    CHECK(found(client, "apple", instances).size() == 20);
    CHECK(found(client, "pear", instances).size() == 10);
    CHECK(client.post("/update", numbered(10, 11, "pear")).code() == Errc::kExecutorError);
  }
}

TEST_CASE("a replica that is killed while its shard is written to loses no write and catches up") {
  Sandbox sandbox;
  Flow flow(sandbox, index_of(2));
  Client client = flow.client();
  const Names victims{"index/shard-0/rep-1", "index/shard-1/rep-0", "index/shard-0/rep-0"};
  for (int round = 0; round < 90; ++round) {
    if (round % 30 == 5) {
      const std::string& victim = victims[static_cast<std::size_t>(round) / 30];
      const pid_t pid = flow.kill(victim);
      for (int i = 0; i < 10; ++i)
        write(client, "/index", round * 10 + i, round * 10 + i + 1, "apple");
      CHECK(flow.back(victim, pid));
    } else {
      write(client, "/index", round * 10, round * 10 + 10, "apple");
    }
    if (round % 3 == 2) write(client, "/update", round * 10 - 5, round * 10 + 5, "pear");
    if (round % 5 == 4) write(client, "/delete", round * 10 - 20, round * 10 - 15);
  }
  std::set<std::string> apples;
  std::set<std::string> pears;
  for (int round = 0; round < 90; ++round) {
    for (int i = round * 10; i < round * 10 + 10; ++i)
      apples.insert(fmt::format("d{}", i));
    for (int i = round * 10 - 5; round % 3 == 2 && i < round * 10 + 5; ++i) {
      apples.erase(fmt::format("d{}", i));
      pears.insert(fmt::format("d{}", i));
    }
    for (int i = round * 10 - 20; round % 5 == 4 && i < round * 10 - 15; ++i) {
      apples.erase(fmt::format("d{}", i));
      pears.erase(fmt::format("d{}", i));
    }
  }
  CHECK(found(client, "apple", 4) == apples);
  CHECK(found(client, "pear", 4) == pears);
}

TEST_CASE("after all replicas were killed at once everything acknowledged is there, in all") {
  Sandbox sandbox;
  Flow flow(sandbox, index_of(2));
  Client client = flow.client();
  write(client, "/index", 0, 100, "apple");
  std::map<std::string, pid_t> killed;
  for (const char* name :
       {"index/shard-0/rep-0", "index/shard-0/rep-1", "index/shard-1/rep-0", "index/shard-1/rep-1"})
    killed[name] = flow.kill(name);
  for (const auto& [name, pid] : killed)
    CHECK(flow.back(name, pid));
  CHECK(found(client, "apple", 4).size() == 100);
  write(client, "/update", 0, 100, "pear");
  CHECK(found(client, "pear", 4).size() == 100);
}

TEST_CASE("a replica that was away is not asked before it holds what was written meanwhile") {
  Sandbox sandbox;
  Flow flow(sandbox, index_of(1));
  Client client = flow.client();
  for (int round = 0; round < 5; ++round) {
    const pid_t pid = flow.kill(round % 2 == 0 ? "index/rep-1" : "index/rep-0");
    write(client, "/index", round * 50, round * 50 + 50, "apple");
    // Whoever answers while it comes back: all of them are there.
    for (int i = 0; i < 20; ++i) {
      const Reply reply = client.post("/search", numbered(0, 1, "apple"));
      REQUIRE(reply.ok());
      CHECK(reply.documents[0].matches().size() == static_cast<std::size_t>(round * 50 + 50));
    }
    CHECK(flow.back(round % 2 == 0 ? "index/rep-1" : "index/rep-0", pid));
    CHECK(found(client, "apple", 2).size() == static_cast<std::size_t>(round * 50 + 50));
  }
}
