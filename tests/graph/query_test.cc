#include "graph/query.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/text.h"

using flow::Result;
using flow::Value;
using flow::graph::contradicts;
using flow::graph::Query;
using flow::graph::QueryNode;
using flow::graph::QueryProblem;
using flow::graph::Regex;

namespace {

std::variant<Query, QueryProblem> parse(std::string_view json) {
  const Result<Value> value = flow::parse_json(json);
  REQUIRE_MESSAGE(value.ok(), json);
  return Query::parse(*value);
}

Query good(std::string_view json) {
  auto parsed = parse(json);
  const auto* problem = std::get_if<QueryProblem>(&parsed);
  REQUIRE_MESSAGE(problem == nullptr, json << ": " << (problem ? to_string(*problem) : ""));
  return std::get<Query>(std::move(parsed));
}

// "path: message", or "" where the query is accepted.
std::string refusal(std::string_view json) {
  const auto parsed = parse(json);
  const auto* problem = std::get_if<QueryProblem>(&parsed);
  return problem == nullptr ? "" : flow::join(problem->path, ".") + ": " + problem->message;
}

std::string hint(std::string_view json) {
  const auto parsed = parse(json);
  const auto* problem = std::get_if<QueryProblem>(&parsed);
  return problem == nullptr ? "" : problem->hint;
}

struct Refused {
  std::string_view query;
  std::string_view place;
  std::string_view says;
};

void check_refused(const std::vector<Refused>& cases) {
  for (const Refused& refused : cases) {
    CAPTURE(refused.query);
    const std::string said = refusal(refused.query);
    CHECK_MESSAGE(said.starts_with(std::string(refused.place) + ": "), said);
    CHECK_MESSAGE(said.find(refused.says) != std::string::npos, said);
  }
}

std::string nested(int levels) {
  std::string query = R"({"text":{"$eq":"x"}})";
  for (int i = 0; i < levels; ++i)
    query = R"({"$not":)" + query + "}";
  return query;
}

std::string many(std::string_view item, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : ",") + std::string(item);
  return text;
}

}  // namespace

TEST_CASE("queries of every shape are accepted") {
  for (
      const std::string_view query :
      {R"({})", R"({"text":{"$eq":"x"},"weight":{"$gt":1,"$lt":2.5}})", R"({"$and":[]})",
       R"({"$or":{}})", R"({"$not":[{},{}]})", R"({"$or":{"text":{"$eq":1},"id":{"$in":["a"]}}})",
       R"({"nosuch":{"$or":[{"text":{"$ne":"x"}}]}})",
       R"({"text":{"$not":{"id":{"$eq":"x"}},"$exists":true}})", R"({"tags__":{"$exists":true}})",
       R"({"text":{"$eq":null},"weight":{"$eq":"x"},"id":{"$in":[1,null]}})",
       R"({"text__size":{"$gt":1}})", R"({"chunks__text":{"$eq":"x"}})",
       R"({"chunks__-1__matches__+0__scores__cos__value":{"$gte":true}})",
       R"({"embedding__0":{"$gt":0.5},"tensor__0__1":{"$lt":[1]},"location__1":{"$gt":0}})",
       R"({"blob":{"$size":3},"chunks":{"$size":0},"tags":{"$size":true},"scores":{"$eq":{}}})",
       R"({"text":{"$in":"hello"},"tags__x":{"$in":{"a":1}},"weight":{"$nin":[null]}})",
       R"({"text":{"$eq":"a{b}"},"uri":{"$regex":"^http.*\\{x\\}$"}})",
       R"({"text":{"$gt":"{ tags__name }"},"tags__x":{"$size":"{tags__n}","$exists":"{tags__b}"}})"}) {
    CHECK_MESSAGE(refusal(query).empty(), query << ": " << refusal(query));
  }
}

