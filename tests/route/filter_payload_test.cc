// What filters do to payloads, and random queries on random documents.
#include <doctest/doctest.h>

#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "filtering.h"
#include "route/filter.h"

using flow::Bytes;
using flow::Errc;
using flow::Result;
using flow::Value;
using flow::ValueList;
using flow::graph::Query;
using flow::route::Filter;
using flow::route::testing::document_of;
using flow::route::testing::filter_of;
using flow::route::testing::received;
using flow::wire::Document;
using flow::wire::DocumentList;

TEST_CASE("what passes of a payload are copies of its blobs") {
  DocumentList list;
  for (int i = 0; i < 5; ++i) {
    Document document = document_of(R"({"tags":{"k":0}})");
    document.set_id(std::to_string(i));
    document.set_tag("k", i);
    document.set_text(std::string(static_cast<std::size_t>(i) * 7, 'x'));
    list.push_back(std::move(document));
  }
  const Bytes payload = list.encode();

  const Result<Bytes> all = filter_of(R"({"tags__k":{"$gte":0}})").keep_passing(payload);
  REQUIRE(all.ok());
  CHECK(all->data() == payload.data());

  const Result<Bytes> none = filter_of(R"({"tags__k":{"$gt":9}})").keep_passing(payload);
  REQUIRE(none.ok());
  CHECK(none->empty());

  const Filter odd = filter_of(R"({"tags__k":{"$in":[1,3,4]}})");
  const Result<Bytes> some = odd.keep_passing(payload);
  REQUIRE(some.ok());
  const Result<DocumentList> kept = DocumentList::open(*some);
  REQUIRE(kept.ok());
  REQUIRE(kept->size() == 3);
  CHECK((*kept)[0] == list[1]);
  CHECK((*kept)[1] == list[3]);
  CHECK((*kept)[2] == list[4]);
  const Result<Bytes> same = odd.keep_passing(list, payload);
  REQUIRE(same.ok());
  CHECK(*same == *some);

  const Result<Bytes> empty = odd.keep_passing(Bytes());
  REQUIRE(empty.ok());
  CHECK(empty->empty());
  CHECK_FALSE(filter_of(R"({"tags__k":{"$gt":"x"}})").keep_passing(payload).ok());
  CHECK(odd.keep_passing(Bytes::copy_of("no list")).error().code == Errc::kInvalidArgument);
}

TEST_CASE("a filter is compiled from a table, or tells why not") {
  const Result<Filter> good = Filter::compile({{"text", flow::ValueMap{{"$eq", "x"}}}});
  REQUIRE(good.ok());
  CHECK(*good->passes(document_of(R"({"text":"x"})")));
  const Result<Filter> bad = Filter::compile({{"text", flow::ValueMap{{"$is", "x"}}}});
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.error().code == Errc::kInvalidArgument);
  CHECK(bad.error().message.starts_with("when: text.$is: there is no operator $is"));
}

namespace {

// Random documents and queries over the same few names, so that they meet.
class Chance {
 public:
  explicit Chance(std::uint32_t seed) : engine_(seed) {}

  std::size_t below(std::size_t limit) { return engine_() % limit; }

  std::string_view one_of(std::span<const std::string_view> items) {
    return items[below(items.size())];
  }

  Value value(int depth) {
    switch (below(depth == 0 ? 8 : 10)) {
      case 0: return Value();
      case 1: return Value(below(2) == 0);
      case 2: return Value(static_cast<int>(below(4)) - 1);
      case 3: return Value(static_cast<double>(below(5)) / 2 - 1);
      case 4: return Value("");
      case 5: return Value("a");
      case 6: return Value("ab");
      case 7: return Value("1");
      case 8: {
        ValueList list;
        for (std::size_t i = below(4); i > 0; --i)
          list.push_back(value(depth - 1));
        return Value(std::move(list));
      }
      default: {
        flow::ValueMap map;
        for (std::size_t i = below(4); i > 0; --i)
          map.set(one_of(kKeys), value(depth - 1));
        return Value(std::move(map));
      }
    }
  }

  Document document(int depth) {
    Document document;
    document.set_id(one_of(kKeys));
    if (below(2) == 0) document.set_text(one_of(kKeys));
    if (below(2) == 0) document.change().weight = static_cast<double>(below(3));
    if (below(3) == 0) document.set_score("a", static_cast<double>(below(3)), "b");
    if (below(3) == 0) document.change().location = {1.0, static_cast<double>(below(3))};
    if (below(3) == 0) document.set_embedding(std::vector<float>{1, 0, 2});
    for (std::size_t i = below(4); i > 0; --i)
      document.set_tag(one_of(kKeys), value(2));
    for (std::size_t i = depth == 0 ? 0 : below(3); i > 0; --i)
      document.add_chunk(this->document(depth - 1));
    return document;
  }

  std::string query() {
    std::string path(one_of(kPaths));
    if (path == "tags") {
      for (std::size_t i = below(4); i > 0; --i)
        path += "__" + std::string(one_of(kKeys));
    }
    std::string text = R"({")" + path + R"(":{")" + std::string(one_of(kOperators)) + R"(":)";
    if (below(6) == 0) {
      text += R"("{)" + std::string(one_of(kPlaceholders)) + R"(}")";
    } else {
      text += flow::to_json(value(2));
    }
    return text + "}}";
  }

 private:
  static constexpr std::string_view kKeys[] = {"a", "b", "0", "1", "-1", ""};
  static constexpr std::string_view kPaths[] = {"tags",
                                                "tags",
                                                "tags",
                                                "text",
                                                "id",
                                                "weight",
                                                "chunks",
                                                "location",
                                                "embedding",
                                                "chunks__0__tags__a",
                                                "chunks__-1__text",
                                                "scores__a__value",
                                                "embedding__1",
                                                "location__1",
                                                "chunks__a"};
  static constexpr std::string_view kPlaceholders[] = {"tags__a", "tags__b__0", "id",
                                                       "weight",  "tags",       "chunks"};
  static constexpr std::string_view kOperators[] = {
      "$eq", "$neq", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$regex", "$size", "$exists"};

  std::mt19937 engine_;
};

}  // namespace

TEST_CASE("encoded and decoded documents give the same answers") {
  constexpr std::uint32_t kSeeds = 2'000;
  std::size_t asked = 0;
  std::size_t answers[3] = {};
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    Chance chance(seed);
    DocumentList decoded;
    for (int i = 0; i < 3; ++i)
      decoded.push_back(chance.document(2));
    const DocumentList encoded = received(decoded);
    for (int i = 0; i < 10; ++i) {
      const std::string query = chance.query();
      auto parsed = Query::parse(*flow::parse_json(query));
      if (!std::holds_alternative<Query>(parsed)) continue;
      const Filter filter(std::get<Query>(std::move(parsed)));
      ++asked;
      for (std::size_t at = 0; at < decoded.size(); ++at) {
        const Result<bool> one = filter.passes(decoded[at]);
        const Result<bool> other = filter.passes(encoded[at]);
        const bool same =
            one.ok() == other.ok() && (one.ok() ? *one == *other : one.error() == other.error());
        REQUIRE_MESSAGE(same, "seed " << seed << ", document " << at << ", " << query);
        ++answers[!one.ok() ? 2 : (*one ? 1 : 0)];
      }
    }
  }
  CHECK(asked > kSeeds * 4);
  for (const std::size_t count : answers)
    CHECK(count > kSeeds);
}
