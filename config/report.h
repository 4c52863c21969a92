// What load_flow found, for people and for programs. Pure.
#pragma once

#include <string>

#include "base/value.h"
#include "config/flow_file.h"

namespace flow::config {

// For each error and warning: FILE:LINE:COLUMN: error[E0107]: what is wrong; the line with a mark
// under the place; a hint. At the end how many there are. Empty when there is nothing to say.
std::string report_text(const LoadResult& result, bool color = false);

// {"ok", "errors": [{"code", "file", "line", "column", "message", "hint"}], "warnings": [...],
// "flow"} with the compiled flow, or null.
ValueMap report_value(const LoadResult& result);

}  // namespace flow::config
