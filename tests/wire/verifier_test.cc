#include "wire/verifier.h"

#include <doctest/doctest.h>
#include <flatbuffers/flatbuffers.h>
#include <schemas/document_generated.h>
#include <schemas/part_generated.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/wire/sample_document.h"

namespace flow::wire {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

using Buffer = std::vector<std::byte>;

Buffer finished(const FlatBufferBuilder& builder) {
  const auto bytes = std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
  return {bytes.begin(), bytes.end()};
}

Buffer golden() {
  const Bytes payload = DocumentList({full_document()}).encode();
  return {payload.data(), payload.data() + payload.size()};
}

// Reads everything there is to read.
std::size_t touch(const DocumentList& list) {
  std::size_t seen = 0;
  for (const Document& document : list) {
    const DocumentFields fields = document.fields();
    seen += fields.text.size() + fields.tags.size() + document.embedding_floats().size();
    seen += touch(DocumentList(fields.chunks)) + touch(DocumentList(fields.matches));
  }
  return seen;
}

// A map in a map, `width` offsets to the same inner one, which has `width` offsets to the same key.
Buffer shared_offset_bomb(std::size_t width) {
  FlatBufferBuilder builder;
  const std::vector<Offset<flatbuffers::String>> keys(width, builder.CreateString("key"));
  const auto key_vector = builder.CreateVector(keys);
  fbs::ValueBuilder inner(builder);
  inner.add_keys(key_vector);
  const std::vector<Offset<fbs::Value>> items(width, inner.Finish());
  const auto item_vector = builder.CreateVector(items);
  fbs::ValueBuilder outer(builder);
  outer.add_items(item_vector);
  builder.Finish(outer.Finish());
  return finished(builder);
}

Status verify_value(const Buffer& buffer) {
  return verify(buffer, *fbs::ValueTypeTable(), {.depth = 66, .tables = buffer.size() / 8});
}

// Every field that is a number, a text or bytes.
Document plain_document() {
  DocumentFields fields = full_document().fields();
  fields.tensor.reset();
  fields.embedding.reset();
  fields.tags = {};
  fields.chunks.clear();
  fields.matches.clear();
  fields.scores.clear();
  fields.evaluations.clear();
  fields.location.clear();
  return Document(std::move(fields));
}

bool good_id(std::string_view id) {
  return id.size() <= kMaxIdBytes && std::ranges::none_of(id, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

std::string_view text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->c_str(), text->size());
}

// Whether the walk over the schema and the rules for ids accept a list of one document; nothing
// where other rules hold as well. Whether it has an id.
std::optional<bool> walked(const Buffer& payload, bool& has_id) {
  const Buffer blob(payload.begin() + 16, payload.end());
  if (!verify(blob, *fbs::DocumentTypeTable(), {.depth = 98, .tables = blob.size() / 8}))
    return false;
  const auto* table = flatbuffers::GetRoot<fbs::Document>(blob.data());
  if (table->tensor() || table->embedding() || table->tags() || table->chunks() ||
      table->matches() || table->scores() || table->evaluations() || table->location()) {
    return std::nullopt;
  }
  has_id = !text_of(table->id()).empty();
  return good_id(text_of(table->id())) && good_id(text_of(table->parent_id()));
}

double cpu_milliseconds_of(const std::function<void()>& work) {
  const std::clock_t start = std::clock();
  work();
  return 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("reflection lists the fields in the order of their ids") {
  const flatbuffers::TypeTable& type = *fbs::DocumentTypeTable();
  REQUIRE(type.num_elems == (fbs::Document::VT_LOCATION - 4) / 2 + 1);
  CHECK(std::string_view(type.names[(fbs::Document::VT_ID - 4) / 2]) == "id");
  CHECK(std::string_view(type.names[(fbs::Document::VT_TAGS - 4) / 2]) == "tags");
  CHECK(std::string_view(type.names[(fbs::Document::VT_LOCATION - 4) / 2]) == "location");
  const flatbuffers::TypeTable& part = *fbs::PartTypeTable();
  CHECK(std::string_view(part.names[(fbs::Part::VT_RESULTS - 4) / 2]) == "results");
}

TEST_CASE("a shared offset bomb costs no more than its size") {
  for (const std::size_t bytes : {8'192U, 32'768U, 131'072U, 1'048'576U}) {
    const Buffer bomb = shared_offset_bomb(bytes / 8);
    bool refused = false;
    const double spent = cpu_milliseconds_of([&] { refused = !verify_value(bomb).ok(); });
    CHECK(refused);
    CHECK(spent < 50.0 * (1.0 + static_cast<double>(bytes) / 1e6));
  }
}

TEST_CASE("one long string used by many values is refused, used by few it is not") {
  const auto sharing = [](std::size_t users) {
    FlatBufferBuilder builder;
    const auto text = builder.CreateString(std::string(100'000, 'x'));
    std::vector<Offset<fbs::Value>> items;
    for (std::size_t i = 0; i < users; ++i) {
      fbs::ValueBuilder item(builder);
      item.add_kind(fbs::ValueKind::String);
      item.add_text(text);
      items.push_back(item.Finish());
    }
    const auto item_vector = builder.CreateVector(items);
    fbs::ValueBuilder list(builder);
    list.add_kind(fbs::ValueKind::List);
    list.add_items(item_vector);
    builder.Finish(list.Finish());
    return verify_value(finished(builder));
  };
  CHECK(sharing(3).ok());
  const Status status = sharing(1000);
  REQUIRE_FALSE(status);
  CHECK(status.error().message.find("shared too often") != std::string::npos);
}

TEST_CASE("a table that contains itself is refused") {
  FlatBufferBuilder builder;
  const std::vector<Offset<fbs::Value>> items(1, fbs::CreateValue(builder));
  const auto item_vector = builder.CreateVector(items);
  fbs::ValueBuilder list(builder);
  list.add_items(item_vector);
  builder.Finish(list.Finish());
  Buffer buffer = finished(builder);
  CHECK(verify_value(buffer).ok());
  // Turns every offset into one to each table in turn: none may hang.
  for (std::size_t at = 0; at + 4 <= buffer.size(); at += 4) {
    for (std::uint32_t offset = 0; offset < buffer.size(); offset += 4) {
      Buffer turned = buffer;
      std::memcpy(turned.data() + at, &offset, sizeof offset);
      (void)verify_value(turned);
    }
  }
}

TEST_CASE("structs and vectors of structs are checked") {
  FlatBufferBuilder builder;
  const std::vector<fbs::PlanEntry> plan(3);
  const auto plan_vector = builder.CreateVectorOfStructs(plan);
  const fbs::Route route;
  fbs::PartBuilder part(builder);
  part.add_route(&route);
  part.add_plan(plan_vector);
  builder.Finish(part.Finish());
  const Buffer buffer = finished(builder);
  const VerifyLimits limits;
  CHECK(verify(buffer, *fbs::PartTypeTable(), limits).ok());
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < buffer.size(); ++size) {
    if (verify(std::span(buffer).first(size), *fbs::PartTypeTable(), limits)) ++accepted;
  }
  CHECK(accepted == 0);
}

TEST_CASE("depth and the number of tables are limited") {
  FlatBufferBuilder builder;
  Offset<fbs::Value> value = fbs::CreateValue(builder);
  for (int i = 0; i < 9; ++i) {
    const auto items = builder.CreateVector(std::vector<Offset<fbs::Value>>{value});
    fbs::ValueBuilder list(builder);
    list.add_items(items);
    value = list.Finish();
  }
  builder.Finish(value);
  const Buffer buffer = finished(builder);
  const auto& type = *fbs::ValueTypeTable();
  CHECK(verify(buffer, type, {.depth = 10, .tables = 10}).ok());
  CHECK_FALSE(verify(buffer, type, {.depth = 9, .tables = 10}));
  CHECK_FALSE(verify(buffer, type, {.depth = 10, .tables = 9}));
  CHECK(verify(buffer, type, {.depth = 10, .tables = 10, .elements = 9}).ok());
  CHECK_FALSE(verify(buffer, type, {.depth = 10, .tables = 10, .elements = 8}));
}

TEST_CASE("a buffer cut at any byte is refused or read without harm") {
  const Buffer whole = golden();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto list = DocumentList::open(Bytes::copy_of(std::span(whole).first(size)));
    if (list) (void)touch(*list);
    CHECK(list.ok() == (size == 0));
  }
}

TEST_CASE("documents of texts and numbers are accepted exactly when the walk accepts them") {
  for (const Document& document : {plain_document(), text_document("a-rather-long-id", "text"),
                                   text_document("short", ""), text_document("", "no id")}) {
    const Bytes payload = DocumentList({document}).encode();
    const Buffer whole(payload.data(), payload.data() + payload.size());
    std::size_t accepted = 0;
    std::size_t differing = 0;
    for (std::size_t at = 16; at < whole.size(); ++at) {
      for (unsigned value = 0; value < 256; ++value) {
        Buffer changed = whole;
        changed[at] = static_cast<std::byte>(value);
        bool has_id = false;
        const std::optional<bool> expected = walked(changed, has_id);
        const Result<bool> verified = DocumentList::verify(Bytes::take(std::move(changed)));
        if (verified) ++accepted;
        if (expected && (verified.ok() != *expected || (verified.ok() && *verified != has_id)))
          ++differing;
      }
    }
    CHECK(differing == 0);
    CHECK(accepted > whole.size());
    CHECK(accepted < 250 * whole.size());
  }
}

TEST_CASE("control characters are found in ids of any size") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::size_t differing = 0;
      for (unsigned value = 0; value < 256; ++value) {
        std::string id(size, '\xFF');
        id[at] = static_cast<char>(value);
        const bool bad = value < 0x20 || value == 0x7F;
        const Bytes payload = DocumentList({text_document(id, "")}).encode();
        if (DocumentList::verify(payload).ok() == bad) ++differing;
      }
      CHECK(differing == 0);
    }
  }
}

TEST_CASE("a buffer with flipped bits is refused or read without harm") {
  const Buffer whole = golden();
  const unsigned seed = 20'240'601;
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::size_t refused = 0;
  constexpr int kRounds = 20'000;
  for (int round = 0; round < kRounds; ++round) {
    Buffer broken = whole;
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      broken[random() % broken.size()] ^= static_cast<std::byte>(1U << random() % 8);
    }
    auto list = DocumentList::open(Bytes::take(std::move(broken)));
    if (!list) {
      ++refused;
      continue;
    }
    (void)touch(*list);
    for (Document& document : *list)
      document.set_text("changed");
    (void)list->encode();
  }
  CHECK(refused > 100);
  CHECK(refused < kRounds);
}

}  // namespace flow::wire
