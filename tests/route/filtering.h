// Filters and documents from JSON, for the tests of filters.
#pragma once

#include <doctest/doctest.h>

#include <string_view>
#include <utility>
#include <variant>

#include "base/json.h"
#include "route/filter.h"
#include "wire/document_json.h"

namespace flow::route::testing {

inline Filter filter_of(std::string_view json) {
  const Result<Value> value = parse_json(json);
  REQUIRE_MESSAGE(value.ok(), json);
  auto parsed = graph::Query::parse(*value);
  if (const auto* problem = std::get_if<graph::QueryProblem>(&parsed)) {
    FAIL(json << ": " << to_string(*problem));
  }
  return Filter(std::get<graph::Query>(std::move(parsed)));
}

inline wire::Document document_of(std::string_view json) {
  Result<wire::Document> document = wire::document_from_json(json);
  REQUIRE_MESSAGE(document.ok(), json);
  return *std::move(document);
}

inline wire::DocumentList received(const wire::DocumentList& documents) {
  Result<wire::DocumentList> list = wire::DocumentList::open(documents.encode());
  REQUIRE(list.ok());
  return *std::move(list);
}

}  // namespace flow::route::testing
