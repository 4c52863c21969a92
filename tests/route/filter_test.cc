#include "route/filter.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "filtering.h"

using flow::ByteString;
using flow::Errc;
using flow::Result;
using flow::route::Filter;
using flow::route::testing::document_of;
using flow::route::testing::filter_of;
using flow::route::testing::received;
using flow::wire::Document;
using flow::wire::DocumentList;
using flow::wire::DType;
using flow::wire::Tensor;

namespace {

enum class Answer { kPasses, kFails, kClash };

std::string name_of(Answer answer) {
  if (answer == Answer::kClash) return "clash";
  return answer == Answer::kPasses ? "passes" : "fails";
}

Answer answer_of(const Result<bool>& result) {
  if (!result) {
    CHECK(result.error().code == Errc::kInvalidArgument);
    return Answer::kClash;
  }
  return *result ? Answer::kPasses : Answer::kFails;
}

// The answer for the document as it is and as it comes over the wire, which must be the same.
Answer ask(const Filter& filter, const Document& document) {
  DocumentList list;
  list.push_back(document);
  const Answer decoded = answer_of(filter.passes(document));
  const DocumentList encoded = received(list);
  CHECK(encoded[0].encoded());
  CHECK(name_of(answer_of(filter.passes(encoded[0]))) == name_of(decoded));
  return decoded;
}

constexpr Answer kPasses = Answer::kPasses;
constexpr Answer kFails = Answer::kFails;
constexpr Answer kClash = Answer::kClash;

struct Asked {
  std::string_view query;
  Answer answer;
};

void check_answers(const Document& document, const std::vector<Asked>& cases) {
  for (const Asked& asked : cases) {
    CAPTURE(asked.query);
    CHECK(name_of(ask(filter_of(asked.query), document)) == name_of(asked.answer));
  }
}

Document rich() {
  return document_of(R"({"id":"full","text":"hello wörld","weight":1.5,"uri":"file://a.txt",
    "blob":"AAEC","location":[1.5,0],"embedding":[0.5,-0.5,2],
    "tensor":{"dtype":"int8","shape":[2,2],"data":"AQIDBA=="},
    "tags":{"n":5,"f":2.5,"z":0,"b":true,"no":false,"s":"abc","e":"","nul":null,"l":[1,"two",[3]],
            "el":[],"eo":{},"o":{"p":{"q":7},"0":"zero"},"big":9007199254740993,"size":2,"pat":"^h"},
    "chunks":[{"id":"c1","text":"x","granularity":1,"scores":{"a":{"value":1}}},{"id":"c2"}],
    "matches":[{"id":"m","tags":{"k":[9]}}],
    "scores":{"cos":{"value":0.9,"description":"angle"}}})");
}

}  // namespace

TEST_CASE("values are equal by what they mean") {
  check_answers(rich(), {{R"({"tags__n":{"$eq":5.0}})", kPasses},
                         {R"({"tags__n":{"$eq":"5"}})", kFails},
                         {R"({"tags__b":{"$eq":1}})", kPasses},
                         {R"({"tags__no":{"$eq":0.0}})", kPasses},
                         {R"({"tags__z":{"$eq":false}})", kPasses},
                         {R"({"tags__z":{"$eq":null}})", kFails},
                         {R"({"tags__e":{"$eq":null}})", kFails},
                         {R"({"tags__nul":{"$eq":null}})", kPasses},
                         {R"({"tags__gone":{"$eq":null}})", kPasses},
                         {R"({"tags__gone":{"$ne":null}})", kFails},
                         {R"({"tags__gone":{"$neq":5}})", kPasses},
                         {R"({"tags__l":{"$eq":[true,"two",[3.0]]}})", kPasses},
                         {R"({"tags__l":{"$eq":[1,"two"]}})", kFails},
                         {R"({"tags__o":{"$eq":{"0":"zero","p":{"q":7}}}})", kPasses},
                         {R"({"tags__o":{"$eq":{"1":"zero","p":{"q":7}}}})", kFails},
                         {R"({"tags__eo":{"$eq":[]}})", kFails},
                         {R"({"tags__big":{"$eq":9007199254740992}})", kFails},
                         {R"({"tags__big":{"$eq":9007199254740992.0}})", kFails},
                         {R"({"tags__big":{"$eq":9007199254740993}})", kPasses},
                         {R"({"text":{"$eq":5}})", kFails},
                         {R"({"blob":{"$eq":"AAEC"}})", kFails},
                         {R"({"location":{"$eq":[1.5,0]}})", kPasses},
                         {R"({"tensor":{"$eq":[[1,2],[3,4]]}})", kPasses},
                         {R"({"embedding":{"$neq":[0.5,-0.5]}})", kPasses},
                         {R"({"chunks":{"$eq":[]}})", kFails}});
}

