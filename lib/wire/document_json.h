// Documents as JSON, as the contract's section 3 spells the fields.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/value.h"
#include "wire/document.h"

namespace flow::wire {

// kInvalidArgument names the field (with its path, "chunks[0].weight") and what was expected; an
// unknown field is an error with a "did you mean". A missing id stays empty.
Result<Document> document_from_value(const Value& value);
Result<Document> document_from_json(std::string_view text);

// Unset fields are not printed. Float32 tensors print as (nested) lists, others as
// {"dtype","shape","data"} with base64 data.
void append_document_json(std::string& out, const Document& document);
std::string to_json(const Document& document);

}  // namespace flow::wire
