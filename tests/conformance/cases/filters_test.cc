// Cases F: which documents reach an executor with `when`.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>

#include "case.h"
#include "wire/value_codec.h"

using namespace flow;
using namespace flow::testing;

namespace {

const std::string kTwoKeys = R"([{"id":"five","tags":{"key":5}},{"id":"four","tags":{"key":4}}])";

// Five documents: three without anything, two with texts and tags.
const std::string kFive =
    R"([{"id":"0","text":"hello","tags":{"name":"hello","x":0.3,"y":0.6}},)"
    R"({"id":"1","text":"world","tags":{"name":"hello","x":0.8}},{"id":"2"},{"id":"3"},{"id":"4"}])";

std::string when(std::string_view filter) {
  return fmt::format("when = '''{}'''\n", filter);
}

std::string key_is(int value) {
  return when(fmt::format(R"({{"tags__key":{{"$eq":{}}}}})", value));
}

std::string pass(std::string_view name, const std::string& more = {}) {
  return executor(name, "pass-through", more);
}

// The error of a flow with this filter.
std::string refusal(std::string_view filter) {
  const auto loaded = load(pass("a", when(filter)));
  CHECK_FALSE(loaded.ok());
  return errors(loaded);
}

// The ids of the documents that one filter lets through.
Names passing(const std::string& filter, const std::string& documents) {
  return filtered({filter}, documents).front();
}

// The numbers of the documents in each request an executor recorded.
std::vector<std::size_t> recorded(const Sandbox& sandbox, std::string_view name) {
  std::vector<std::size_t> sizes;
  for (const Value& line : lines(sandbox, name))
    sizes.push_back(at(line, "docs").if_list()->size());
  return sizes;
}

}  // namespace

TEST_CASE("F-01 a document that does not pass is gone") {
  Sandbox sandbox;
  Flow flow(sandbox, pass("a") + pass("b", key_is(5)));
  CHECK(ids(post_json(flow, "/search", kTwoKeys)) == Names{"five"});
}

TEST_CASE("F-03 an executor for which nothing is left is called with nothing") {
  Sandbox sandbox;
  Flow flow(sandbox,
            pass("first") + pass("exec1", key_is(5)) + executor("exec2", "record", key_is(4)));
  const Value reply = post_json(flow, "/search", kTwoKeys);
  CHECK(code(reply) == "OK");
  CHECK(ids(reply).empty());
  CHECK(recorded(sandbox, "exec2") == std::vector<std::size_t>{0});
}

TEST_CASE("F-04 each document goes through the branch that is for it") {
  Sandbox sandbox;
  const auto branch = [](const char* name, const std::string& filter) {
    return executor(
        name, "set-text",
        fmt::format("needs = \"first\"\nwith = {{ text = \"by {}\" }}\n{}", name, filter));
  };
  const std::string documents = R"([{"id":"1","tags":{"type":1}},{"id":"2","tags":{"type":2}}])";
  std::string one = "when = { tags__type = { \"$eq\" = 1 } }\n";
  std::string more = "when = { tags__type = { \"$gt\" = 1 } }\n";
  SUBCASE("filters as tables") {}
  SUBCASE("filters as JSON") {
    one = when(R"({"tags__type":{"$eq":1}})");
    more = when(R"({"tags__type":{"$gt":1}})");
  }
  Flow flow(sandbox, pass("first") + branch("a", one) + branch("b", more) +
                         executor("seen_by_a", "record", "needs = \"a\"\nfloating = true") +
                         executor("seen_by_b", "record", "needs = \"b\"\nfloating = true") +
                         pass("join", "needs = [\"a\", \"b\"]"));
  const Value reply = post_json(flow, "/x", documents);
  CHECK(ids(reply) == Names{"1", "2"});
  CHECK(text_list(reply) == Names{"by a", "by b"});
  flow.stop();
  CHECK(recorded(sandbox, "seen_by_a") == std::vector<std::size_t>{1});
  CHECK(recorded(sandbox, "seen_by_b") == std::vector<std::size_t>{1});
}

TEST_CASE("F-05 the filter of a join holds for what its branches made") {
  Sandbox sandbox;
  Flow flow(sandbox,
            executor("a", "record", "needs = \"gateway\"") +
                executor("b", "record", "needs = \"gateway\"") +
                pass("join", "needs = [\"a\", \"b\"]\n" + when(R"({"tags__type":{"$eq":3}})")));
  const Value reply =
      post_json(flow, "/x", R"([{"id":"1","tags":{"type":1}},{"id":"2","tags":{"type":2}}])");
  CHECK(code(reply) == "OK");
  CHECK(ids(reply).empty());
  CHECK(recorded(sandbox, "a") == std::vector<std::size_t>{2});
  CHECK(recorded(sandbox, "b") == std::vector<std::size_t>{2});
}

