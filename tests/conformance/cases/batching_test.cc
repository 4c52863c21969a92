// Cases D: requests that are executed together.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>

#include "case.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::milliseconds;

namespace {

using Texts = std::vector<std::string>;

// Texts as documents, their ids the texts.
wire::DocumentList list_of(const Texts& texts) {
  wire::DocumentList documents;
  for (const std::string& text : texts) {
    wire::DocumentList one = one_document(text, text);
    documents.push_back(std::move(one[0]));
  }
  return documents;
}

// The reply to a request, on a thread of its own.
std::future<Reply> posted(Client& client, const char* endpoint, const Texts& texts,
                          PostOptions options = {}) {
  return std::async(std::launch::async, [&client, endpoint, texts, options] {
    return client.post(endpoint, list_of(texts), options);
  });
}

Texts texts_of(const Reply& reply) {
  CHECK(reply.ok());
  Texts texts;
  for (const wire::Document& document : reply.documents)
    texts.emplace_back(document.text());
  return texts;
}

std::string batching(const char* rules) {
  return fmt::format("batching = {{ {} }}\n", rules);
}

}  // namespace

TEST_CASE("D-03 each caller gets its own documents back, in order") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "add-parameter", "text = \"!\", " + sandbox.logged(),
                         batching(R"("/x" = { size = 4, timeout = "30s" })")));
  Client client = flow.client();
  std::future<Reply> first = posted(client, "/x", {"a", "b"});
  std::future<Reply> second = posted(client, "/x", {"c", "d"});
  CHECK(texts_of(first.get()) == Texts{"a!", "b!"});
  CHECK(texts_of(second.get()) == Texts{"c!", "d!"});
  CHECK(sandbox.logged("a/rep-0 begins") == 1);
}

TEST_CASE("D-04 what comes while a batch is executed is in the next, and more than fits is split") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "add-parameter", "text = \"!\", " + sandbox.gated(),
                         batching(R"("*" = { size = 4, timeout = "50ms" })")));
  Client client = flow.client();
  std::future<Reply> first = posted(client, "/x", {"a", "b", "c", "d"});
  REQUIRE(sandbox.saw("a/rep-0 begins"));
  std::future<Reply> second = posted(client, "/x", {"e", "f", "g"});
  std::future<Reply> large = posted(client, "/y", {"1", "2", "3", "4", "5", "6", "7", "8", "9"});
  sandbox.open_gate();
  CHECK(texts_of(first.get()) == Texts{"a!", "b!", "c!", "d!"});
  CHECK(texts_of(second.get()) == Texts{"e!", "f!", "g!"});
  CHECK(texts_of(large.get()) == Texts{"1!", "2!", "3!", "4!", "5!", "6!", "7!", "8!", "9!"});
  CHECK(sandbox.logged("a/rep-0 begins") == 1 + 1 + 3);
}

TEST_CASE("D-05 the same parameters share a batch, different ones never do") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "add-parameter", sandbox.logged(),
                         batching(R"("/x" = { size = 2, timeout = "30s" })")));
  Client client = flow.client();
  const auto adding = [](const char* text) {
    PostOptions options;
    options.parameters = {{"text_to_add", text}};
    return options;
  };
  std::future<Reply> one = posted(client, "/x", {"a"}, adding("1"));
  std::future<Reply> two = posted(client, "/x", {"b"}, adding("2"));
  std::future<Reply> more_one = posted(client, "/x", {"c"}, adding("1"));
  std::future<Reply> more_two = posted(client, "/x", {"d"}, adding("2"));
  CHECK(texts_of(one.get()) == Texts{"a1"});
  CHECK(texts_of(two.get()) == Texts{"b2"});
  CHECK(texts_of(more_one.get()) == Texts{"c1"});
  CHECK(texts_of(more_two.get()) == Texts{"d2"});
  CHECK(sandbox.logged("a/rep-0 begins") == 2);
}

TEST_CASE("D-07 an endpoint's own rule goes over that of all others") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "add-parameter", "text = \"!\"",
                         batching(R"("/baz" = { size = 2, timeout = "30s" }, )"
                                  R"("*" = { size = 100, timeout = "300ms" })")));
  Client client = flow.client();
  Instant began = now();
  CHECK(texts_of(client.post("/baz", list_of({"a", "b"}))) == Texts{"a!", "b!"});
  CHECK(now() - began < milliseconds(300));
  began = now();
  CHECK(texts_of(client.post("/bar", list_of({"a", "b"}))) == Texts{"a!", "b!"});
  CHECK(now() - began >= milliseconds(300));
}

TEST_CASE("an executor that takes unreduced parts does not start with batches") {
  CaseSandbox sandbox;
  sandbox.write("t.toml", "[flow]\nname = \"t\"\n" +
                              kit("a", "chain", "", batching(R"("/x" = { size = 2 })")));
  const Finished started = sandbox.flowctl({"up", sandbox.file("t.toml")});
  CHECK(started.code == 1);
  CHECK(started.err.find("DocumentsMatrix") != std::string::npos);
}

TEST_CASE("what waits for its batch is done before a flow ends") {
  CaseSandbox sandbox;
  Flow flow(sandbox, kit("a", "add-parameter", "text = \"!\"",
                         batching(R"("/x" = { size = 100, timeout = "30s" })")));
  Client client = flow.client();
  std::future<Reply> waiting = posted(client, "/x", {"a"});
  CHECK(eventually([&] { return text_of(at(flow.instance("a/rep-0"), "in_flight")) == "1"; }));
  flow.stop();
  CHECK(texts_of(waiting.get()) == Texts{"a!"});
}
