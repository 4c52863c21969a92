// Flow files made from cases. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "wire/document_list.h"

namespace flow::conformance {

// The name of every flow made here.
inline constexpr const char* kFlowName = "case";

// Whether all fields and operations of a case's executors are known and fit together.
Status check_executors(const ValueList& executors);

// The flow file of checked executors; `scripted` is the path of the scripted executor.
std::string flow_text(const ValueList& executors, const std::string& scripted);

// One pass-through executor behind a filter.
std::string filter_flow_text(const Value& filter);

// A branch for each list, answering with it, and a join of them.
std::string reduce_flow_text(const std::vector<wire::DocumentList>& arrays,
                             const std::string& scripted);

}  // namespace flow::conformance