TEST_CASE("order is defined between numbers, strings, and lists item by item") {
  check_answers(rich(), {{R"({"tags__n":{"$gt":4.9,"$gte":5,"$lt":6,"$lte":5}})", kPasses},
                         {R"({"tags__n":{"$gt":5}})", kFails},
                         {R"({"tags__n":{"$lt":5.0}})", kFails},
                         {R"({"tags__n":{"$gt":"a"}})", kClash},
                         {R"({"tags__s":{"$lt":1}})", kClash},
                         {R"({"tags__s":{"$gt":"abb","$lt":"abcd"}})", kPasses},
                         {R"({"tags__s":{"$lt":"B"}})", kFails},
                         {R"({"text":{"$lt":"hello wz"}})", kFails},
                         {R"({"text":{"$gt":"hello wz"}})", kPasses},
                         {R"({"tags__b":{"$gte":1}})", kPasses},
                         {R"({"tags__n":{"$gt":true}})", kPasses},
                         {R"({"tags__b":{"$gt":"x"}})", kClash},
                         {R"({"tags__gone":{"$gt":"x"}})", kFails},
                         {R"({"tags__gone":{"$lt":5}})", kFails},
                         {R"({"tags__nul":{"$lte":5}})", kFails},
                         {R"({"tags__l":{"$gt":[0]}})", kPasses},
                         {R"({"tags__l":{"$gt":[1]}})", kPasses},
                         {R"({"tags__l":{"$lt":[1,"two",[3],0]}})", kPasses},
                         {R"({"tags__l":{"$gte":[1,"two",[3]]}})", kPasses},
                         {R"({"tags__l":{"$gt":[1,2]}})", kClash},
                         {R"({"tags__l":{"$gt":["a"]}})", kClash},
                         {R"({"tags__l":{"$gt":[null]}})", kClash},
                         {R"({"tags__l":{"$gt":5}})", kClash},
                         {R"({"tags__el":{"$lt":[1]}})", kPasses},
                         {R"({"tags__o":{"$gt":[1]}})", kClash},
                         {R"({"tags__big":{"$gt":9007199254740992.0}})", kPasses},
                         {R"({"tags__n":{"$lt":1e300,"$gt":-1e300}})", kPasses},
                         {R"({"weight":{"$gt":1}})", kPasses},
                         {R"({"location":{"$gt":[1]}})", kPasses},
                         {R"({"embedding__2":{"$gt":1}})", kPasses},
                         {R"({"embedding":{"$gt":1}})", kClash},
                         {R"({"scores__cos__value":{"$gt":0.5}})", kPasses}});
}

