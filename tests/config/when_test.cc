// Filters of a flow file: what is refused, and where it is said to be wrong.
#include <doctest/doctest.h>

#include "config/report.h"
#include "loading.h"

namespace flow::config {
namespace {

LoadResult load_when(std::string_view when) {
  return load("[[executor]]\nname = \"a\"\nwhen = " + std::string(when) + "\n");
}

// "5:19", and the message: of the only error.
std::string problem_of(const LoadResult& result) {
  if (result.diagnostics.all().size() != 1) return report_text(result);
  const graph::Diagnostic& only = result.diagnostics.all()[0];
  return std::to_string(only.place.line) + ":" + std::to_string(only.place.column) + " " +
         only.code + " " + only.message;
}

bool begins(const std::string& text, std::string_view with) {
  CAPTURE(text);
  CHECK(text.starts_with(with));
  return text.starts_with(with);
}

TEST_CASE("a filter that is none is refused at load, in a table and in a string of JSON") {
  for (const std::string_view json :
       {R"({"text": {"$regex": "["}})", R"({"text": {"$regex": "^(?!H).+"}})",
        R"({"text": {"$exists": 1}})", R"({"nosuch": {"$eq": 1}})",
        R"({"tags__n": {"$and": [{"$gt": 0}, {"$lt": 4}]}})", R"({"tags__n": 5})",
        R"({"text": null})", R"({"tags__n": {"$gt": 0, "$foo": 1}})", R"({"$and": "x"})",
        R"({"$and": ["x"]})", R"({"text": {"$eq": "{tags__a}{tags__b}"}})",
        R"({"tags__t": {"$foo": 1}})", R"({"text": {}})", R"({"$or": 5})"}) {
    CAPTURE(json);
    begins(problem_of(load_when("'" + std::string(json) + "'")),
           "5:8 E0140 'when' of executor 'a'");
  }
}

// What the file says where the only error is.
std::string marked(std::string_view when) {
  const LoadResult result = load_when(when);
  if (codes(result) != Names{"E0140"}) return report_text(result);
  const graph::Place place = result.diagnostics.all()[0].place;
  CHECK(place.line == 5);
  return result.text.substr(result.text.find("when =") + place.column - 1, 8);
}

TEST_CASE("a problem in a table is said to be at its key") {
  const std::string unknown = problem_of(load_when(R"({ tags__t = { "$foo" = 1 } })"));
  begins(unknown, "5:22 E0140");
  CHECK(unknown.find("$foo") != std::string::npos);

  CHECK(marked(R"({ id = { "$eq" = "x" }, tags__n = 5 })") == "tags__n ");
  CHECK(marked(R"({ "$or" = [{ id = { "$eq" = "x" } }, { nosuch = { "$eq" = 1 } }] })") ==
        "nosuch =");
  CHECK(marked(R"({ "$and" = [{ id = { "$eq" = "x" } }, 7 ] })") == "7 ] }\n");
  CHECK(marked(R"({ "$not" = { text = { "$size" = "3" } } })") == "\"$size\" ");
}

TEST_CASE("a filter in a table of its own is pointed at there") {
  const LoadResult result = load(R"([[executor]]
name = "a"
[executor.when."$or"]
tags__n = { "$gt" = 5 }
nosuch = { "$eq" = 1 }
)");
  begins(problem_of(result), "7:1 E0140");
}

TEST_CASE("a wrong filter of --set names the --set") {
  const LoadResult result =
      load("[[executor]]\nname = \"a\"\n", quiet({"a.when={ nosuch = { \"$eq\" = 1 } }"}));
  CHECK(codes(result) == Names{"E0140"});
  CHECK(report_text(result).find("--set a.when=") != std::string::npos);
}

TEST_CASE("a branch that no document can reach is warned about") {
  const LoadResult result = load(R"(
[[executor]]
name = "small"
when = { tags__n = { "$lt" = 1 } }
[[executor]]
name = "between"
[[executor]]
name = "large"
when = { tags__n = { "$gt" = 5 } }
)");
  CHECK(codes(result) == Names{"W0207"});
  begins(problem_of(result), "11:8 W0207 no document gets to executor 'large'");
}

TEST_CASE("a filter that nothing passes is warned about") {
  begins(problem_of(load_when(R"({ tags__n = { "$gt" = 5, "$lt" = 1 } })")),
         "5:8 W0207 no document gets to executor 'a': none passes its filter");
  CHECK(codes(load_when(R"({ tags__n = { "$gt" = 1, "$lt" = 5 } })")).empty());
  CHECK(codes(load_when("{}")).empty());
}

TEST_CASE("with another way to it, or filters that agree, an executor is reached") {
  CHECK(codes(load(R"(
[[executor]]
name = "small"
when = { tags__n = { "$lt" = 1 } }
[[executor]]
name = "large"
needs = ["small", "gateway"]
when = { tags__n = { "$gt" = 5 } }
)"))
            .empty());
  CHECK(codes(load(R"(
[[executor]]
name = "positive"
when = { tags__n = { "$gt" = 0 } }
[[executor]]
name = "large"
when = { tags__n = { "$gt" = 5 } }
)"))
            .empty());
  CHECK(codes(load(R"(
[[executor]]
name = "small"
when = { tags__n = { "$lt" = 1 } }
[[executor]]
name = "large"
needs = "gateway"
when = { tags__n = { "$gt" = 5 } }
[[executor]]
needs = "*"
)"))
            .empty());
}

TEST_CASE("a filter stands in front of uses_before, also where a warning looks for it") {
  const LoadResult result = load(R"(
[[executor]]
name = "small"
uses_before = "append"
when = { tags__n = { "$lt" = 1 } }
[[executor]]
name = "large"
uses_before = "append"
when = { tags__n = { "$gt" = 5 } }
)");
  CHECK(codes(result) == Names{"W0207"});
}

}  // namespace
}  // namespace flow::config
