// How requests run through real processes: order, branches, joins, leaves, endpoints, targets.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>

#include "flow_process.h"

using namespace flow;
using namespace flow::testing;

TEST_CASE("a flow without executors answers a request with itself (T-01)") {
  Sandbox sandbox;
  Flow flow(sandbox, "");
  const Value reply = flow.post("/x", {"--json", R"([{"id":"1"},{"id":"2","text":"b"}])"});
  CHECK(header(reply, "code") == "OK");
  CHECK(text_of(at(reply, "docs")) == R"([{"id":"1"},{"id":"2","text":"b"}])");
}

TEST_CASE("a chain runs in the order of the file (T-03)") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("a", "add-text", R"(with = { text = "a" })") +
                         executor("b", "add-text", R"(with = { text = "b" })") +
                         executor("c", "add-text", R"(with = { text = "c" })"));
  CHECK(texts(flow.post("/x", {"--text", ""})) == "abc");
  CHECK(texts(flow.post("/anything/else", {"--text", "t"})) == "tabc");
}

TEST_CASE("five branches that meet in pairs keep each document once (T-09)") {
  Sandbox sandbox;
  std::string file;
  for (const char* name : {"p1", "p2", "p3", "p4", "p5"})
    file += executor(name, "pass-through", R"(needs = "gateway")");
  file += executor("r1", "pass-through", R"(needs = ["p2", "p4"])");
  file += executor("r2", "pass-through", R"(needs = ["p3", "p5"])");
  file += executor("r3", "pass-through", R"(needs = ["p1", "r1"])");
  file += executor("r4", "pass-through", R"(needs = ["r2", "r3"])");
  Flow flow(sandbox, file);
  const Value reply = flow.post("/x", {"--json", R"([{"text":"x"},{"text":"y"}])"});
  CHECK(texts(reply) == "x,y");
  CHECK(at(at(reply, "header"), "hops").if_list()->size() == 9);
}

TEST_CASE("branches fork again after a join (T-11)") {
  Sandbox sandbox;
  Flow flow(sandbox, append("p2", R"("gateway")") + append("p3", R"("gateway")") +
                         append("joiner", R"(["p2", "p3"])") + append("p5", R"("joiner")") +
                         append("p6", R"("joiner")") + append("p7", R"(["p5", "p6"])"));
  CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,p2,p3,joiner,p5,p6,p7");
}

TEST_CASE("a join has what its branches share once and what each added, in declared order (T-12)") {
  Sandbox sandbox;
  Flow flow(sandbox, append("foo") + append("bar", R"("foo")") + append("baz", R"("foo")") +
                         executor("join", "pass-through", R"(needs = ["bar", "baz"])"));
  for (int i = 0; i < 20; ++i)
    CHECK(texts(flow.post("/search")) == "foo,bar,baz");
}

TEST_CASE("parts merge in declared order, whichever comes first (R-10)") {
  Sandbox sandbox;
  const std::string slow = executor("slow", "sleep", "with = { ms = 20 }\nneeds = \"gateway\"") +
                           append("late", R"("slow")");
  SUBCASE("the late one is declared first") {
    Flow flow(sandbox, slow + append("early", R"("gateway")") +
                           executor("join", "pass-through", R"(needs = ["late", "early"])"));
    CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,late,early");
  }
  SUBCASE("the late one is declared last") {
    Flow flow(sandbox, slow + append("early", R"("gateway")") +
                           executor("join", "pass-through", R"(needs = ["early", "late"])"));
    CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,early,late");
  }
}

TEST_CASE("of two texts the first declared need's wins, every time (R-24)") {
  Sandbox sandbox;
  // "left" is the slower of the two every other time.
  Flow flow(sandbox,
            executor("pause", "sleep",
                     R"(needs = "gateway"
with = { ms = { "/slow" = 3, "*" = 0 } })") +
                executor("left", "set-text", "needs = \"pause\"\nwith = { text = \"left\" }") +
                executor("right", "set-text", "needs = \"gateway\"\nwith = { text = \"right\" }") +
                executor("join", "pass-through", R"(needs = ["left", "right"])"));
  Client client = flow.client();
  int left = 0;
  for (int i = 0; i < 100; ++i) {
    const Reply reply = client.post(i % 2 == 0 ? "/slow" : "/fast", one_document("1", "t"));
    if (texts(reply) == "left") ++left;
  }
  CHECK(left == 100);
}

TEST_CASE("an unneeded executor runs, and nobody waits for it (T-14)") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a") + executor("pause", "sleep", "with = { ms = 500 }") +
                         record("hanging") + append("c", R"("a")"));
  const Instant began = now();
  const Reply reply = flow.client().post("/x", one_document("1", "d"));
  CHECK(now() - began < std::chrono::milliseconds(400));
  CHECK(texts(reply) == "d,a,c");
  flow.stop();  // drains: the hanging work is done
  CHECK(lines(sandbox, "hanging").size() == 1);
}

TEST_CASE("the request itself is a part when a join needs the gateway (T-21)") {
  Sandbox sandbox;
  const std::string hello =
      executor("hello", "set-text", "needs = \"gateway\"\nwith = { text = \"Hello World!\" }");
  SUBCASE("reduced: the first need's text") {
    Flow flow(sandbox, hello + executor("join", "pass-through", R"(needs = ["hello", "gateway"])"));
    CHECK(texts(flow.post("/x", {"--text", "1"})) == "Hello World!");
  }
  SUBCASE("reduced, the gateway first: its text") {
    Flow flow(sandbox, hello + executor("join", "pass-through", R"(needs = ["gateway", "hello"])"));
    CHECK(texts(flow.post("/x", {"--text", "1"})) == "1");
  }
  SUBCASE("not reduced: both documents") {
    Flow flow(sandbox, hello + executor("join", "pass-through",
                                        "needs = [\"hello\", \"gateway\"]\nno_reduce = true"));
    CHECK(texts(flow.post("/x", {"--text", "1"})) == "Hello World!,1");
  }
}