TEST_CASE("membership is of a list, a string or the keys of a map") {
  check_answers(rich(), {{R"({"tags__n":{"$in":[1,5.0]}})", kPasses},
                         {R"({"tags__n":{"$nin":[1,"5"]}})", kPasses},
                         {R"({"tags__n":{"$in":[]}})", kFails},
                         {R"({"tags__gone":{"$in":[null]}})", kPasses},
                         {R"({"tags__gone":{"$in":[0,""]}})", kFails},
                         {R"({"tags__nul":{"$nin":[null]}})", kFails},
                         {R"({"tags__l":{"$in":[[1,"two",[3]],2]}})", kPasses},
                         {R"({"tags__l":{"$in":[1]}})", kFails},
                         {R"({"tags__s":{"$in":"xabcx"}})", kPasses},
                         {R"({"tags__s":{"$in":"acb"}})", kFails},
                         {R"({"tags__e":{"$in":"abc"}})", kPasses},
                         {R"({"tags__gone":{"$in":"null"}})", kFails},
                         {R"({"tags__gone":{"$nin":"null"}})", kPasses},
                         {R"({"tags__n":{"$in":"5"}})", kClash},
                         {R"({"tags__n":{"$nin":"5"}})", kClash},
                         {R"({"tags__l":{"$in":"abc"}})", kClash},
                         {R"({"tags__s":{"$in":{"abc":1}}})", kPasses},
                         {R"({"tags__n":{"$in":{"5":1}}})", kFails},
                         {R"({"tags__l":{"$in":{"abc":1}}})", kClash}});
}

