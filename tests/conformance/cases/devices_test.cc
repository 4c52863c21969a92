// Cases G: which GPUs replicas get. The hosts of these tests have as many as they say.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "case.h"

using namespace flow;
using namespace flow::testing;

namespace {

// A host of `gpus` devices; its executors write down what they were constructed with.
class Host : public CaseSandbox {
 public:
  explicit Host(int gpus) { set("CUDA_TOTAL_DEVICES", std::to_string(gpus)); }

  std::string with() const { return fmt::format("devices = \"{}\"", file("devices")); }

  // An executor with these replicas; `selector` is its own CUDA_VISIBLE_DEVICES, if it has one.
  std::string encoder(std::string_view name, int replicas, std::string_view selector,
                      std::string_view more = {}) const {
    const std::string env =
        selector.empty() ? ""
                         : fmt::format("env = {{ CUDA_VISIBLE_DEVICES = \"{}\" }}\n", selector);
    return kit(name, "pass", with(),
               fmt::format("needs = \"gateway\"\nreplicas = {}\n{}{}\n", replicas, env, more));
  }

  // What was written down, sorted, without the instance names: "a/rep-0 1" is "1" for "a/".
  Names seen(std::string_view prefix) const {
    Names lines;
    std::istringstream text(read_file(file("devices")));
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with(prefix)) lines.push_back(line);
    }
    std::ranges::sort(lines);
    for (std::string& line : lines)
      line.erase(0, line.find(' ') + 1);
    return lines;
  }
};

// The status's devices of each instance of an executor.
Names shown(Flow& flow, std::string_view executor) {
  Names found;
  const Value status = flow.status();
  for (const Value& entry : *at(status, "executors").if_list()) {
    if (text_of(at(entry, "name")) != executor) continue;
    for (const Value& instance : *at(entry, "instances").if_list()) {
      std::string devices;
      for (const Value& device : *at(instance, "devices").if_list())
        devices += (devices.empty() ? "" : ",") + text_of(device);
      found.push_back(devices);
    }
  }
  return found;
}

