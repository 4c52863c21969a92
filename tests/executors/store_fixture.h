// A DocumentStore with a view that checks it.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "executors/index_store/document_store.h"
#include "tests/executors/fake_call.h"

namespace flow::executors::testing {

// A view that checks every call against what it was told before. Its attachment is one byte a
// document: the length of its text.
class CheckedView final : public IndexView {
 public:
  std::vector<std::string> texts;  // by slot, "" when removed

  Status check(std::span<const wire::Document> documents,
               std::span<const std::byte> attachment) const override {
    for (const wire::Document& document : documents) {
      if (attachment.size() != documents.size() ||
          attachment[&document - documents.data()] != mark(document.text())) {
        return Error{Errc::kInvalidArgument, "has wrong marks"};
      }
    }
    return {};
  }
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

inline DocumentStore::Options options_in(const TempFolder& folder) {
  DocumentStore::Options options;
  options.folder = folder.path();
  options.kind = "test";
  options.sync = SyncPolicy::kNone;
  options.lock_patience = Duration::zero();
  return options;
}

inline std::unique_ptr<DocumentStore> open_at(const DocumentStore::Options& options,
                                              CheckedView& view) {
  auto store = DocumentStore::open(options, view);
  REQUIRE_MESSAGE(store.ok(), (store.ok() ? "" : store.error().message));
  return *std::move(store);
}

inline Status put(DocumentStore& store, const std::map<std::string, std::string>& texts,
                  WriteVersion version = {}) {
  Documents documents;
  std::vector<std::byte> attachment;
  for (const auto& [id, text] : texts) {
    documents.push_back(text_document(id, text));
    attachment.push_back(CheckedView::mark(text));
  }
  return store.put(documents, attachment, version);
}

// The live documents in the order of their slots: "id=text".
inline std::vector<std::string> contents(const DocumentStore& store) {
  std::vector<std::string> all;
  for (Slot slot = 0; slot < store.slot_count(); ++slot) {
    const wire::Document* document = store.at(slot);
    if (document != nullptr) all.push_back(fmt::format("{}={}", document->id(), document->text()));
  }
  CHECK(all.size() == store.size());
  return all;
}

using All = std::vector<std::string>;

}  // namespace flow::executors::testing