TEST_CASE("every executor on the way is a hop of the answer (T-27)") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a1") + append("a2") + append("b1", R"("gateway")") +
                         append("merge", R"(["a2", "b1"])"));
  const Value reply = flow.post("/x", {"--text", "d"});
  std::set<std::string> executors;
  for (const Value& hop : *at(at(reply, "header"), "hops").if_list()) {
    executors.insert(text_of(at(hop, "executor")));
    CHECK(text_of(at(hop, "instance")) == text_of(at(hop, "executor")) + "/rep-0");
  }
  CHECK(executors == std::set<std::string>{"a1", "a2", "b1", "merge"});
  CHECK(texts(reply) == "d,a1,a2,b1,merge");
}

TEST_CASE("an executor that does not bind the endpoint still gathers and merges (E-24)") {
  Sandbox sandbox;
  Flow flow(sandbox, append("A", R"("gateway")") + append("B", R"("gateway")") +
                         executor("j", "text-index", R"(needs = ["A", "B"])") + append("after"));
  CHECK(texts(flow.post("/x", {"--text", "d"})) == "d,A,B,after");
  CHECK(texts(flow.post("index", {"--text", "d"})) == "d,A,B,after");  // names are exact
}

TEST_CASE("a target picks executors by the beginning of their names (E-21)") {
  Sandbox sandbox;
  Flow flow(sandbox, append("m1") + append("m2") + append("other", R"(["m1", "m2"])"));
  const auto with = [&flow](const char* target) {
    return texts(flow.post("/x", {"--text", "d", "--target", target}));
  };
  CHECK(with("m1") == "d,m1");
  CHECK(with("m") == "d,m1,m2");
  CHECK(with("^m2$|other") == "d,m2,other");
  CHECK(with("nobody") == "d");
  const Value reply = flow.post("/x", {"--text", "d", "--target", "(unclosed"});
  CHECK(header(reply, "code") == "INVALID_ARGUMENT");
  CHECK(at(reply, "exit") == Value(1));
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

TEST_CASE("a request without documents is handled like any other (E-08)") {
  Sandbox sandbox;
  Flow flow(sandbox, record("a"));
  const Value reply = flow.post("/x", {"--parameters", R"({"hello":"world"})"});
  CHECK(header(reply, "code") == "OK");
  CHECK(text_of(at(reply, "docs")) == "[]");
  REQUIRE(lines(sandbox, "a").size() == 1);
  CHECK(text_of(lines(sandbox, "a")[0]) ==
        R"({"endpoint":"/x","parameters":{"hello":"world"},"docs":[],"instance":"a/rep-0"})");
}

TEST_CASE("parameters with an executor's name are for this executor (E-16, E-17, E-19)") {
  Sandbox sandbox;
  Flow flow(sandbox, record("exec1") + record("exec2"));
  const Value reply = flow.post(
      "/x", {"--parameters",
             R"({"key":1,"exec2__key":2,"other__key":3,"__banana__":[true,1.5],"deep":{"n":7}})"});
  CHECK(header(reply, "code") == "OK");
  CHECK(text_of(at(lines(sandbox, "exec1")[0], "parameters")) ==
        R"({"key":1,"__banana__":[true,1.5],"deep":{"n":7}})");
  CHECK(text_of(at(lines(sandbox, "exec2")[0], "parameters")) ==
        R"({"key":2,"__banana__":[true,1.5],"deep":{"n":7}})");
}

TEST_CASE("nested tags and the kinds of their numbers survive a changed document (E-25)") {
  Sandbox sandbox;
  Flow flow(sandbox,
            executor("a", "add-text", R"(with = { text = "!" })") +
                executor("b", "pass-through", R"(needs = "gateway")") +
                executor("j", "add-text", "needs = [\"a\", \"b\"]\nwith = { text = \"?\" }"));
  const std::string tags =
      R"({"hey":{"nested":true,"list":["elem1",{"inner":"value","none":null}]},)"
      R"("hoy":[0,1],"int":5,"double":5.0,"big":9007199254740993,"empty":{}})";
  const std::string document = fmt::format(R"({{"id":"1","text":"t","tags":{}}})", tags);
  const Value reply = flow.post("/x", {"--json", document});
  CHECK(texts(reply) == "t!?");
  CHECK(text_of(at((*at(reply, "docs").if_list())[0], "tags")) == tags);
}

TEST_CASE("environment variables of an executor are its own (E-29)") {
  Sandbox sandbox;
  sandbox.set("EVERYBODY", "sees this");
  Flow flow(sandbox, executor("a", "pass-through", R"(env = { KEY_1 = "one" })") +
                         executor("b", "pass-through"));
  const auto environment = [&flow](const char* name) {
    std::string text = read_file(fmt::format("/proc/{}/environ", flow.pid(name)));
    for (char& c : text) {
      if (c == '\0') c = '\n';
    }
    return "\n" + text;
  };
  CHECK(environment("a/rep-0").find("\nKEY_1=one\n") != std::string::npos);
  CHECK(environment("a/rep-0").find("\nEVERYBODY=sees this\n") != std::string::npos);
  CHECK(environment("b/rep-0").find("KEY_1") == std::string::npos);
  CHECK(environment("b/rep-0").find("\nEVERYBODY=sees this\n") != std::string::npos);
}
