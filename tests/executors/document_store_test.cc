#include "executors/index_store/document_store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <random>

#include "tests/executors/store_fixture.h"

namespace flow::executors::testing {
namespace {

TEST_CASE("documents are stored, replaced, removed and come back") {
  const TempFolder folder;
  {
    CheckedView view;
    const auto store = open_at(options_in(folder), view);
    REQUIRE(put(*store, {{"a", "1"}, {"b", "2"}, {"c", "3"}}).ok());
    REQUIRE(put(*store, {{"a", "4"}}).ok());
    REQUIRE(store->remove({"b", "unknown"}).ok());
    CHECK(contents(*store) == All{"c=3", "a=4"});
    CHECK(store->contains("a"));
    CHECK_FALSE(store->contains("b"));
  }
  CheckedView view;
  const auto store = open_at(options_in(folder), view);
  CHECK(contents(*store) == All{"c=3", "a=4"});
  CHECK(view.texts == All{"", "", "3", "4"});
}

TEST_CASE("of two documents with one id in a call the last stays") {
  const TempFolder folder;
  CheckedView view;
  const auto store = open_at(options_in(folder), view);
  const Documents twice = list_of({text_document("a", "1"), text_document("a", "22")});
  const std::vector<std::byte> attachment{std::byte{1}, std::byte{2}};
  REQUIRE(store->put(twice, attachment).ok());
  CHECK(contents(*store) == All{"a=22"});
}

TEST_CASE("removing unknown ids and storing nothing writes nothing") {
  const TempFolder folder;
  CheckedView view;
  const auto store = open_at(options_in(folder), view);
  const std::uint64_t size = store->log_size();
  CHECK(store->remove({"x"}).ok());
  CHECK(store->put({}, {}).ok());
  CHECK(store->log_size() == size);
}

TEST_CASE("a second store in the same folder is refused") {
  const TempFolder folder;
  CheckedView view;
  const auto store = open_at(options_in(folder), view);
  const auto second = DocumentStore::open(options_in(folder), view);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Errc::kUnavailable);
  CHECK(second.error().message == folder.path() + " is in use by another process");
}

TEST_CASE("a full store refuses and keeps what it has") {
  const TempFolder folder;
  CheckedView view;
  auto options = options_in(folder);
  options.max_documents = 2;
  const auto store = open_at(options, view);
  REQUIRE(put(*store, {{"a", "1"}, {"b", "2"}}).ok());
  const Status refused = put(*store, {{"c", "3"}});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Errc::kTooLarge);
  CHECK(contents(*store) == All{"a=1", "b=2"});
}

TEST_CASE("the log is rewritten when it holds more than twice what is alive") {
  const TempFolder folder;
  auto options = options_in(folder);
  options.compact_above = 4096;
  {
    CheckedView view;
    const auto store = open_at(options, view);
    for (int round = 0; round < 200; ++round) {
      REQUIRE(put(*store, {{"a", fmt::format("{}", round)}, {"b", "x"}}).ok());
      CHECK(store->log_size() < 4096 + 1024);
    }
    CHECK(view.renumberings > 3);
    CHECK(contents(*store) == All{"a=199", "b=x"});
    CHECK(store->slot_count() < 100);
  }
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/documents.log.new"));
  CheckedView view;
  CHECK(contents(*open_at(options, view)) == All{"a=199", "b=x"});
}

TEST_CASE("a store equals a model after random work and reopening") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const TempFolder folder;
  auto options = options_in(folder);
  options.compact_above = 2048;
  std::map<std::string, std::string> model;
  for (int session = 0; session < 5; ++session) {
    CheckedView view;
    const auto store = open_at(options, view);
    for (int step = 0; step < 60; ++step) {
      std::map<std::string, std::string> batch;
      for (unsigned n = random() % 5; n > 0; --n) {
        batch[fmt::format("id{}", random() % 20)] = std::string(1 + random() % 30, 't');
      }
      if (random() % 3 == 0) {
        std::vector<std::string> ids;
        for (const auto& [id, text] : batch)
          ids.push_back(id);
        REQUIRE(store->remove(ids).ok());
        for (const std::string& id : ids)
          model.erase(id);
      } else {
        REQUIRE(put(*store, batch).ok());
        for (const auto& [id, text] : batch)
          model[id] = text;
      }
    }
    std::map<std::string, std::string> stored;
    for (Slot slot = 0; slot < store->slot_count(); ++slot) {
      const wire::Document* document = store->at(slot);
      if (document != nullptr) stored[std::string(document->id())] = document->text();
    }
    CHECK(stored == model);
  }
}

TEST_CASE("a record body comes back as it was, a broken one is refused") {
  const std::vector<std::byte> attachment(5, std::byte{7});
  const std::vector<WriteVersion> two = {{5, 1}, {6, 2}};
  for (const Versions versions : {Versions(), Versions(two).first(1), Versions(two)}) {
    const auto body = put_body(Bytes::copy_of("list"), versions, attachment);
    const auto parsed = parse_body(body);
    REQUIRE(parsed.ok());
    CHECK(parsed->is_put);
    CHECK(parsed->list.size() == 4);
    CHECK(parsed->attachment.size() == 5);
    CHECK(std::ranges::equal(parsed->versions, versions));
    CHECK(body[0] == (versions.empty() ? std::byte{1} : std::byte{3}));

    const auto removed = remove_body({"a", "bc"}, versions);
    CHECK(removed[0] == (versions.empty() ? std::byte{2} : std::byte{4}));
    CHECK(parse_body(removed)->ids == All{"a", "bc"});
    CHECK(std::ranges::equal(parse_body(removed)->versions, versions));
    for (std::size_t size = 0; size < removed.size(); ++size) {
      CHECK_FALSE(parse_body(std::span(removed).first(size)).ok());
    }
  }
}

TEST_CASE("a record with more versions than it has room for is refused") {
  const std::vector<WriteVersion> one = {{5, 1}};
  auto body = put_body(Bytes::copy_of("list"), one, {});
  REQUIRE(parse_body(body).ok());
  body[11] = std::byte{0xFF};
  CHECK_FALSE(parse_body(body).ok());
  body[8] = body[11] = std::byte{0};
  CHECK_FALSE(parse_body(body).ok());
  auto removed = remove_body({"a", "b", "c"}, one);
  removed[8] = std::byte{2};
  CHECK_FALSE(parse_body(removed).ok());
}

}  // namespace
}  // namespace flow::executors::testing
