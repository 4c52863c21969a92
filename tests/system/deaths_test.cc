// kill -9 and SIGSTOP under load: what is lost (nothing that may be repeated), what is said, and
// that everything is there again afterwards.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "flow_process.h"
#include "load.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::seconds;

namespace {

// About 400 requests a second: two replicas that take 5 ms each, and something around them.
const std::string kTwoWorkers = executor("first", "pass-through") +
                                executor("work", "sleep", "replicas = 2\nwith = { ms = 5 }") +
                                executor("last", "pass-through");

// The highest id of an instance of kTwoWorkers.
double newest_id(Flow& flow) {
  double newest = 0;
  for (const char* name : {"gateway/0", "first/rep-0", "work/rep-0", "work/rep-1", "last/rep-0"})
    newest = std::max(newest, at(flow.instance(name), "id").number());
  return newest;
}

void check_nothing_lost(Load& load) {
  CHECK(load.answer(100));
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.failed() == 0);
  CHECK(load.wrong() == 0);
}

}  // namespace

TEST_CASE("kill -9 of one of two replicas under load fails no request, and it comes back") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t victim = flow.kill("work/rep-1");
  CHECK(flow.back("work/rep-1", victim));
  CHECK(flow.narration().find("work/rep-1") != std::string::npos);
  check_nothing_lost(load);
  CHECK(load.most_attempts() <= 3);
  // It works again, too.
  Load more(flow.client());
  CHECK(eventually([&] { return at(flow.instance("work/rep-1"), "executed").number() > 0; }));
  check_nothing_lost(more);
}

TEST_CASE("one kill -9 after the other, each in another place, fails no request") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("a", "pass-through", "replicas = 2") +
                         executor("b", "sleep", "replicas = 2\nneeds = \"a\"\nwith = { ms = 2 }") +
                         executor("c", "sleep", "replicas = 2\nneeds = \"a\"\nwith = { ms = 3 }") +
                         executor("j", "pass-through", "replicas = 2\nneeds = [\"b\", \"c\"]"));
  Load load(flow.client());
  for (const char* name : {"a/rep-0", "b/rep-1", "c/rep-0", "j/rep-1", "j/rep-0"}) {
    REQUIRE(load.answer(50));
    CHECK(flow.back(name, flow.kill(name)));
  }
  check_nothing_lost(load);
}

TEST_CASE("requests wait for the only instance to come back after kill -9") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("only", "sleep", "with = { ms = 2 }"));
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t victim = flow.kill("only/rep-0");
  CHECK(flow.back("only/rep-0", victim));
  check_nothing_lost(load);
  CHECK(load.slowest() < seconds(5));
}

TEST_CASE("an executor without a live instance is unavailable, by name and address (N-09)") {
  Sandbox sandbox;
  Flow flow(sandbox, "[gateway]\nunavailable_after = \"300ms\"\n" +
                         executor("gone", "pass-through", "restart = false") +
                         executor("here", "pass-through"));
  CHECK(header(flow.post("/x"), "code") == "OK");
  flow.kill("gone/rep-0");
  for (int i = 0; i < 2; ++i) {
    const Value reply = flow.post("/x", {"--text", "d"});
    CHECK(header(reply, "code") == "UNAVAILABLE");
    CHECK(header(reply, "executor") == "gone");
    CHECK(header(reply, "message").find("'gone'") != std::string::npos);
    CHECK(header(reply, "message").find("data-") != std::string::npos);  // its address
    CHECK(at(at(reply, "header"), "total_us").number() < 2e6);
  }
  CHECK(flow.state() != "ready");
  const Value here = flow.instance("here/rep-0");
  CHECK(text_of(at(here, "state")) == "ready");
  CHECK(flow.narration().find("restart = false") != std::string::npos);
}