TEST_CASE("a query of a wrong shape is refused where it is wrong") {
  check_refused({
      {"5", "", "a filter is a table, not an int"},
      {"null", "", "not null"},
      {R"([{"text":{"$eq":"x"}}])", "", "not a list"},
      {R"({"text":5})", "text", "needs an operator, not an int"},
      {R"({"text":null})", "text", "not null"},
      {R"({"text":{}})", "text", "an empty table"},
      {R"({"text":[{"$eq":1}]})", "text", "not a list"},
      {R"({"$or":5})", "$or", "a list of queries or a query"},
      {R"({"$and":["x"]})", "$and.0", "one is a string"},
      {R"({"$and":[{},[{}]]})", "$and.1", "one is a list"},
      {R"({"$not":null})", "$not", "not null"},
      {R"({"text":{"$not":{"$eq":1}}})", "text.$not.$eq", "stands without a field"},
      {R"({"$or":[{},{"tags__n":{"$and":[{"$gt":0}]}}]})", "$or.1.tags__n.$and.0.$gt",
       "stands without a field"},
  });
}

TEST_CASE("a name where an operator should be is taken for a step of the path") {
  CHECK(hint(R"({"tags":{"x":{"$eq":1}}})") == "did you mean tags__x?");
  CHECK(hint(R"({"tags":{"a":{"b":{"$eq":1}}}})") == "did you mean tags__a__b?");
  CHECK(hint(R"({"scores":{"cos":5}})") == "did you mean scores__cos?");
  CHECK(hint(R"({"tags__a":{"b":{"$in":[1]}}})") == "did you mean tags__a__b?");
  CHECK(hint(R"({"tags":{"eq":5}})") == "did you mean $eq?");
  CHECK(hint(R"({"text":{"x":{"$eq":1}}})").starts_with("operators are $eq"));
  CHECK(hint(R"({"tags":{"$foo":5}})").starts_with("operators are $eq"));
}

TEST_CASE("$nor is said by $not of $or") {
  CHECK(hint(R"({"$nor":[]})") == "write { \"$not\" = { \"$or\" = [...] } }");
  good(R"({"$not":{"$or":[{"text":{"$eq":"x"}}]}})");
}

TEST_CASE("an operand of a wrong kind is answered with a right use of its operator") {
  CHECK(hint(R"({"text":{"$gt":1}})") == R"(as in { text = { "$gt" = "a" } })");
  CHECK(hint(R"({"weight":{"$lt":"a"}})") == R"(as in { weight = { "$lt" = 5 } })");
  CHECK(hint(R"({"tags__n":{"$gt":null}})") == R"(as in { tags__n = { "$gt" = 5 } })");
  CHECK(hint(R"({"tags__n":{"$in":5}})") == R"(as in { tags__n = { "$in" = ["a", "b"] } })");
  CHECK(hint(R"({"text":{"$exists":1}})") == R"(as in { text = { "$exists" = true } })");
  CHECK(hint(R"({"tags__n":{"$size":"3"}})") == R"(as in { tags__n = { "$size" = 3 } })");
  CHECK(hint(R"({"weight":{"$size":3}})") == R"(as in { tags__x = { "$size" = 3 } })");
  CHECK(hint(R"({"weight":{"$regex":"a"}})") == R"(as in { tags__x = { "$regex" = "^a" } })");
  CHECK(hint(R"({"text":{"$regex":5}})") == R"(as in { text = { "$regex" = "^a" } })");
}

