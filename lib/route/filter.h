// Evaluates the condition of a filter (`when`) on documents, encoded or decoded, without decoding
// more than the fields it names.
//
// A clash is an operator that has no meaning for the value it meets in a document ("abc" > 1): the
// request is at fault. It is kInvalidArgument and the message names the document, the field and
// both kinds. Conditions are evaluated left to right, no further than needed: what is not evaluated
// does not clash.
//
// Immutable, cheap to copy, any thread.
#pragma once

#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/value.h"
#include "graph/query.h"
#include "wire/document.h"
#include "wire/document_list.h"

namespace flow::route {

class Filter {
 public:
  explicit Filter(graph::Query query) : query_(std::move(query)) {}

  // kInvalidArgument when `when` is no query; a loaded flow's always are.
  static Result<Filter> compile(const ValueMap& when);

  Result<bool> passes(const wire::Document& document) const;

  // What passes of a payload: these very bytes when all do, no bytes when none does, else a new
  // list with copies of the blobs. kInvalidArgument also when the payload is no list.
  Result<Bytes> keep_passing(const Bytes& payload) const;

  // The same, where the payload's documents are at hand (in the same order): for several filters.
  Result<Bytes> keep_passing(const wire::DocumentList& documents, const Bytes& payload) const;

 private:
  graph::Query query_;
};

}  // namespace flow::route