TEST_CASE("one living replica is enough; without any the error lists every address (N-10, N-11)") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("work", "pass-through", "replicas = 3"), {"--no-restart"});
  SUBCASE("one after the other") {
    flow.kill("work/rep-0");
    for (int i = 0; i < 3; ++i)
      CHECK(header(flow.post("/x"), "code") == "OK");
    flow.kill("work/rep-1");
    flow.kill("work/rep-2");
  }
  SUBCASE("all at once") {
    for (const char* name : {"work/rep-0", "work/rep-1", "work/rep-2"})
      flow.kill(name);
  }
  const Value reply = flow.post("/x");
  CHECK(header(reply, "code") == "UNAVAILABLE");
  const std::string message = header(reply, "message");
  INFO(message);
  for (int i = 0; i < 3; ++i)
    CHECK(message.find(fmt::format("work/rep-{} (ipc://{}/data-", i, flow.dir())) !=
          std::string::npos);
}

TEST_CASE("kill -9 of the broker under load fails no request; it comes back with newer ids") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  const double newest = newest_id(flow);
  const double last = at(flow.instance("last/rep-0"), "id").number();
  const double term = at(flow.status(), "term").number();
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t victim = flow.kill("broker");
  REQUIRE(load.answer(20));
  CHECK(flow.back("broker", victim));
  CHECK(at(flow.status(), "term").number() > term);
  CHECK(at(flow.instance("last/rep-0"), "id").number() == last);  // the same process
  // The next instance gets an id that nobody had.
  CHECK(flow.back("work/rep-0", flow.kill("work/rep-0")));
  CHECK(at(flow.instance("work/rep-0"), "id").number() > newest);
  check_nothing_lost(load);
}

TEST_CASE("kill -9 of Redis under load fails no request, and it comes back") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t victim = flow.kill("redis");
  CHECK(flow.back("redis", victim));
  CHECK(eventually([&] { return text_of(at(flow.status(), "store")) == "connected"; }));
  CHECK(flow.back("work/rep-0", flow.kill("work/rep-0")));
  check_nothing_lost(load);
}

TEST_CASE("broker, Redis and a worker killed at once are all back, and no request failed") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t broker = flow.pid("broker");
  const pid_t redis = flow.pid("redis");
  const pid_t worker = flow.pid("work/rep-1");
  const double newest = newest_id(flow);
  const double term = at(flow.status(), "term").number();
  for (const pid_t victim : {broker, redis, worker})
    ::kill(victim, SIGKILL);
  CHECK(flow.back("redis", redis));
  CHECK(flow.back("broker", broker));
  CHECK(flow.back("work/rep-1", worker));
  // Nothing was left of what Redis knew; the processes brought it back.
  CHECK(at(flow.instance("work/rep-1"), "id").number() > newest);
  CHECK(at(flow.status(), "term").number() > term);
  check_nothing_lost(load);
}

TEST_CASE("kill -9 of the gateway: what is outstanding is unknown, later requests work") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t victim = flow.kill("gateway/0");
  CHECK(flow.back("gateway/0", victim));
  const std::uint64_t unknown_at = load.answered();
  CHECK(load.answer(100));
  CHECK(load.answered() > unknown_at);
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.count(Errc::kUnknownOutcome) >= 1);
  CHECK(load.count(Errc::kUnknownOutcome) <= 16);
  CHECK(load.failed() == load.count(Errc::kUnknownOutcome) + load.count(Errc::kUnavailable));
  CHECK(load.ok() >= 200);
  CHECK(load.wrong() == 0);
  CHECK(header(flow.post("/x"), "code") == "OK");
}

TEST_CASE("a replica that stands still for five seconds loses nothing and answers nothing twice") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t victim = flow.kill("work/rep-1", SIGSTOP);
  const Instant until = now() + seconds(5);
  CHECK(eventually([&] { return flow.state() != "ready" || flow.pid("work/rep-1") != victim; }));
  CHECK(load.answer(50));  // the other one goes on
  CHECK(eventually([&] { return now() >= until; }));
  ::kill(victim, SIGCONT);
  CHECK(eventually([&] { return flow.state() == "ready"; }));
  check_nothing_lost(load);
  CHECK(load.stop());
}