TEST_CASE("unknown names are refused, with what was meant") {
  check_refused({
      {R"({"text":{"$foo":1}})", "text.$foo", "there is no operator $foo"},
      {R"({"text":{"$EQ":1}})", "text.$EQ", "there is no operator $EQ"},
      {R"({"text":{"eq":1}})", "text.eq", "there is no operator eq"},
      {R"({"tags__n":{"$gt":0,"$foo":1}})", "tags__n.$foo", "$foo"},
      {R"({"$nor":[]})", "$nor", "there is no operator $nor"},
      {R"({"nosuch":{"$eq":1}})", "nosuch", "a document has no field 'nosuch'"},
      {R"({"Text":{"$eq":1}})", "Text", "no field 'Text'"},
      {R"({"":{"$eq":1}})", "", "no field ''"},
      {R"({"__tags":{"$eq":1}})", "__tags", "no field ''"},
      {R"({"chunks__0__txt":{"$eq":1}})", "chunks__0__txt", "a document has no field 'txt'"},
      {R"({"matches__0__0":{"$eq":1}})", "matches__0__0", "a document has no field '0'"},
      {R"({"scores__cos__vale":{"$gt":1}})", "scores__cos__vale", "a score has no field 'vale'"},
  });
  const auto typo = parse(R"({"wieght":{"$gt":1}})");
  CHECK(std::get<QueryProblem>(typo).hint == "did you mean 'weight'?");
  const auto wrong_logic = parse(R"({"$nott":[]})");
  CHECK(std::get<QueryProblem>(wrong_logic).hint == "did you mean $not?");
}

TEST_CASE("an operand that a field can never be compared with is refused") {
  check_refused({
      {R"({"text":{"$gt":1}})", "text.$gt", "a string has no order with a number"},
      {R"({"weight":{"$lte":"5"}})", "weight.$lte", "a number has no order with a string"},
      {R"({"tags__x":{"$gt":null}})", "tags__x.$gt", "nothing has an order with null"},
      {R"({"tags__x":{"$lt":{"a":1}}})", "tags__x.$lt", "an order with a map"},
      {R"({"tags":{"$lt":1}})", "tags.$lt", "a map has no order"},
      {R"({"chunks":{"$gte":1}})", "chunks.$gte", "a list has no order with a number"},
      {R"({"chunks__0":{"$gte":1}})", "chunks__0.$gte", "a whole chunk"},
      {R"({"scores__cos":{"$gt":0.5}})", "scores__cos.$gt", "has no order"},
      {R"({"scores__cos__value":{"$gt":"x"}})", "scores__cos__value.$gt", "no order"},
      {R"({"chunks__0__text":{"$gt":1}})", "chunks__0__text.$gt", "a string has no order"},
      {R"({"text":{"$gt":"{weight}"}})", "text.$gt", "no order with a number"},
      {R"({"blob":{"$gt":"x"}})", "blob.$gt", "bytes has no order with a string"},
      {R"({"embedding":{"$gt":"x"}})", "embedding.$gt", "no order with a string"},
      {R"({"tags__x":{"$in":5}})", "tags__x.$in", "needs a list or a string, not a number"},
      {R"({"tags__x":{"$nin":null}})", "tags__x.$nin", "not null"},
      {R"({"weight":{"$in":"abc"}})", "weight.$in", "only strings can be inside of a string"},
      {R"({"tags__x":{"$regex":5}})", "tags__x.$regex", "needs a string, not a number"},
      {R"({"weight":{"$regex":"5"}})", "weight.$regex", "only strings can match, not a number"},
      {R"({"chunks":{"$regex":"x"}})", "chunks.$regex", "not a list"},
      {R"({"tags__x":{"$size":"3"}})", "tags__x.$size", "needs a number, not a string"},
      {R"({"tags__x":{"$size":null}})", "tags__x.$size", "not null"},
      {R"({"weight":{"$size":3}})", "weight.$size", "a number has no size"},
      {R"({"text":{"$exists":1}})", "text.$exists", "true or false, not an int"},
      {R"({"text":{"$exists":null}})", "text.$exists", "not null"},
  });
}