TEST_CASE("a regular expression is found anywhere in a string") {
  check_answers(rich(), {{R"({"text":{"$regex":"w.rld"}})", kPasses},
                         {R"({"text":{"$regex":"World"}})", kFails},
                         {R"({"text":{"$regex":"(?i)W.RLD$"}})", kPasses},
                         {R"({"text":{"$regex":""}})", kPasses},
                         {R"({"tags__gone":{"$regex":"x"}})", kFails},
                         {R"({"tags__nul":{"$regex":""}})", kFails},
                         {R"({"tags__n":{"$regex":"5"}})", kClash},
                         {R"({"tags__b":{"$regex":"x"}})", kClash},
                         {R"({"tags__l":{"$regex":"x"}})", kClash},
                         {R"({"text":{"$regex":"{tags__pat}"}})", kPasses},
                         {R"({"text":{"$regex":"{tags__n}"}})", kClash},
                         {R"({"text":{"$regex":"{tags__gone}"}})", kClash},
                         {R"({"tags__gone":{"$regex":"{tags__n}"}})", kFails}});
  check_answers(document_of(R"({"id":"1","text":"x","tags":{"p":"["}})"),
                {{R"({"text":{"$regex":"{tags__p}"}})", kClash}});
}

TEST_CASE("a size is counted in characters, bytes or items") {
  check_answers(rich(), {{R"({"text":{"$size":11}})", kPasses},
                         {R"({"text":{"$size":12}})", kFails},
                         {R"({"text":{"$size":11.0}})", kPasses},
                         {R"({"text":{"$size":11.5}})", kFails},
                         {R"({"blob":{"$size":3}})", kPasses},
                         {R"({"tags__e":{"$size":0}})", kPasses},
                         {R"({"tags__l":{"$size":3}})", kPasses},
                         {R"({"tags__o":{"$size":2}})", kPasses},
                         {R"({"tags__gone":{"$size":0}})", kFails},
                         {R"({"tags__nul":{"$size":0}})", kFails},
                         {R"({"tags__n":{"$size":1}})", kClash},
                         {R"({"tags__b":{"$size":1}})", kClash},
                         {R"({"chunks":{"$size":2}})", kPasses},
                         {R"({"matches":{"$size":true}})", kPasses},
                         {R"({"scores":{"$size":1}})", kPasses},
                         {R"({"evaluations":{"$size":0}})", kPasses},
                         {R"({"location":{"$size":2}})", kPasses},
                         {R"({"tensor":{"$size":2}})", kPasses},
                         {R"({"tensor__0__1":{"$size":2}})", kClash},
                         {R"({"matches":{"$size":"{tags__size}"}})", kFails},
                         {R"({"chunks":{"$size":"{tags__size}"}})", kPasses},
                         {R"({"chunks":{"$size":"{tags__s}"}})", kFails}});
}

TEST_CASE("a bare field exists when it is set, a path when it leads to a value") {
  check_answers(rich(), {{R"({"text":{"$exists":true}})", kPasses},
                         {R"({"modality":{"$exists":true}})", kFails},
                         {R"({"offset":{"$exists":false}})", kPasses},
                         {R"({"granularity":{"$exists":false}})", kPasses},
                         {R"({"tags":{"$exists":true}})", kPasses},
                         {R"({"evaluations":{"$exists":true}})", kFails},
                         {R"({"chunks":{"$exists":true}})", kPasses},
                         {R"({"location":{"$exists":true}})", kPasses},
                         {R"({"tensor":{"$exists":true}})", kPasses},
                         {R"({"blob":{"$exists":true}})", kPasses},
                         {R"({"tags__z":{"$exists":true}})", kPasses},
                         {R"({"tags__e":{"$exists":true}})", kPasses},
                         {R"({"tags__el":{"$exists":true}})", kPasses},
                         {R"({"tags__no":{"$exists":true}})", kPasses},
                         {R"({"tags__nul":{"$exists":true}})", kFails},
                         {R"({"tags__gone":{"$exists":false}})", kPasses},
                         {R"({"chunks__1":{"$exists":true}})", kPasses},
                         {R"({"chunks__2":{"$exists":true}})", kFails},
                         {R"({"chunks__1__text":{"$exists":true}})", kPasses},
                         {R"({"scores__cos":{"$exists":true}})", kPasses},
                         {R"({"scores__dot__value":{"$exists":true}})", kFails},
                         {R"({"text":{"$exists":"{tags__b}"}})", kPasses},
                         {R"({"text":{"$exists":"{tags__no}"}})", kFails},
                         {R"({"text":{"$exists":"{tags__n}"}})", kClash}});
}

TEST_CASE("an empty document has defaults, and nothing behind them") {
  check_answers(document_of(R"({"id":"1"})"),
                {{R"({"text":{"$lt":"b"}})", kPasses},
                 {R"({"text":{"$eq":""}})", kPasses},
                 {R"({"text":{"$eq":null}})", kFails},
                 {R"({"weight":{"$eq":0}})", kPasses},
                 {R"({"weight":{"$exists":true}})", kFails},
                 {R"({"granularity":{"$lte":0}})", kPasses},
                 {R"({"chunks":{"$size":0}})", kPasses},
                 {R"({"matches":{"$eq":[]}})", kPasses},
                 {R"({"tags":{"$size":0}})", kPasses},
                 {R"({"tags":{"$eq":{}}})", kPasses},
                 {R"({"scores":{"$size":0}})", kPasses},
                 {R"({"location":{"$size":0}})", kPasses},
                 {R"({"blob":{"$size":0}})", kPasses},
                 {R"({"embedding":{"$eq":null}})", kPasses},
                 {R"({"embedding":{"$size":0}})", kFails},
                 {R"({"tensor__0":{"$gt":0}})", kFails},
                 {R"({"text__size":{"$eq":null}})", kPasses},
                 {R"({"chunks__name":{"$eq":null}})", kPasses},
                 {R"({"chunks__0__text":{"$eq":null}})", kPasses},
                 {R"({"tags__a__b__0":{"$exists":false}})", kPasses}});
  CHECK(ask(filter_of(R"({"chunks":{"$size":0},"tags":{"$size":0}})"), Document()) == kPasses);
}

TEST_CASE("paths lead through maps, lists, chunks and scores") {
  check_answers(rich(), {{R"({"tags__o__p__q":{"$eq":7}})", kPasses},
                         {R"({"tags__o__0":{"$eq":"zero"}})", kPasses},
                         {R"({"tags__o__1":{"$eq":null}})", kPasses},
                         {R"({"tags__o__gone__x":{"$eq":null}})", kPasses},
                         {R"({"tags__l__0":{"$eq":1}})", kPasses},
                         {R"({"tags__l__-1__0":{"$eq":3}})", kPasses},
                         {R"({"tags__l__-3":{"$eq":1}})", kPasses},
                         {R"({"tags__l__-4":{"$eq":null}})", kPasses},
                         {R"({"tags__l__3":{"$eq":null}})", kPasses},
                         {R"({"tags__l__99999999999999999999":{"$eq":null}})", kClash},
                         {R"({"tags__l__9223372036854775807":{"$eq":null}})", kPasses},
                         {R"({"tags__l__-9223372036854775808":{"$eq":null}})", kPasses},
                         {R"({"tags__l__x":{"$eq":1}})", kClash},
                         {R"({"tags__el__x":{"$eq":null}})", kPasses},
                         {R"({"tags__eo__x":{"$eq":null}})", kPasses},
                         {R"({"tags__z__x":{"$eq":null}})", kPasses},
                         {R"({"tags__e__0":{"$eq":null}})", kPasses},
                         {R"({"tags__no__x":{"$eq":null}})", kPasses},
                         {R"({"tags__nul__x":{"$eq":null}})", kPasses},
                         {R"({"tags__n__x":{"$exists":false}})", kClash},
                         {R"({"tags__s__0":{"$eq":"a"}})", kClash},
                         {R"({"tags__b__x":{"$eq":null}})", kClash},
                         {R"({"text__size":{"$eq":null}})", kClash},
                         {R"({"chunks__0__text":{"$eq":"x"}})", kPasses},
                         {R"({"chunks__-1__id":{"$eq":"c2"}})", kPasses},
                         {R"({"chunks__0__scores__a__value":{"$gte":1}})", kPasses},
                         {R"({"chunks__0__granularity":{"$eq":1}})", kPasses},
                         {R"({"chunks__1__weight":{"$eq":0}})", kPasses},
                         {R"({"chunks__2__weight":{"$eq":0}})", kFails},
                         {R"({"chunks__text":{"$eq":"x"}})", kClash},
                         {R"({"matches__0__tags__k__0":{"$eq":9}})", kPasses},
                         {R"({"scores__cos__description":{"$eq":"angle"}})", kPasses},
                         {R"({"location__0":{"$eq":1.5}})", kPasses},
                         {R"({"location__x":{"$eq":1.5}})", kClash},
                         {R"({"tensor__1__-1":{"$eq":4}})", kPasses},
                         {R"({"tensor__1__x":{"$eq":4}})", kClash},
                         {R"({"tensor__2":{"$eq":null}})", kPasses}});
  check_answers(document_of(R"({"id":"1","tags":{"a.b":1,"":{"c":2}}})"),
                {{R"({"tags__a.b":{"$eq":1}})", kPasses}, {R"({"tags____c":{"$eq":2}})", kPasses}});
}

TEST_CASE("a placeholder stands for the document's own value") {
  check_answers(
      document_of(
          R"({"id":"bob","text":"bob","weight":2,"tags":{"name":"bob","m":2,"l":["bob"]}})"),
      {{R"({"text":{"$eq":"{tags__name}"}})", kPasses},
       {R"({"text":{"$eq":"{ id }"}})", kPasses},
       {R"({"text":{"$neq":"{tags__gone}"}})", kPasses},
       {R"({"tags__gone":{"$eq":"{tags__none}"}})", kPasses},
       {R"({"weight":{"$lte":"{tags__m}"}})", kPasses},
       {R"({"weight":{"$gt":"{tags__gone}"}})", kClash},
       {R"({"tags__gone":{"$gt":"{tags__none}"}})", kFails},
       {R"({"text":{"$in":"{tags__l}"}})", kPasses},
       {R"({"text":{"$in":"{tags__name}"}})", kPasses},
       {R"({"text":{"$in":"{tags__m}"}})", kClash},
       {R"({"text":{"$in":"{tags__gone}"}})", kClash},
       {R"({"text":{"$eq":"{tags__m__x}"}})", kClash},
       {R"({"tags":{"$eq":"{tags}"}})", kPasses},
       {R"({"text":{"$in":["{id}"]}})", kFails},
       {R"({"text":{"$eq":"x{id}"}})", kFails}});
}

TEST_CASE("logic is evaluated left to right, no further than needed") {
  check_answers(rich(), {{R"({})", kPasses},
                         {R"({"$and":[]})", kPasses},
                         {R"({"$or":[]})", kFails},
                         {R"({"$not":[]})", kFails},
                         {R"({"$or":[{}]})", kPasses},
                         {R"({"$or":[{"tags__n":{"$eq":3}}],"text":{"$exists":true}})", kFails},
                         {R"({"$or":{"tags__n":{"$eq":3},"text":{"$exists":true}}})", kPasses},
                         {R"({"$not":{"tags__n":{"$eq":5},"tags__z":{"$eq":1}}})", kPasses},
                         {R"({"$not":[{"tags__n":{"$eq":5}},{"tags__z":{"$eq":0}}]})", kFails},
                         {R"({"text":{"$or":[{"tags__n":{"$eq":5}}]}})", kPasses},
                         {R"({"$and":[{"tags__n":{"$eq":3}},{"tags__n":{"$gt":"a"}}]})", kFails},
                         {R"({"$and":[{"tags__n":{"$eq":5}},{"tags__n":{"$gt":"a"}}]})", kClash},
                         {R"({"$or":[{"tags__n":{"$eq":5}},{"tags__n":{"$gt":"a"}}]})", kPasses},
                         {R"({"$or":[{"tags__n":{"$gt":"a"}},{"tags__n":{"$eq":5}}]})", kClash},
                         {R"({"$not":{"tags__n":{"$gt":"a"}}})", kClash},
                         {R"({"tags__n":{"$lt":3,"$gt":"a"}})", kFails}});
}

TEST_CASE("a clash names the document, the field and both kinds") {
  const auto message = [](std::string_view query) {
    const Result<bool> result = filter_of(query).passes(rich());
    REQUIRE_FALSE(result.ok());
    return result.error().message;
  };
  CHECK(message(R"({"tags__n":{"$gt":"a"}})") ==
        "document 'full': tags__n is an int, and $gt cannot compare it with a string");
  CHECK(message(R"({"tags__o__p__q__r":{"$eq":1}})") ==
        "document 'full': tags__o__p__q__r leads nowhere: tags__o__p__q is an int and has no 'r'");
  CHECK(message(R"({"tags__n":{"$size":1}})") ==
        "document 'full': tags__n is an int, which has no $size");
}

TEST_CASE("values that only programs can make are compared too") {
  Document document = document_of(R"({"id":"1"})");
  document.set_tag("nan", std::numeric_limits<double>::quiet_NaN());
  document.set_tag("bytes", ByteString{"abc"});
  document.change().tensor = Tensor{.dtype = DType::kFloat16, .shape = {}, .data = {}};
  for (const int byte : {0x00, 0xC0}) {
    document.change().tensor->data.push_back(static_cast<std::byte>(byte));
  }
  document.change().embedding = Tensor{.dtype = DType::kInt8, .shape = {1ULL << 40, 0}, .data = {}};
  check_answers(document, {{R"({"tags__nan":{"$eq":"{tags__nan}"}})", kFails},
                           {R"({"tags__nan":{"$gt":1}})", kFails},
                           {R"({"tags__nan":{"$lte":1}})", kFails},
                           {R"({"tags__bytes":{"$eq":"abc"}})", kFails},
                           {R"({"tags__bytes":{"$gt":"abc"}})", kClash},
                           {R"({"tags__bytes":{"$size":3}})", kPasses},
                           {R"({"tags__bytes":{"$eq":"{tags__bytes}"}})", kPasses},
                           {R"({"tensor":{"$eq":-2}})", kPasses},
                           {R"({"tensor":{"$lt":0,"$exists":true}})", kPasses},
                           {R"({"embedding":{"$eq":"{embedding}","$size":0}})", kPasses}});
}

TEST_CASE("maps with many keys are equal whatever the order of their keys") {
  Document document = document_of(R"({"id":"1"})");
  flow::ValueMap up;
  flow::ValueMap down;
  for (int i = 0; i < 100; ++i) {
    up.set("k" + std::to_string(i), i);
    down.set("k" + std::to_string(99 - i), 99 - i);
  }
  document.set_tag("up", up);
  document.set_tag("down", down);
  check_answers(document, {{R"({"tags__up":{"$eq":"{tags__down}"}})", kPasses}});
  down.set("k7", 8);
  document.set_tag("down", down);
  check_answers(document, {{R"({"tags__up":{"$eq":"{tags__down}"}})", kFails}});
}