TEST_CASE("what an index answered with OK is there after kill -9") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("encode", "hashing-encoder", "with = { dim = 16 }") +
                         executor("vectors", "vector-index") +
                         executor("words", "text-index", "needs = \"gateway\"") +
                         executor("j", "pass-through", R"(needs = ["vectors", "words"])"));
  std::string input;
  for (int i = 0; i < 500; ++i)
    input += fmt::format("{{\"id\":\"d{}\",\"text\":\"number{} of all\"}}\n", i, i);
  const Finished indexed = sandbox.flowctl(
      {"post", "/index", "--input", sandbox.write("docs.jsonl", input), "--request-size", "20"});
  REQUIRE(indexed.code == 0);
  for (const char* name : {"vectors/rep-0", "words/rep-0"})
    CHECK(flow.back(name, flow.kill(name)));
  Client client = flow.client();
  std::set<std::string> by_words;
  std::set<std::string> by_vectors;
  for (int i = 0; i < 500; i += 10) {
    wire::DocumentList questions;
    for (int k = i; k < i + 10; ++k) {
      wire::Document question =
          one_document(fmt::format("q{}", k), fmt::format("number{} of all", k))[0];
      questions.push_back(question);
    }
    PostOptions only_one;
    only_one.parameters = {{"top", 1}};
    const Reply reply = client.post("/search", questions, only_one);
    REQUIRE(reply.ok());
    for (const wire::Document& answer : reply.documents) {
      for (const wire::Document& match : answer.matches()) {
        if (match.score("bm25")) by_words.emplace(match.id());
        if (match.score("cosine")) by_vectors.emplace(match.id());
      }
    }
  }
  CHECK(by_words.size() + by_vectors.size() >= 500);
  CHECK(by_vectors.size() == 500);
}

TEST_CASE("a worker that dies while the broker stands still costs no request") {
  Sandbox sandbox;
  Flow flow(sandbox, kTwoWorkers);
  Load load(flow.client());
  REQUIRE(load.answer(100));
  const pid_t broker = flow.kill("broker", SIGSTOP);
  const pid_t victim = flow.kill("work/rep-1");
  const Instant began = now();
  // More answers than fit in front of the dead one: the gateway found out by itself.
  CHECK(load.answer(300, seconds(10)));
  CHECK(now() - began < seconds(5));
  ::kill(broker, SIGCONT);
  CHECK(flow.back("work/rep-1", victim));
  check_nothing_lost(load);
}

TEST_CASE("what may run once only is not repeated after a death, it ends as unknown") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("first", "pass-through") +
                         executor("log", "record", "replicas = 2\neffects = \"once\"") +
                         executor("work", "sleep", "with = { ms = 3 }"));
  Load load(flow.client());
  REQUIRE(load.answer(100));
  CHECK(flow.back("log/rep-1", flow.kill("log/rep-1")));
  REQUIRE(load.answer(50));
  CHECK(flow.back("work/rep-0", flow.kill("work/rep-0")));
  CHECK(load.answer(50));
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.failed() == load.count(Errc::kUnknownOutcome));
  CHECK(load.failed() <= 32);
  CHECK(load.wrong() == 0);
  std::set<std::string> seen;
  const std::vector<Value> recorded = lines(sandbox, "log");
  for (const Value& line : recorded)
    seen.insert(text_of(at((*at(line, "docs").if_list())[0], "id")));
  CHECK(seen.size() == recorded.size());  // nobody twice
  CHECK(seen.size() >= load.ok());
}

TEST_CASE("every document whose indexing was answered is found, though the index died on the way") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("words", "text-index"));
  LoadOptions index;
  index.endpoint = "/index";
  Load load(flow.client(), index);
  for (int death = 0; death < 2; ++death) {
    REQUIRE(load.answer(200));
    CHECK(flow.back("words/rep-0", flow.kill("words/rep-0")));
  }
  check_nothing_lost(load);
  CHECK(flow.back("words/rep-0", flow.kill("words/rep-0")));
  PostOptions all;
  all.parameters = {{"top", 10'000}};
  const Reply reply = flow.client().post("/search", one_document("q", "t"), all);
  REQUIRE(reply.ok());
  std::set<std::string> found;
  for (const wire::Document& match : reply.documents[0].matches())
    found.emplace(match.id());
  CHECK(found.size() == std::min<std::uint64_t>(load.sent(), 10'000));
}
