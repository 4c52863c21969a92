// The manual of the codes in graph/codes.h and of the status codes in base/errc.h: what `flowctl
// explain E0107` prints. Pure, constant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace flow::graph {

struct Explanation {
  std::string_view code;
  std::string_view title;  // one line
  std::string_view text;   // what it means; a wrong and a right example, but for a status
};

// All entries, by code.
std::span<const Explanation> file_explanations();    // the file, its keys and values
std::span<const Explanation> graph_explanations();   // the graph, programs, warnings
std::span<const Explanation> status_explanations();  // how a request ends

// The entry of a code, any letter case ("e0107", "not_found"); nullptr when there is no such code.
const Explanation* find_explanation(std::string_view code);

// The entry ready to print; empty when there is no such code.
std::string explain(std::string_view code);

}  // namespace flow::graph
