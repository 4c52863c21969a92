// What a running flow does for its clients beyond routing: addresses, limits, sizes, order.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <set>

#include "base/json.h"
#include "flow_process.h"
#include "load.h"

using namespace flow;
using namespace flow::testing;

namespace {

std::string recorded_gateway(const Flow& flow) {
  const Result<Value> endpoints = parse_json(read_file(flow.dir() + "/endpoints.json"));
  return endpoints ? text_of(at(*endpoints, "gateway")) : "";
}

}  // namespace

TEST_CASE("a gateway on port 0 takes a free port, records it, and does so again after a death") {
  Sandbox sandbox;
  Flow flow(sandbox, "[gateway]\naddress = \"tcp://127.0.0.1:0\"\n" + append("a"));
  const auto answers = [&](const std::string& address) {
    return sandbox.flowctl({"post", "/x", "--text", "d", "--gateway", address}).code == 0;
  };
  const std::string first = recorded_gateway(flow);
  CHECK(first.starts_with("tcp://127.0.0.1:"));
  CHECK_FALSE(first.ends_with(":0"));
  CHECK(flow.supervisor().out().find(first) != std::string::npos);
  CHECK(answers(first));
  CHECK(flow.back("gateway/0", flow.kill("gateway/0")));
  CHECK(eventually([&] {
    const std::string address = recorded_gateway(flow);
    return address.starts_with("tcp://") && answers(address);
  }));
}

TEST_CASE("two flows run side by side and are told apart by name") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a"));
  const std::string other = sandbox.write("other.toml", "[flow]\nname = \"other\"\n" + append("b"));
  REQUIRE(sandbox.flowctl({"up", other, "--detach"}).code == 0);
  CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,a");
  const Finished second = sandbox.flowctl({"post", "/x", "--text", "d", "--flow", "other"});
  CHECK(second.out.find("\"b\"") != std::string::npos);
  const Finished unnamed = sandbox.flowctl({"post", "/x", "--text", "d"});
  CHECK(unnamed.code == 69);
  CHECK(unnamed.err.find("other, t") != std::string::npos);
  CHECK(sandbox.flowctl({"down"}).code != 0);  // which one?
  CHECK(sandbox.flowctl({"down", "other"}).code == 0);
  CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,a");
}

TEST_CASE("what is above the limits is refused at once, what was let in is answered") {
  Sandbox sandbox;
  Flow flow(sandbox, "[gateway]\nmax_in_flight = 2\nmax_queued = 3\n" +
                         executor("slow", "sleep", "with = { ms = 100 }"));
  Client client = flow.client();
  std::atomic<int> ok = 0;
  std::atomic<int> overloaded = 0;
  for (int i = 0; i < 20; ++i) {
    client.submit("/x", one_document("1", "d"), {}, [&](const Reply& reply) {
      if (reply.ok()) ++ok;
      if (reply.code() == Errc::kOverloaded) ++overloaded;
    });
  }
  CHECK(eventually([&] { return ok + overloaded == 20; }));
  // Three wait; two may be inside, the second one once it is known how long the first one takes.
  CHECK(ok.load() >= 4);
  CHECK(ok.load() <= 5);
  CHECK(client.post("/x", one_document("1", "d")).ok());
}

TEST_CASE("large documents pass branches, a change and a join unharmed") {
  Sandbox sandbox;
  Flow flow(sandbox,
            executor("same", "pass-through") +
                executor("changed", "add-text", "needs = \"gateway\"\nwith = { text = \"!\" }") +
                executor("j", "pass-through", R"(needs = ["changed", "same"])"));
  Client client = flow.client();
  for (const std::size_t size : {std::size_t{100}, std::size_t{70'000}, std::size_t{9'000'000}}) {
    const std::string text(size, 'x');
    const Reply reply = client.post("/x", one_document("1", text));
    REQUIRE(reply.ok());
    REQUIRE(reply.documents.size() == 1);
    CHECK((reply.documents[0].text() == text + "!"));
  }
}

TEST_CASE("post prints answers in the order of the input, however they come") {
  Sandbox sandbox;
  Flow flow(sandbox, "[gateway]\ndeadline = \"10s\"\n" +
                         executor("uneven", "sleep", "replicas = 3\nwith = { ms = 7 }") +
                         executor("who", "pass-through", "replicas = 2"));
  std::string input;
  for (int i = 0; i < 200; ++i)
    input += fmt::format("{{\"id\":\"{}\"}}\n", i);
  const Finished finished = sandbox.flowctl(
      {"post", "/x", "--input", "-", "--request-size", "1", "--concurrency", "32"}, input);
  CHECK(finished.code == 0);
  CHECK(finished.out == input);
}

TEST_CASE("requests one after the other visit every replica") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("first", "pass-through", "replicas = 2") +
                         executor("who", "append-name", "replicas = 5"));
  Client client = flow.client();
  std::set<std::string> names;
  for (int i = 0; i < 5; ++i)
    names.insert(texts(client.post("/x", {})));
  CHECK(names ==
        std::set<std::string>{"who/rep-0", "who/rep-1", "who/rep-2", "who/rep-3", "who/rep-4"});
}