TEST_CASE("a bad regular expression or placeholder is refused") {
  check_refused({
      {R"({"text":{"$regex":"["}})", "text.$regex", "missing ]"},
      {R"({"text":{"$regex":"^(?!H).+"}})", "text.$regex", "(?!"},
      {R"({"text":{"$regex":"(a)\\1"}})", "text.$regex", "no regular expression"},
      {R"({"text":{"$eq":"{bad"}})", "text.$eq", "the placeholder '{bad' is illegal"},
      {R"({"text":{"$eq":"{}"}})", "text.$eq", "no field ''"},
      {R"({"text":{"$eq":"{tags__a}{tags__b}"}})", "text.$eq", "illegal"},
      {R"({"text":{"$eq":"{tags.a}"}})", "text.$eq", "illegal"},
      {R"({"text":{"$eq":"{nosuch}"}})", "text.$eq", "no field 'nosuch'"},
      {R"({"text":{"$regex":"{a"}})", "text.$regex", "illegal"},
  });
  const std::string pattern(Regex::kMaxBytes, 'a');
  CHECK(refusal(R"({"text":{"$regex":")" + pattern + R"("}})").empty());
  CHECK(refusal(R"({"text":{"$regex":")" + pattern + R"(a"}})").find("1024") != std::string::npos);
}

TEST_CASE("what is too large is refused at its bound") {
  CHECK(refusal(nested(32)).empty());
  CHECK(refusal(nested(33)).find("more than 32 levels") != std::string::npos);

  const std::string_view condition = R"({"id":{"$eq":"x"}})";
  CHECK(refusal(R"({"$or":[)" + many(condition, 500) + "]}").empty());
  CHECK(refusal(R"({"$or":[)" + many(condition, 1024) + "]}").find("more than 1024") !=
        std::string::npos);
  CHECK(refusal(R"({"$and":[)" + many("{}", 1024) + "]}").find("more than 1024") !=
        std::string::npos);

  const auto steps = [](std::size_t count) {
    std::string path = "tags";
    for (std::size_t i = 0; i < count; ++i)
      path += "__a";
    return R"({")" + path + R"(":{"$eq":1}})";
  };
  CHECK(refusal(steps(64)).empty());
  CHECK(refusal(steps(65)).find("more than 64 steps") != std::string::npos);

  const auto deep = [](int levels) {
    return R"({"tags__a":{"$eq":)" + std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']') + "}}";
  };
  CHECK(refusal(deep(32)).empty());
  CHECK(refusal(deep(33)).find("more than 32 levels") != std::string::npos);
}

TEST_CASE("a path knows its steps") {
  const Query query = good(R"({"chunks__-2__tags__a_b___c__07":{"$eq":1}})");
  const QueryNode& node = query.root().children.front();
  REQUIRE(node.kind == QueryNode::Kind::kCondition);
  const flow::graph::FieldPath& path = node.condition->path;
  CHECK(path.field == flow::DocumentField::kChunks);
  CHECK_FALSE(path.bare);
  REQUIRE(path.steps.size() == 5);
  CHECK(path.steps[0].index == -2);
  CHECK(path.steps[1].field == flow::DocumentField::kTags);
  CHECK(path.steps[2].name == "a_b");
  CHECK(path.steps[3].name == "_c");
  CHECK(path.steps[4].name == "07");
  CHECK(path.steps[4].index == 7);
}

TEST_CASE("a regular expression is searched for, or matched from the start") {
  const Result<Regex> regex = Regex::compile("b+$");
  REQUIRE(regex.ok());
  CHECK(regex->found_in("abb"));
  CHECK_FALSE(regex->begins("abb"));
  CHECK(regex->begins("bb"));
  CHECK_FALSE(regex->found_in("bb\n"));
}

TEST_CASE("two queries contradict each other when no document passes both") {
  struct Pair {
    std::string_view earlier;
    std::string_view later;
  };
  for (const Pair& pair : std::vector<Pair>{
           {R"({"tags__x":{"$eq":5}})", R"({"tags__x":{"$eq":4}})"},
           {R"({"tags__x":{"$eq":5}})", R"({"tags__x":{"$eq":"5"}})"},
           {R"({"tags__x":{"$eq":5}})", R"({"tags__x":{"$ne":5.0}})"},
           {R"({"tags__x":{"$eq":5}})", R"({"tags__x":{"$gt":5}})"},
           {R"({"tags__x":{"$gte":2}})", R"({"tags__x":{"$lt":2}})"},
           {R"({"tags__x":{"$gt":2}})", R"({"tags__x":{"$lte":1},"text":{"$eq":"a"}})"},
           {R"({"tags__x":{"$lt":"b"}})", R"({"tags__x":{"$gt":"c"}})"},
           {R"({"tags__x":{"$in":[1,2]}})", R"({"tags__x":{"$in":[3,4]}})"},
           {R"({"tags__x":{"$in":[1,2]}})", R"({"tags__x":{"$nin":[2,1,0]}})"},
           {R"({"tags__x":{"$eq":null}})", R"({"tags__x":{"$exists":true}})"},
           {R"({"tags__x":{"$exists":false}})", R"({"tags__x":{"$gt":0}})"},
           {R"({"text":{"$exists":false}})", R"({"text":{"$exists":true}})"},
           {R"({"text":{"$eq":"abc"}})", R"({"text":{"$regex":"^b"}})"},
           {R"({"chunks":{"$size":1}})", R"({"chunks":{"$size":2}})"},
           {R"({"$or":[{"tags__x":{"$eq":1}},{"tags__x":{"$eq":2}}]})", R"({"tags__x":{"$gt":2}})"},
           {R"({"$not":{"tags__x":{"$neq":1}}})", R"({"tags__x":{"$eq":2}})"},
           {R"({"$not":{"tags__x":{"$gte":1}}})", R"({"tags__x":{"$eq":2}})"},
           {R"({"$or":[]})", R"({})"},
       }) {
    CAPTURE(pair.earlier);
    CAPTURE(pair.later);
    CHECK(contradicts(good(pair.earlier), good(pair.later)));
    CHECK(contradicts(good(pair.later), good(pair.earlier)));
  }
}

TEST_CASE("queries that some document may pass do not contradict each other") {
  struct Pair {
    std::string_view earlier;
    std::string_view later;
  };
  for (const Pair& pair : std::vector<Pair>{
           {R"({})", R"({"tags__x":{"$eq":4}})"},
           {R"({"tags__x":{"$eq":5}})", R"({"tags__y":{"$eq":4}})"},
           {R"({"tags__x":{"$eq":5}})", R"({"tags__x":{"$eq":5.0}})"},
           {R"({"tags__x":{"$eq":true}})", R"({"tags__x":{"$eq":1}})"},
           {R"({"tags__x":{"$gte":2}})", R"({"tags__x":{"$lte":2}})"},
           {R"({"tags__x":{"$in":[1,2]}})", R"({"tags__x":{"$in":[2,3]}})"},
           {R"({"tags__x":{"$neq":1}})", R"({"tags__x":{"$neq":2}})"},
           {R"({"tags__x":{"$not":{"tags__x":{"$gt":1}}}})", R"({"tags__x":{"$eq":null}})"},
           {R"({"tags__x":{"$eq":5}})", R"({"tags__x":{"$eq":"{tags__y}"}})"},
           {R"({"text":{"$exists":false}})", R"({"text":{"$lt":"b"}})"},
           {R"({"text":{"$regex":"a"}})", R"({"text":{"$regex":"b"}})"},
           {R"({"$or":[{"tags__x":{"$eq":1}},{"tags__x":{"$eq":3}}]})", R"({"tags__x":{"$gt":2}})"},
           {R"({"$not":{"tags__x":{"$gte":1}}})", R"({"tags__x":{"$exists":false}})"},
       }) {
    CAPTURE(pair.earlier);
    CAPTURE(pair.later);
    CHECK_FALSE(contradicts(good(pair.earlier), good(pair.later)));
    CHECK_FALSE(contradicts(good(pair.later), good(pair.earlier)));
  }
}