TEST_CASE("F-06 answers of a flow with filters are in the order of the request") {
  Sandbox sandbox;
  const auto any_of = [](const std::vector<std::string>& tags) {
    std::string list;
    for (const std::string& tag : tags)
      list += fmt::format(R"({}{{"tags__{}":{{"$eq":1}}}})", list.empty() ? "" : ",", tag);
    return "needs = \"gateway\"\n" + when(fmt::format(R"({{"$or":[{}]}})", list));
  };
  Flow flow(sandbox, pass("branch1", any_of({"third", "first", "fourth"})) +
                         pass("branch2", any_of({"second", "fifth"})) +
                         pass("join", "needs = \"*\""));
  const Value reply = post_json(
      flow, "/x",
      R"([{"id":"1","tags":{"first":1}},{"id":"2","tags":{"second":1}},{"id":"3","tags":{"third":1}},)"
      R"({"id":"4","tags":{"fourth":1}},{"id":"5","tags":{"fifth":1}},{"id":"6"}])");
  CHECK(ids(reply) == Names{"1", "2", "3", "4", "5"});
}

TEST_CASE("F-07 filters one behind the other both hold") {
  Sandbox sandbox;
  Flow flow(sandbox, pass("a", when(R"({"tags__key":{"$gte":2}})")) +
                         pass("b", when(R"({"tags__key":{"$lte":1}})")));
  const Value reply =
      post_json(flow, "/x", R"([{"tags":{"key":1}},{"tags":{"key":2}},{"tags":{"key":3}}])");
  CHECK(header(reply, "code") == "OK");
  CHECK(ids(reply).empty());
}

TEST_CASE("F-08 an empty filter lets everything through") {
  CHECK(passing("{}", kFive) == Names{"0", "1", "2", "3", "4"});
}

TEST_CASE("F-09 one condition") {
  const auto found = filtered(
      {R"({"text":{"$eq":"hello"}})", R"({"tags__x":{"$gte":0.5}})",
       R"({"tags__name":{"$regex":"^h"}})", R"({"text":{"$regex":"^h"}})",
       R"({"tags":{"$size":2}})", R"({"text":{"$exists":true}})", R"({"tensor":{"$exists":true}})"},
      kFive);
  CHECK(found == std::vector<Names>{{"0"}, {"1"}, {"0", "1"}, {"0"}, {"1"}, {"0", "1"}, {}});
}

TEST_CASE("F-10 several conditions, and a value that is another field") {
  const auto found = filtered({R"({"$or":{"tags__x":{"$gte":0.1},"tags__y":{"$gte":0.5}}})",
                               R"({"tags__x":{"$gte":0.1,"$lte":0.5}})",
                               R"({"$and":{"tags__x":{"$gte":0.1},"tags__y":{"$gte":0.5}}})",
                               R"({"$not":{"tags__x":{"$gte":0.5}}})",
                               R"({"$not":{"tags__x":{"$gte":0.1},"tags__y":{"$gte":0.5}}})",
                               R"({"text":{"$eq":"{tags__name}"}})"},
                              kFive);
  CHECK(found[0] == Names{"0", "1"});
  CHECK(found[1] == Names{"0"});
  CHECK(found[2] == Names{"0"});
  CHECK(found[3] == Names{"0", "2", "3", "4"});
  CHECK(found[4] == Names{"1", "2", "3", "4"});
  CHECK(found[5] == Names{"0"});
}

TEST_CASE("F-11 an operator that does not exist is refused at load") {
  CHECK(refusal(R"({"$may":{"tags__x":{"$gte":0.1}}})").find("$may") != std::string::npos);
}

TEST_CASE("F-12 the shapes a filter may have") {
  const std::string documents =
      R"([{"id":"0","tags":{"a":1,"b":1}},{"id":"1","tags":{"a":1,"b":2}},)"
      R"({"id":"2","tags":{"a":2,"b":1}},{"id":"3","tags":{"a":3,"b":3}}])";
  const auto found = filtered(
      {R"({"tags__a":{"$eq":1},"tags__b":{"$eq":1}})", R"({"tags__a":{"$gt":1,"$lt":3}})",
       R"({"$or":[{"tags__a":{"$eq":2}},{"tags__b":{"$eq":2}}]})",
       R"({"$or":{"tags__a":{"$eq":2},"tags__b":{"$eq":2}}})",
       R"({"$not":[{"tags__a":{"$eq":1}},{"tags__b":{"$eq":1}}]})",
       R"({"$and":[{"$or":[{"tags__a":{"$eq":1}},{"tags__a":{"$eq":3}}]},{"tags__b":{"$gt":1}}]})",
       R"({"tags__a":{"$or":[{"tags__a":{"$eq":2}},{"tags__b":{"$eq":3}}]}})"},
      documents);
  CHECK(found[0] == Names{"0"});
  CHECK(found[1] == Names{"2"});
  CHECK(found[2] == Names{"1", "2"});
  CHECK(found[3] == Names{"1", "2"});
  CHECK(found[4] == Names{"1", "2", "3"});
  CHECK(found[5] == Names{"1", "3"});
  CHECK(found[6] == Names{"2", "3"});
}

