// A query in JSON, a line break, a document in JSON. What is accepted must be answered, and the
// same for the document as it comes over the wire; a query must not contradict itself when a
// document passes it.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/json.h"
#include "route/filter.h"
#include "wire/document_json.h"

namespace {

using flow::Bytes;
using flow::Result;
using flow::graph::Query;
using flow::route::Filter;
using flow::wire::Document;
using flow::wire::DocumentList;

void evaluate(const Query& query, const Document& document) {
  DocumentList list;
  list.push_back(document);
  const Bytes payload = list.encode();
  const auto received = DocumentList::open(payload);
  if (!received) return;
  const Filter filter(query);
  const Result<bool> decoded = filter.passes(document);
  const Result<bool> encoded = filter.passes((*received)[0]);
  FLOW_CHECK(decoded.ok() == encoded.ok(), "both forms clash, or none");
  const Result<Bytes> kept = filter.keep_passing(*received, payload);
  FLOW_CHECK(kept.ok() == encoded.ok(), "a payload clashes where its document does");
  if (!decoded) return;
  FLOW_CHECK(*decoded == *encoded, "both forms get the same answer");
  FLOW_CHECK(kept->empty() != *encoded, "a document is kept when it passes");
  FLOW_CHECK(!*decoded || !contradicts(query, query), "what passes does not contradict itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = text.find('\n');
  const auto value = flow::parse_json(text.substr(0, end));
  if (!value) return 0;
  auto parsed = Query::parse(*value);
  if (!std::holds_alternative<Query>(parsed)) return 0;
  const std::string_view json = end == std::string_view::npos ? "{}" : text.substr(end + 1);
  const auto document = flow::wire::document_from_json(json);
  if (document) evaluate(std::get<Query>(parsed), *document);
  return 0;
}
