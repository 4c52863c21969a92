// How flowctl ends, for scripts.
#pragma once

namespace flow::flowctl {

inline constexpr int kExitOk = 0;
inline constexpr int kExitNo = 1;             // the answer is no; a request or a start failed
inline constexpr int kExitUsage = 2;          // the command line is wrong
inline constexpr int kExitBadInput = 65;      // documents or parameters are not what they must be
inline constexpr int kExitUnreachable = 69;   // nobody answers; there is no such flow
inline constexpr int kExitTimeout = 75;       // a wait of flowctl's own ran out
inline constexpr int kExitBadFlow = 78;       // the flow file is wrong or cannot be read
inline constexpr int kExitInterrupted = 130;  // Ctrl-C

}  // namespace flow::flowctl
