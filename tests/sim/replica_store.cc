#include "replica_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

namespace flow::sim {
namespace {

constexpr std::size_t kMostInPiece = 5;

class Store final : public Executor, public Replicated {
 public:
  explicit Store(Disk& disk) : disk_(disk), life_(fmt::format("{}", ++disk.starts)) {
    on("/index", &Store::index);
    on("/update", &Store::update);
    on("/delete", &Store::remove);
    on("/search", &Store::search);
  }

  Replicated* replicated() override { return this; }

  Held held() const override {
    Held held;
    for (const auto& [id, stored] : disk_.entries) {
      held.newest = std::max(held.newest, stored.version);
      held.digest ^= std::hash<std::string>()(id) * stored.version.time_ns;
      ++held.entries;
    }
    return held;
  }

  // A line an entry, in the order they were written here.
  Result<SnapshotPiece> next_piece(std::string_view cursor, std::size_t /*limit*/) override {
    std::uint64_t from = 0;
    if (!cursor.empty()) {
      const std::size_t dash = cursor.find('-');
      if (cursor.substr(0, dash) != life_) return Error{Errc::kNotFound, "another life"};
      std::from_chars(cursor.data() + dash + 1, cursor.data() + cursor.size(), from);
    }
    std::vector<std::pair<std::uint64_t, std::string>> rest;
    for (const auto& [id, stored] : disk_.entries) {
      if (stored.serial > from) rest.emplace_back(stored.serial, id);
    }
    std::ranges::sort(rest);
    const std::size_t taken = std::min(rest.size(), kMostInPiece);
    std::string text = "\n";
    for (std::size_t i = 0; i < taken; ++i)
      text += line(rest[i].second);
    if (taken > 0) from = rest[taken - 1].first;
    SnapshotPiece piece;
    const auto bytes = std::as_bytes(std::span(text));
    piece.bytes.assign(bytes.begin(), bytes.end());
    piece.cursor = fmt::format("{}-{}", life_, from);
    piece.last = taken == rest.size();
    return piece;
  }

  Status merge(std::span<const std::byte> piece) override {
    std::istringstream lines(
        std::string(reinterpret_cast<const char*>(piece.data()), piece.size()));
    std::string id;
    Stored stored;
    while (lines >> id >> stored.version.time_ns >> stored.version.gateway >> stored.removed >>
           stored.text)
      put(id, stored);
    return {};
  }

 private:
  std::string line(const std::string& id) const {
    const Stored& stored = disk_.entries.at(id);
    return fmt::format("{} {} {} {:d} {}\n", id, stored.version.time_ns, stored.version.gateway,
                       stored.removed, stored.text);
  }

  void put(const std::string& id, Stored stored) {
    Stored& held = disk_.entries[id];
    if (held.serial != 0 && stored.version <= held.version) return;
    stored.serial = ++disk_.serial;
    held = std::move(stored);
  }

  void index(Documents& documents, const Request& request) {
    for (const Document& document : documents)
      put(std::string(document.id()), {request.version(), std::string(document.text()), false, 0});
  }
  void update(Documents& documents, const Request& request) {
    for (const Document& document : documents) {
      const auto found = disk_.entries.find(std::string(document.id()));
      const bool known = found != disk_.entries.end() && !found->second.removed;
      if (!known && !request.catching_up()) throw std::runtime_error("not in the index");
    }
    index(documents, request);
  }
  void remove(Documents& documents, const Request& request) {
    for (const Document& document : documents)
      put(std::string(document.id()), {request.version(), "-", true, 0});
  }
  void search(Documents& documents, const Request&) {
    for (Document& document : documents) {
      const auto found = disk_.entries.find(std::string(document.id()));
      if (found != disk_.entries.end()) document.set_text(found->second.text);
    }
  }

  Disk& disk_;
  std::string life_;
};

}  // namespace

std::unique_ptr<Executor> make_store(Disk& disk) {
  return std::make_unique<Store>(disk);
}

}  // namespace flow::sim
