#include <array>

#include "graph/explain.h"

namespace flow::graph {
namespace {

constexpr std::array kStatusEntries = {
    Explanation{"OK", "the request was answered",
                "Every executor that the answer waits for has done its work."},
    Explanation{
        "INVALID_ARGUMENT", "the request is wrong",
        R"(Something in it cannot be: a target that is no regular expression, parameters that are not what they
must be, a document whose field does not fit a filter. The message names it. Sending it again does not
help.)"},
    Explanation{
        "NOT_FOUND", "a named thing does not exist",
        R"(A flow, a file or something else that was named is not there; the message names it.)"},
    Explanation{
        "EXECUTOR_ERROR", "an executor failed",
        R"(A handler threw an exception. The answer has its text, and names the executor and the instance; the
executors behind it did not run. The instance goes on with the next request.)"},
    Explanation{
        "UNAVAILABLE", "nobody alive can do it now",
        R"(No instance of an executor lives, or not one of every shard (`flowctl status` shows which), or the
gateway does not answer. Try again later.)"},
    Explanation{
        "DEADLINE_EXCEEDED", "the time allowed ran out",
        R"(The request's own deadline, `deadline` of [gateway], or `timeout` of an executor. Part of the work may
have been done.)"},
    Explanation{
        "OVERLOADED", "refused at the front door",
        R"(As much as [gateway] permits is in the flow and waiting already. Nothing was executed; try again
later.)"},
    Explanation{
        "UNKNOWN_OUTCOME", "it may or may not have been executed",
        R"(A process died with the request, and running it again could do harm (`effects = "once"`), or the
gateway died before it answered.)"},
    Explanation{
        "TOO_LARGE", "above a size limit",
        R"(The request, a part of it inside the flow, or its answer is larger than `max_request` of [gateway], or
a dictionary is larger than 64 KiB. The message tells the size and the limit.)"},
    Explanation{"CANCELLED", "the caller gave up",
                "The client cancelled the request or went away before the answer."},
    Explanation{
        "POISONED", "refused after killing two instances",
        R"(Two instances died while they executed this request, so it is not tried on a third. Look into their
logs, and at the request's documents.)"},
    Explanation{"INTERNAL", "a fault of Flow itself",
                "This should not happen; please report it, with the logs."},
};

}  // namespace

std::span<const Explanation> status_explanations() {
  return kStatusEntries;
}

}  // namespace flow::graph
