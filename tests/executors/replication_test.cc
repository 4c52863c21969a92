// Stores that get the same writes in different orders, or copy from one another, end the same.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>

#include "executors/index_store/document_store.h"
#include "executors/text-index/postings.h"
#include "executors/vector-index/vectors.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {
namespace {

constexpr std::uint64_t kStart = 1'800'000'000'000'000'000;

// One write: documents `ids` put with texts and numbers made from the version, or removed.
struct Write {
  WriteVersion version;
  bool removes = false;
  std::vector<std::string> ids;
};

std::string text_of(const Write& write, std::size_t position) {
  std::string text = "every";
  for (std::uint64_t n = (write.version.time_ns + position) % 4; n > 0; --n)
    text += fmt::format(" w{}", (write.version.time_ns / 4 + n) % 5);
  return text;
}

// A view with its store, closed and opened again at will.
template <typename View>
class Replica {
 public:
  Replica() {
    options_.folder = folder_.path();
    options_.kind = "test";
    options_.sync = SyncPolicy::kNone;
    options_.compact_above = 2048;
    restart();
  }

  void restart() {
    store_.reset();
    make_view();
    auto store = DocumentStore::open(options_, *view_);
    REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error().message));
    store_ = *std::move(store);
  }

  void apply(const Write& write) {
    if (write.removes) {
      REQUIRE(store_->remove(write.ids, write.version).ok());
      return;
    }
    Documents documents;
    std::vector<float> numbers;
    for (std::size_t i = 0; i < write.ids.size(); ++i) {
      documents.push_back(text_document(write.ids[i], text_of(write, i)));
      numbers.push_back(static_cast<float>(write.version.time_ns % 7));
      numbers.push_back(static_cast<float>(i));
    }
    const bool has_numbers = std::is_same_v<View, Vectors>;
    REQUIRE(store_
                ->put(documents,
                      has_numbers ? std::as_bytes(std::span(numbers)) : std::span<std::byte>(),
                      write.version)
                .ok());
  }

  // "id=text" by id.
  std::vector<std::string> contents() const {
    std::vector<std::string> all;
    for (Slot slot = 0; slot < store_->slot_count(); ++slot) {
      const wire::Document* document = store_->at(slot);
      if (document != nullptr)
        all.push_back(fmt::format("{}={}", document->id(), document->text()));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  // "id score" best first, of several searches. Many hits are equal.
  std::vector<std::string> answers() {
    std::vector<std::string> all;
    for (int query = 0; query < 5; ++query) {
      for (const Hit& hit : search(query))
        all.push_back(fmt::format("{} {}", store_->at(hit.slot)->id(), hit.score));
    }
    return all;
  }

  DocumentStore& store() { return *store_; }

 private:
  void make_view() {
    if constexpr (std::is_same_v<View, Vectors>) {
      view_ = std::make_unique<Vectors>(Metric::kL2);
    } else {
      view_ = std::make_unique<Postings>(Bm25{});
    }
  }
  std::vector<Hit> search(int query) {
    if (store_->size() == 0) return {};
    if constexpr (std::is_same_v<View, Vectors>) {
      const std::vector<float> numbers = {static_cast<float>(query), 0};
      return view_->search({std::span<const float>(numbers)}, 6, store_->versions())[0];
    } else {
      return view_->search(fmt::format("every w{}", query), 6, store_->versions());
    }
  }

  TempFolder folder_;
  DocumentStore::Options options_;
  std::unique_ptr<View> view_;
  std::unique_ptr<DocumentStore> store_;
};

std::vector<Write> random_writes(std::mt19937& random, std::size_t count) {
  std::vector<Write> writes;
  for (std::size_t i = 0; i < count; ++i) {
    Write write;
    write.version = {kStart + i / 2, 1 + static_cast<std::uint32_t>(i % 2)};
    write.removes = random() % 3 == 0;
    for (unsigned n = 1 + random() % 5; n > 0; --n) {
      std::string id = fmt::format("id{}", random() % 25);
      if (std::ranges::find(write.ids, id) == write.ids.end()) write.ids.push_back(std::move(id));
    }
    writes.push_back(std::move(write));
  }
  return writes;
}

// What a store holds in the end: of each document the newest write.
std::vector<std::string> newest_of(const std::vector<Write>& writes) {
  std::map<std::string, std::pair<WriteVersion, std::string>> newest;
  for (const Write& write : writes) {
    for (std::size_t i = 0; i < write.ids.size(); ++i) {
      auto& [version, text] = newest[write.ids[i]];
      if (write.version <= version) continue;
      version = write.version;
      text = write.removes ? "" : fmt::format("{}={}", write.ids[i], text_of(write, i));
    }
  }
  std::vector<std::string> contents;
  for (const auto& [id, entry] : newest) {
    if (!entry.second.empty()) contents.push_back(entry.second);
  }
  std::sort(contents.begin(), contents.end());
  return contents;
}

// Every write at least once, in any order, and the process ends now and then.
template <typename View>
void deliver(std::vector<Write> writes, Replica<View>& to, std::mt19937& random) {
  for (std::size_t again = writes.size() / 10; again > 0; --again)
    writes.push_back(writes[random() % writes.size()]);
  std::shuffle(writes.begin(), writes.end(), random);
  for (const Write& write : writes) {
    to.apply(write);
    if (random() % 50 == 0) to.restart();
  }
}

// Copies all there is, with `between` called after every piece.
template <typename View, typename Between>
void copy(Replica<View>& from, Replica<View>& to, std::mt19937& random, const Between& between) {
  std::string cursor;
  for (bool last = false; !last;) {
    const std::size_t limit = 100 + random() % 1500;
    const auto piece = from.store().next_piece(cursor, limit);
    if (!piece.ok()) {
      REQUIRE(piece.error().code == Errc::kNotFound);
      cursor.clear();
      continue;
    }
    CHECK((piece->bytes.size() <= limit || piece->bytes.size() < 500));
    const Status merged = to.store().merge(piece->bytes);
    REQUIRE_MESSAGE(merged.ok(), (merged.ok() ? "" : merged.error().message));
    cursor = piece->cursor;
    last = piece->last;
    between();
  }
}

template <typename View>
void check_same(Replica<View>& a, Replica<View>& b, const std::vector<Write>& writes) {
  CHECK(a.contents() == newest_of(writes));
  CHECK(b.contents() == newest_of(writes));
  CHECK(a.store().held() == b.store().held());
  CHECK(a.answers() == b.answers());
  const Held held = a.store().held();
  a.restart();
  CHECK(a.store().held() == held);
  CHECK(a.answers() == b.answers());
}

constexpr int kRounds = 8;

TEST_CASE_TEMPLATE("writes in different orders end in the same documents and answers", View,
                   Postings, Vectors) {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    const std::vector<Write> writes = random_writes(random, 150);
    Replica<View> a;
    Replica<View> b;
    deliver(writes, a, random);
    deliver(writes, b, random);
    check_same(a, b, writes);
    CHECK(a.store().held().newest == writes.back().version);
  }
}

