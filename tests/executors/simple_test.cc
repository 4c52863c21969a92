#include <doctest/doctest.h>

#include <fstream>

#include "base/json.h"
#include "executors/add-matches/add_matches.h"
#include "executors/add-text/add_text.h"
#include "executors/append-name/append_name.h"
#include "executors/append/append.h"
#include "executors/fail/fail.h"
#include "executors/pass-through/pass_through.h"
#include "executors/record/record.h"
#include "executors/set-text/set_text.h"
#include "executors/sleep/sleep.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

using std::chrono::milliseconds;

ExecutorConfig with(ValueMap table) {
  return ExecutorConfig(std::move(table));
}

bool looks_at_documents(Executor& executor) {
  FakeCall call("/x", {}, {});
  binding_of(executor, "/x")->handler(call);
  return call.looked();
}

TEST_CASE("pass-through, sleep and fail never open the payload") {
  PassThrough pass(with({}));
  Sleep sleep(with({}));
  Fail fail(with({{"every", 2}}));
  CHECK_FALSE(looks_at_documents(pass));
  CHECK_FALSE(looks_at_documents(sleep));
  CHECK_FALSE(looks_at_documents(fail));
}

TEST_CASE("append adds one document with the text and an id of its own") {
  Append append(with({{"text", "new"}}));

  const Documents once = run(append, "/x", list_of({text_document("a", "old")}));
  const Documents again = run(append, "/x", {});

  REQUIRE(once.size() == 2);
  CHECK(once[0].text() == "old");
  CHECK(once[1].text() == "new");
  REQUIRE(again.size() == 1);
  CHECK(once[1].id().size() >= 17);
  CHECK(once[1].id() != again[0].id());
}

TEST_CASE("append-name adds the name of the instance") {
  ExecutorConfig config;
  config.instance = "index/shard-1/rep-0";
  AppendName name(config);

  const Documents answer = run(name, "/any", {});

  REQUIRE(answer.size() == 1);
  CHECK(answer[0].text() == "index/shard-1/rep-0");
}

TEST_CASE("set-text and add-text change the text and nothing else") {
  SetText set(with({{"text", "B"}}));
  AddText add(with({{"text", "B"}}));
  Document document = text_document("a", "A");
  document.set_blob("bytes");

  const Documents replaced = run(set, "/x", list_of({document}));
  const Documents added = run(add, "/x", list_of({document, Document()}));

  CHECK(replaced[0].text() == "B");
  CHECK(replaced[0].blob() == "bytes");
  CHECK(added[0].text() == "AB");
  CHECK(added[0].blob() == "bytes");
  CHECK(added[1].text() == "B");
}

TEST_CASE("sleep takes one number for all endpoints or a table of them") {
  Sleep all(with({{"ms", 5}}));
  Sleep some(with({{"ms", ValueMap{{"/slow", 5000}, {"*", 0.5}}}}));
  Sleep listed(with({{"ms", ValueMap{{"/slow", 5000}}}}));

  CHECK(all.pause_of("/x") == milliseconds(5));
  CHECK(some.pause_of("/slow") == milliseconds(5000));
  CHECK(some.pause_of("/x") == std::chrono::microseconds(500));
  CHECK(listed.pause_of("/x") == milliseconds(0));
}

TEST_CASE("sleep takes longer for more documents where it is told so") {
  Sleep sleep(with({{"ms", ValueMap{{"/slow", 20}, {"*", 5}}}, {"ms_per_document", 0.1}}));

  CHECK(sleep.pause_of("/x") == milliseconds(5));
  CHECK(sleep.pause_of("/x", 10) == milliseconds(6));
  CHECK(sleep.pause_of("/slow", 50) == milliseconds(25));
  CHECK(looks_at_documents(sleep));
  CHECK_THROWS_AS(Sleep(with({{"ms_per_document", -1}})), ConfigError);
}

TEST_CASE("sleep takes longer in a replica where it is told so") {
  ExecutorConfig config = with({{"ms", 5}, {"ms_of_replica", ValueList{0, 45.5}}});
  CHECK(Sleep(config).pause_of("/x") == milliseconds(5));
  config.replica = 1;
  CHECK(Sleep(config).pause_of("/x") == std::chrono::microseconds(50'500));
  config.replica = 2;
  CHECK(Sleep(config).pause_of("/x") == milliseconds(5));
  CHECK_THROWS_AS(Sleep(with({{"ms_of_replica", 5}})), ConfigError);
  CHECK_THROWS_WITH_AS(
      Sleep(with({{"ms_of_replica", ValueList{0, "5"}}})),
      "with.ms_of_replica[1] is \"5\", expected a number of milliseconds from 0 to "
      "3600000",
      ConfigError);
}

TEST_CASE("sleep refuses what is no number of milliseconds") {
  CHECK_THROWS_WITH_AS(Sleep(with({{"ms", "5"}})),
                       "with.ms is \"5\", expected a number of milliseconds from 0 to 3600000",
                       ConfigError);
  CHECK_THROWS_AS(Sleep(with({{"ms", -1}})), ConfigError);
  CHECK_THROWS_AS(Sleep(with({{"ms", ValueMap{{"/x", true}}}})), ConfigError);
}

TEST_CASE("fail fails each n-th request with its message") {
  Fail fail(with({{"message", "no"}, {"every", 3}}));

  for (int round = 0; round < 2; ++round) {
    CHECK_NOTHROW(run(fail, "/x", {}));
    CHECK_NOTHROW(run(fail, "/x", {}));
    CHECK_THROWS_WITH(run(fail, "/x", {}), "no");
  }
  CHECK_THROWS_WITH_AS(Fail(with({{"every", 0}})),
                       doctest::Contains("with.every is 0, expected an int from 1"), ConfigError);
}

TEST_CASE("record appends one line a request and changes nothing") {
  const TempFolder folder;
  Record record(config_in(folder));

  run(record, "/a", list_of({text_document("1", "x\n\"y\"")}), {{"k", 5}});
  const Documents answer = run(record, "/b", list_of({text_document("2", "")}));

  std::ifstream file(folder.path() + "/work/record.jsonl");
  std::string first;
  std::string second;
  std::string third;
  REQUIRE(std::getline(file, first));
  REQUIRE(std::getline(file, second));
  CHECK_FALSE(std::getline(file, third));
  CHECK(first == R"({"endpoint":"/a","parameters":{"k":5},"docs":[{"id":"1","text":"x\n\"y\""}],)"
                 R"("instance":"it/rep-0"})");
  CHECK(parse_json(second).ok());
  CHECK(answer.size() == 1);
}

TEST_CASE("record names the file it cannot open") {
  const TempFolder folder;
  CHECK_THROWS_WITH_AS(Record(config_in(folder, {{"file", "/no/such/folder/x"}})),
                       doctest::Contains("/no/such/folder/x"), ConfigError);
}

TEST_CASE("add-matches gives every document matches and chunks named after the shard") {
  ExecutorConfig config(ValueMap{{"n", 2}});
  config.shard = 3;
  AddMatches add(config);

  const Documents answer = run(add, "/search", list_of({text_document("a", "")}));

  CHECK(match_ids(answer[0]) == std::vector<std::string>{"m-3-0", "m-3-1"});
  REQUIRE(answer[0].chunks().size() == 2);
  CHECK(answer[0].chunks()[1].id() == "c-3-1");
  CHECK(answer[0].chunks()[1].parent_id() == "a");
  CHECK(answer[0].matches()[0].adjacency() == 1);
}

}  // namespace
}  // namespace flow::executors::testing