TEST_CASE("F-13 what each operator means") {
  const std::string documents =
      R"([{"id":"0","text":"test","tags":{"x":0.1,"list":[1,2,3],"zero":0,"none":"","eight":)"
      R"({"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1}}}])";
  const std::vector<std::pair<std::string, bool>> table{
      {R"({"text":{"$in":["test","other"]}})", true},
      {R"({"text":{"$in":["other"]}})", false},
      {R"({"text":{"$nin":["other"]}})", true},
      {R"({"tags__x":{"$gte":0.1}})", true},
      {R"({"tags__x":{"$gt":0.1}})", false},
      {R"({"tags__x":{"$lte":0.1}})", true},
      {R"({"tags__x":{"$lt":0.1}})", false},
      {R"({"text":{"$regex":"^te"}})", true},
      {R"({"text":{"$regex":"es"}})", true},
      {R"({"text":{"$regex":"^es"}})", false},
      {R"({"tags__eight":{"$size":8}})", true},
      {R"({"tags__list":{"$size":3}})", true},
      {R"({"tags__list":{"$size":2}})", false},
      {R"({"tags__zero":{"$exists":true}})", true},
      {R"({"tags__none":{"$exists":true}})", true},
      {R"({"tags__missing":{"$exists":true}})", false},
      {R"({"tags__missing":{"$exists":false}})", true}};
  std::vector<std::string> filters;
  for (const auto& row : table)
    filters.push_back(row.first);
  const auto found = filtered(filters, documents);
  for (std::size_t i = 0; i < table.size(); ++i) {
    INFO(filters[i]);
    CHECK(found[i].size() == (table[i].second ? 1 : 0));
  }
}

TEST_CASE("F-17 a condition beside $or must hold as well") {
  const std::string documents =
      R"([{"id":"0","tags":{"x":2}},{"id":"1","tags":{"x":2,"s":"abc"}},{"id":"2","tags":{"s":"abc"}}])";
  CHECK(passing(R"({"$or":[{"tags__x":{"$eq":1}},{"tags__x":{"$eq":2}}],"tags__s":{"$eq":"abc"}})",
                documents) == Names{"1"});
}

TEST_CASE("F-18 filters of no shape are refused at load") {
  for (const char* filter : {R"({"tags__x":1})", R"({"tags__x":{}})", R"({"$or":5})",
                             R"({"tags__x":{"$exists":1}})", R"({"text":{"$eq":"{bad"}})"}) {
    INFO(filter);
    const std::string refused = refusal(filter);
    CHECK(refused.starts_with("E0140 "));
    CHECK(refused.find("executor 'a'") != std::string::npos);
  }
}

TEST_CASE("F-21 scores, weights, chunks and ids can be asked for") {
  const std::string documents =
      R"([{"id":"a","weight":0.0,"scores":{"cos":{"value":0.9}}},{"id":"b","weight":2.0}])";
  const auto found =
      filtered({R"({"scores__cos__value":{"$gt":0.5}})", R"({"weight":{"$exists":true}})",
                R"({"chunks":{"$size":0}})", R"({"id":{"$in":["a"]}})"},
               documents);
  CHECK(found == std::vector<Names>{{"a"}, {"b"}, {"a", "b"}, {"a"}});
}

TEST_CASE("F-23 what is filtered out does not travel") {
  CaseSandbox sandbox;
  const auto behind = [](const char* need) {
    return fmt::format("needs = \"{}\"\n{}", need, key_is(5));
  };
  Flow flow(sandbox, kit("everything", "received", "", "needs = \"gateway\"") +
                         kit("first", "received", "", behind("gateway")) +
                         kit("second", "received", "", behind("everything")) +
                         pass("join", "needs = [\"first\", \"second\"]"));
  const auto bytes = [&flow](int dropped) {
    const std::string text(64 * 1024, 'x');
    wire::DocumentList list;
    for (int i = 0; i <= dropped; ++i) {
      wire::Document document;
      document.set_text(i == 0 ? "small" : text);
      document.set_tag("key", i == 0 ? 5 : 4);
      list.push_back(std::move(document));
    }
    const Reply reply = flow.client().post("/x", std::move(list));
    CHECK(reply.documents.size() == 1);
    const Result<ValueMap> results = wire::decode_value(reply.response.results.span());
    REQUIRE(results.ok());
    std::map<std::string, double> received;
    for (const auto& entry : *results)
      received[entry.first] = at(entry.second, "bytes").number();
    return received;
  };
  auto before = bytes(0);
  auto after = bytes(100);
  constexpr double kDropped = 100.0 * 64 * 1024;
  CHECK(after["everything/rep-0"] - before["everything/rep-0"] > kDropped);
  CHECK(after["first/rep-0"] - before["first/rep-0"] < 64 * 1024);
  CHECK(after["second/rep-0"] - before["second/rep-0"] < 64 * 1024);
  CHECK(after["first/rep-0"] > before["first/rep-0"]);
}

TEST_CASE("F-24 the number 5 is found whether it is an int or not") {
  CHECK(passing(R"({"tags__key":{"$eq":5}})",
                R"([{"id":"0","tags":{"key":5}},{"id":"1","tags":{"key":5.0}},)"
                R"({"id":"2","tags":{"key":"5"}}])") == Names{"0", "1"});
}
