// The package search, alive: one of its processes is killed every two seconds while it indexes and
// answers. Nothing is lost, nothing is found twice.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "flow_process.h"

using namespace flow;
using namespace flow::testing;
using namespace std::chrono_literals;

namespace {

constexpr int kBatch = 20;
constexpr int kMostBetweenKills = 500;

// The executors of the example, without its head and its tests.
std::string example() {
  const std::string file = read_file(FLOW_SEARCH_EXAMPLE);
  const std::size_t from = file.find("[[executor]]");
  const std::size_t to = file.find("[[test]]");
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  return file.substr(from, to - from);
}

std::vector<std::string> instances_of(Flow& flow) {
  std::vector<std::string> names;
  const Value status = flow.status();
  for (const Value& executor : *at(status, "executors").if_list()) {
    for (const Value& instance : *at(executor, "instances").if_list())
      names.push_back(text_of(at(instance, "name")));
  }
  return names;
}

wire::Document numbered(int number) {
  wire::Document document;
  document.set_id(fmt::format("d{}", number));
  document.set_text(fmt::format("package number{} of the catalogue", number));
  return document;
}

std::string failure_of(const Reply& reply) {
  return reply.ok() ? std::string() : reply.response.failure->message;
}

void index(Client& client, int first) {
  wire::DocumentList documents;
  for (int i = first; i < first + kBatch; ++i)
    documents.push_back(numbered(i));
  const Reply reply = client.post("/index", documents);
  CHECK_MESSAGE(reply.ok(), failure_of(reply));
  CHECK(reply.documents.size() == documents.size());
}

// Asks for each of [first, last) by the word that it alone has. What is looked for is the best,
// and no match is there twice.
void find_all(Client& client, int first, int last) {
  wire::DocumentList questions;
  for (int i = first; i < last; ++i) {
    wire::Document question;
    question.set_id(fmt::format("d{}", i));
    question.set_text(fmt::format("number{}", i));
    questions.push_back(std::move(question));
  }
  const Reply reply = client.post("/search", questions);
  REQUIRE_MESSAGE(reply.ok(), failure_of(reply));
  REQUIRE(reply.documents.size() == questions.size());
  for (const wire::Document& answer : reply.documents) {
    CAPTURE(answer.id());
    const auto& matches = answer.matches();
    std::set<std::string_view> ids;
    for (const wire::Document& match : matches)
      ids.insert(match.id());
    CHECK(ids.size() == matches.size());
    REQUIRE(!matches.empty());
    CHECK(matches.front().id() == answer.id());
  }
}

}  // namespace

TEST_CASE(
    "with an instance killed every two seconds the search loses nothing and doubles nothing") {
  Sandbox sandbox;
  Flow flow(sandbox, example());
  Client client = flow.client();
  const std::vector<std::string> victims = instances_of(flow);
  REQUIRE(victims.size() >= 11);
  int indexed = 0;
  for (std::size_t kills = 0; kills < 6; ++kills) {
    // A step of 4 meets all kinds of executors soon.
    const std::string& victim = victims[kills * 4 % victims.size()];
    CAPTURE(victim);
    const pid_t before = flow.kill(victim);
    const int enough = indexed + kMostBetweenKills;
    for (const Instant next = now() + 2s; now() < next;) {
      if (indexed < enough) {
        index(client, indexed);
        indexed += kBatch;
      }
      find_all(client, indexed - kBatch, indexed);
      find_all(client, indexed / 2, indexed / 2 + 1);
    }
    CHECK(flow.back(victim, before));
  }
  // Often enough that every replica has answered for every document.
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < indexed; i += kBatch)
      find_all(client, i, i + kBatch);
  }
}
