// How flows end: drained under load, at once, by the death of the supervisor; and what is left.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>

#include "flow_process.h"
#include "load.h"

using namespace flow;
using namespace flow::testing;
using std::chrono::seconds;

namespace {

const std::string kSlow = executor("first", "pass-through") +
                          executor("work", "sleep", "replicas = 2\nwith = { ms = 20 }") +
                          executor("last", "pass-through");

}  // namespace

TEST_CASE("Ctrl-C under load drains: what runs is answered, what comes is refused, exit 0") {
  Sandbox sandbox;
  Flow flow(sandbox, record("seen") + kSlow);
  LoadOptions patience;
  patience.timeout = seconds(2);  // of those who come when nobody is there any more
  Load load(flow.client(), patience);
  REQUIRE(load.answer(50));
  flow.supervisor().signal(SIGINT);
  CHECK(eventually([&] { return flow.supervisor().ended(); }));
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.ok() == lines(sandbox, "seen").size());
  CHECK(load.count(Errc::kUnavailable) > 0);
  CHECK(load.failed() == load.count(Errc::kUnavailable) + load.count(Errc::kUnknownOutcome) +
                             load.count(Errc::kDeadlineExceeded));
  CHECK(load.wrong() == 0);
  const Finished finished = flow.supervisor().wait();
  INFO(finished.err);
  CHECK(finished.code == 0);
  CHECK(finished.err.find("killed") == std::string::npos);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("Ctrl-C waits for the requests in flight") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("slow", "sleep", "with = { ms = 600 }"));
  LoadOptions one;
  one.in_flight = 1;
  Load load(flow.client(), one);
  CHECK(eventually([&] { return at(flow.instance("slow/rep-0"), "executing_us").number() > 0; }));
  load.send_no_more();
  const Finished finished = flow.stop();
  CHECK(load.stop());
  INFO(load.summary());
  CHECK(load.ok() == 1);
  CHECK(finished.err.find("killed") == std::string::npos);
}

TEST_CASE("SIGTERM and down end a flow as Ctrl-C does") {
  Sandbox sandbox;
  Flow flow(sandbox, kSlow);
  SUBCASE("SIGTERM") {
    flow.supervisor().signal(SIGTERM);
  }
  SUBCASE("down") {
    CHECK(sandbox.flowctl({"down"}).code == 0);
  }
  const Finished finished = flow.supervisor().wait();
  CHECK(finished.code == 0);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("a second Ctrl-C kills at once, exit 130") {
  Sandbox sandbox;
  Flow flow(sandbox, executor("slow", "sleep", "with = { ms = 20000 }"));
  LoadOptions one;
  one.in_flight = 1;
  Load load(flow.client(), one);
  CHECK(eventually([&] { return at(flow.instance("slow/rep-0"), "executing_us").number() > 0; }));
  load.send_no_more();
  flow.supervisor().signal(SIGINT);
  CHECK(eventually([&] { return flow.state() == "draining"; }));
  const Instant began = now();
  flow.supervisor().signal(SIGINT);
  const Finished finished = flow.supervisor().wait();
  CHECK(finished.code == 130);
  CHECK(now() - began < seconds(2));
  CHECK(sandbox.leftovers() == "");
  CHECK(load.stop());
  CHECK(load.count(Errc::kUnknownOutcome) == 1);
}

TEST_CASE("Ctrl-C before the flow is ready ends with 130 and leaves nothing") {
  Sandbox sandbox;
  sandbox.write("silent", "#!/bin/sh\nexec sleep 600\n", true);
  const std::string file =
      sandbox.write("t.toml", "[flow]\nname = \"t\"\n" + executor("never", "silent"));
  Program up = sandbox.start_flowctl({"up", file});
  CHECK(eventually([&] {
    return read_file(sandbox.run_dir("t") + "/endpoints.json").find("never/rep-0") !=
           std::string::npos;
  }));
  up.signal(SIGINT);
  CHECK(up.wait().code == 130);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("when flowctl is killed its children end, and the next up starts afresh") {
  Sandbox sandbox;
  const std::string file = sandbox.write("t.toml", "[flow]\nname = \"t\"\n" + kSlow);
  Program first = sandbox.start_flowctl({"up", file});
  REQUIRE(eventually([&] { return first.out().find("is ready") != std::string::npos; }));
  first.signal(SIGKILL);
  CHECK(first.wait().code == 128 + SIGKILL);
  const auto processes = [&] {
    const std::string left = sandbox.leftovers();
    return left.find("process ") != std::string::npos;
  };
  CHECK(eventually([&] { return !processes(); }, seconds(2)));
  CHECK(sandbox.flowctl({"status"}).code == 69);
  SUBCASE("up again") {
    Flow flow(sandbox, kSlow);
    CHECK(texts(flow.post("/x", {"--text", "d"})) == "d");
  }
  SUBCASE("down clears it away") {
    CHECK(sandbox.flowctl({"down"}).code == 0);
    CHECK(sandbox.leftovers() == "");
  }
}

TEST_CASE("a detached flow runs on without its terminal, until down") {
  Sandbox sandbox;
  const std::string file = sandbox.write("t.toml", "[flow]\nname = \"t\"\n" + append("a"));
  const Finished up = sandbox.flowctl({"up", file, "--detach"});
  CHECK(up.code == 0);
  CHECK(up.out.find("flow 't' is ready") != std::string::npos);
  const Finished post = sandbox.flowctl({"post", "/x", "--text", "d"});
  CHECK(post.code == 0);
  CHECK(sandbox.flowctl({"status"}).code == 0);
  CHECK(sandbox.flowctl({"down"}).code == 0);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("a detached flow that does not start says why, like one in the foreground") {
  Sandbox sandbox;
  const std::string file = sandbox.write(
      "t.toml",
      "[flow]\nname = \"t\"\n" + executor("index", "vector-index", R"(with = { metric = "foo" })"));
  const Finished up = sandbox.flowctl({"up", file, "--detach"});
  CHECK(up.code == 1);
  CHECK(up.err.find("metric") != std::string::npos);
  CHECK(sandbox.leftovers() == "");
}

TEST_CASE("workspaces outlive down, and --purge deletes them") {
  Sandbox sandbox;
  {
    Flow flow(sandbox, record("a"));
    CHECK(header(flow.post("/x", {"--text", "d"}), "code") == "OK");
  }
  CHECK(lines(sandbox, "a").size() == 1);
  {
    Flow flow(sandbox, record("a"));
    CHECK(header(flow.post("/x", {"--text", "d"}), "code") == "OK");
    CHECK(sandbox.flowctl({"down", "t", "--purge"}).code == 0);
    CHECK(flow.supervisor().wait().code == 0);
  }
  CHECK(lines(sandbox, "a").empty());
}

TEST_CASE("an instance that crashes again and again is left down, and the flow says so") {
  Sandbox sandbox;
  Flow flow(sandbox, append("a") + executor("b", "pass-through"));
  for (int death = 0; death < 4; ++death)
    CHECK(flow.back("b/rep-0", flow.kill("b/rep-0")));
  flow.kill("b/rep-0");
  CHECK(eventually([&] { return flow.narration().find("stays down") != std::string::npos; }));
  CHECK(header(flow.post("/x"), "code") == "UNAVAILABLE");
  CHECK(text_of(at(flow.instance("a/rep-0"), "state")) == "ready");
  CHECK(sandbox.flowctl({"status"}).code == 1);
}
