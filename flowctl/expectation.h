// Compares documents that should come back with those that did, as JSON has them. Pure.
//
// A field of a document that is "", 0, [] or {} counts as not there; inside of tags and parameters
// everything counts. Numbers are compared by value (5 = 5.0), true is no number. The keys of a map
// come in any order, lists (chunks and matches too) in theirs. An expected document without `id`
// matches any id, and what is in it without `parent_id` any parent_id: ids may be generated.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"
#include "wire/document_list.h"

namespace flow::flowctl {

// Documents as written by a person, spelled as the document type spells them, unset fields left
// out. kInvalidArgument names the document (from 1) and the field that is none.
Result<ValueList> canonical_documents(const ValueList& documents);

// The same for documents of an answer.
ValueList canonical_documents(const wire::DocumentList& documents);

enum class DocumentOrder { kGiven, kAny };  // of the top-level documents

// The first difference between two canonical lists, "document 2 'x': text is \"a\", expected
// \"b\"". Empty when there is none.
std::string documents_difference(const ValueList& expected, const ValueList& got,
                                 DocumentOrder order = DocumentOrder::kGiven);

// The first difference of any two values; `path` names them: "parameters.top is 5, expected 6".
std::string value_difference(std::string_view path, const Value& expected, const Value& got);

bool same_value(const Value& a, const Value& b);

}  // namespace flow::flowctl