// `flowctl up` of a flow that must not come up.
Finished refused(Sandbox& sandbox, const std::string& executors) {
  const std::string file = sandbox.write("t.toml", "[flow]\nname = \"t\"\n" + executors);
  Finished finished = sandbox.flowctl({"up", file});
  CHECK(sandbox.leftovers() == "");
  return finished;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("G-17 five replicas on RR1,3 get 1,3,1,3,1") {
  Host host(4);
  Flow flow(host, host.encoder("a", 5, "RR1,3"));
  CHECK(host.seen("a/") == Names{"1", "3", "1", "3", "1"});
  CHECK(shown(flow, "a") == Names{"1", "3", "1", "3", "1"});
  const Finished table = host.flowctl({"status"});
  CHECK(says(table.out, "DEVICES"));
  CHECK(count(flow.post("/x", {"--text", "d"})) == 1);
}

TEST_CASE("G-18 slices select what they select in Python, and none on no host") {
  Host host(4);
  {
    Flow flow(host, host.encoder("last", 2, "RR-2:") + host.encoder("even", 2, "RR::2") +
                        host.encoder("down", 3, "RR3:0:-1") + host.encoder("all", 4, "RR0:9") +
                        host.encoder("three", 3, "RR:3"));
    CHECK(host.seen("last/") == Names{"2", "3"});
    CHECK(host.seen("even/") == Names{"0", "2"});
    CHECK(host.seen("down/") == Names{"3", "2", "1"});
    CHECK(host.seen("all/") == Names{"0", "1", "2", "3"});
    CHECK(host.seen("three/") == Names{"0", "1", "2"});
  }
  const Finished empty = refused(host, host.encoder("a", 1, "RR4:2"));
  CHECK(empty.code == 78);
  CHECK(says(empty.err, "t.toml:9:32: error[E0141]"));
  const Finished out_of_range = refused(host, host.encoder("a", 1, "RR7"));
  CHECK(out_of_range.code == 1);
  CHECK(says(out_of_range.err, "'RR7' names device 7, but there are 4 devices (0 to 3)"));
  const Finished nothing_left = refused(host, host.encoder("a", 1, "RR4:"));
  CHECK(nothing_left.code == 1);
  CHECK(says(nothing_left.err, "'RR4:' selects none of 4 devices (0 to 3)"));
}

TEST_CASE("G-19 both shards of two replicas use devices 0 and 1, after a new broker, too") {
  Host host(4);
  host.set("CUDA_TOTAL_DEVICES", "");
  host.set("FLOW_NVML_LIBRARY", FLOW_FAKE_NVML);
  host.set("FAKE_NVML_DEVICES", "4");
  Flow flow(host, host.encoder("a", 2, "RR", "shards = 2"));
  const Names both = {"0", "1", "0", "1"};
  CHECK(host.seen("a/") == both);
  CHECK(shown(flow, "a") == both);
  const pid_t broker = flow.kill("broker");
  CHECK(flow.back("broker", broker));
  CHECK(eventually([&] { return shown(flow, "a") == both; }));
  const pid_t worker = flow.kill("a/shard-1/rep-1");
  CHECK(flow.back("a/shard-1/rep-1", worker));
  CHECK(host.seen("a/shard-1/rep-1") == Names{"1", "1"});
  CHECK(host.seen("a/").size() == 5);  // nobody else was started again
}

TEST_CASE("G-20 an executor's own '1' counts, not the RR of the process") {
  Host host(4);
  host.set("CUDA_VISIBLE_DEVICES", "RR2:");
  Flow flow(host, host.encoder("own", 3, "1") +
                      host.encoder("inherits", 3, "",
                                   "shards = 2\nuses_before = \"case-kit\"\n"
                                   "uses_after = { uses = \"case-kit\", replicas = 2, with = { "
                                   "mode = \"pass\", " +
                                       host.with() +
                                       " }, env = { CUDA_VISIBLE_DEVICES = \"RR-1,0\" } }"));
  CHECK(host.seen("own/") == Names{"1", "1", "1"});
  CHECK(host.seen("inherits/shard-0/") == Names{"2", "3", "2"});
  CHECK(host.seen("inherits/shard-1/") == Names{"2", "3", "2"});
  CHECK(host.seen("inherits/uses_before/") == Names{"(unset)"});
  CHECK(host.seen("inherits/uses_after/") == Names{"3", "0"});
  CHECK(shown(flow, "own") == Names{"1", "1", "1"});
  CHECK(shown(flow, "inherits/uses_before") == Names{""});
  flow.stop();
  host.set("CUDA_VISIBLE_DEVICES", "RR2:1,");
  const Finished bad = refused(host, host.encoder("a", 1, ""));
  CHECK(bad.code == 2);
  CHECK(says(bad.err, "CUDA_VISIBLE_DEVICES of this process is for executor 'a'"));
  CHECK(says(bad.err, "'RR2:1,' selects no devices: '1,' in a slice is no number"));
}

TEST_CASE("G-21 without a GPU replicas start with a warning and an empty value") {
  Host host(0);
  Flow flow(host, host.encoder("a", 2, "RR0:2") + host.encoder("b", 2, "RRGPU-a,GPU-b"));
  CHECK(host.seen("a/") == Names{"", ""});
  CHECK(host.seen("b/") == Names{"GPU-a", "GPU-b"});
  CHECK(shown(flow, "a") == Names{"", ""});
  CHECK(
      says(flow.narration(), "warning: executor 'a': CUDA_VISIBLE_DEVICES = \"RR0:2\", but host "));
  CHECK_FALSE(says(flow.narration(), "executor 'b'"));
  CHECK(count(flow.post("/x", {"--text", "d"})) == 1);
}
