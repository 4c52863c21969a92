// Whether replies are what a case expects. Pure; each returns what is wrong, empty when nothing.
#pragma once

#include <string>
#include <vector>

#include "case.h"
#include "flow/client.h"

namespace flow::conformance {

// Replies of a flow case, by request.
std::string judge_replies(const Case& expected, const std::vector<Reply>& replies);

// Documents against canonical ones.
std::string judge_documents(const Case& expected, const ValueList& documents,
                            const wire::DocumentList& got);

// Ids of the documents that passed a filter.
std::string judge_ids(const Case& expected, const wire::DocumentList& passed);

// What was said when a flow was refused: every text must occur.
std::string judge_texts(const std::vector<std::string>& texts, const std::string& said);

// Takes the tag of a rotation out of canonical documents; its value in `value`.
std::string take_rotation(const Rotation& rotation, ValueList& documents, Value& value);

}  // namespace flow::conformance
