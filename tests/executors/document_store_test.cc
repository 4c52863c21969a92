#include "executors/index_store/document_store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>
#include <map>
#include <random>

#include "executors/index_store/record_body.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

// A view that checks every call against what it was told before. Its attachment is one byte a
// document: the length of its text.
class CheckedView final : public IndexView {
 public:
  std::vector<std::string> texts;  // by slot, "" when removed

  Status added(Slot first, std::span<const wire::Document> documents,
               std::span<const std::byte> attachment) override {
    CHECK(first == texts.size());
    CHECK(attachment.size() == documents.size());
    for (const wire::Document& document : documents) {
      CHECK(attachment[&document - documents.data()] == mark(document.text()));
      texts.emplace_back(document.text());
    }
    return {};
  }
  void removed(Slot slot, const wire::Document& document) override {
    CHECK(texts.at(slot) == document.text());
    texts[slot].clear();
  }
  void renumbered(std::span<const Slot> now, std::size_t live) override {
    CHECK(now.size() == texts.size());
    std::vector<std::string> moved(live);
    for (std::size_t old = 0; old < now.size(); ++old) {
      CHECK((now[old] == kNoSlot) == texts[old].empty());
      if (now[old] != kNoSlot) moved.at(now[old]) = texts[old];
    }
    texts = moved;
    ++renumberings;
  }
  void append_attachment(Slot slot, std::vector<std::byte>& out) const override {
    out.push_back(mark(texts.at(slot)));
  }
  static std::byte mark(std::string_view text) { return static_cast<std::byte>(text.size()); }

  int renumberings = 0;
};

DocumentStore::Options options_in(const TempFolder& folder) {
  DocumentStore::Options options;
  options.folder = folder.path();
  options.kind = "test";
  options.sync = SyncPolicy::kNone;
  options.lock_patience = Duration::zero();
  return options;
}

std::unique_ptr<DocumentStore> open_at(const DocumentStore::Options& options, CheckedView& view) {
  auto store = DocumentStore::open(options, view);
  REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error().message));
  return *std::move(store);
}

Status put(DocumentStore& store, const std::map<std::string, std::string>& texts) {
  Documents documents;
  std::vector<std::byte> attachment;
  for (const auto& [id, text] : texts) {
    documents.push_back(text_document(id, text));
    attachment.push_back(CheckedView::mark(text));
  }
  return store.put(documents, attachment);
}

// The live documents in the order of their slots: "id=text".
std::vector<std::string> contents(const DocumentStore& store) {
  std::vector<std::string> all;
  for (Slot slot = 0; slot < store.slot_count(); ++slot) {
    const wire::Document* document = store.at(slot);
    if (document != nullptr) all.push_back(fmt::format("{}={}", document->id(), document->text()));
  }
  CHECK(all.size() == store.size());
  return all;
}

using All = std::vector<std::string>;

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
  const auto body = put_body(Bytes::copy_of("list"), attachment);
  const auto parsed = parse_body(body);
  REQUIRE(parsed.ok());
  CHECK(parsed->is_put);
  CHECK(parsed->list.size() == 4);
  CHECK(parsed->attachment.size() == 5);

  const auto removed = remove_body({"a", "bc"});
  CHECK(parse_body(removed)->ids == All{"a", "bc"});
  for (std::size_t size = 0; size < removed.size(); ++size) {
    CHECK_FALSE(parse_body(std::span(removed).first(size)).ok());
  }
}

}  // namespace
}  // namespace flow::executors::testing