TEST_CASE_TEMPLATE("a replica that copies while writes go on ends as its sibling", View, Postings,
                   Vectors) {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    const std::vector<Write> writes = random_writes(random, 200);
    const std::size_t missed = random() % writes.size();
    std::vector<Write> before(writes.begin(), writes.begin() + static_cast<std::ptrdiff_t>(missed));
    std::shuffle(before.begin(), before.end(), random);
    Replica<View> a;
    Replica<View> b;
    for (const Write& write : before) {
      a.apply(write);
      if (random() % 3 == 0) b.apply(write);
    }
    std::vector<Write> for_a(writes.begin() + static_cast<std::ptrdiff_t>(missed), writes.end());
    std::vector<Write> for_b = for_a;
    std::shuffle(for_a.begin(), for_a.end(), random);
    std::shuffle(for_b.begin(), for_b.end(), random);
    const auto some = [&random](std::vector<Write>& left, Replica<View>& to) {
      for (unsigned n = random() % 4; n > 0 && !left.empty(); --n) {
        to.apply(left.back());
        left.pop_back();
      }
    };
    int restarts = 3;
    copy(a, b, random, [&] {
      some(for_a, a);
      some(for_b, b);
      if (restarts > 0 && random() % 40 == 0) {
        --restarts;
        (random() % 2 == 0 ? a : b).restart();
      }
    });
    for (const Write& write : for_a)
      a.apply(write);
    for (const Write& write : for_b)
      b.apply(write);
    check_same(a, b, writes);
  }
}

TEST_CASE_TEMPLATE("replicas that copy from one another hold the same", View, Postings, Vectors) {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < kRounds; ++round) {
    CAPTURE(round);
    const std::vector<Write> writes = random_writes(random, 120);
    Replica<View> a;
    Replica<View> b;
    for (const Write& write : writes) {
      const unsigned who = random() % 3;
      if (who != 0) a.apply(write);
      if (who != 1) b.apply(write);
    }
    copy(a, b, random, [] {});
    copy(b, a, random, [] {});
    check_same(a, b, writes);
    const Held held = a.store().held();
    const std::uint64_t log = a.store().log_size();
    copy(b, a, random, [] {});
    CHECK(a.store().held() == held);
    CHECK(a.store().log_size() == log);
  }
}

}  // namespace
}  // namespace flow::executors::testing
