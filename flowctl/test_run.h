// Runs [[test]] tables against a running flow. One thread.
#pragma once

#include <optional>
#include <string>

#include "base/stop_signal.h"
#include "config/flow_file.h"
#include "flow/client.h"
#include "flowctl/test_report.h"

namespace flow::flowctl {

// The documents a test sends, from its table or its file (JSON lines, relative to `flow_file`).
// kInvalidArgument names the document or the line.
Result<wire::DocumentList> test_input(const config::TestDecl& test, const std::string& flow_file);

// Whether the reply is what the test expects. Pure.
TestOutcome judge_test(const config::TestDecl& test, const std::string& flow_file,
                       const Reply& reply);

// A test that could not be tried, and why.
TestOutcome untried_test(const config::TestDecl& test, const std::string& flow_file,
                         std::string why);

// Sends the input as one request and judges the reply. Nothing when a signal came first.
std::optional<TestOutcome> run_test(Client& client, const config::TestDecl& test,
                                    const std::string& flow_file, StopSignal& stop);

}  // namespace flow::flowctl
