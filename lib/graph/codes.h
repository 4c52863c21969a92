// Every code a flow file's diagnostic can carry, in one place. Append only: people look them up
// with `flowctl explain`, so a code keeps its meaning for ever and every code has an entry in
// explain.
#pragma once

#include <string_view>

namespace flow::graph::codes {

// The file itself.
inline constexpr std::string_view kUnreadable = "E0101";
inline constexpr std::string_view kFileTooLarge = "E0102";
inline constexpr std::string_view kSyntax = "E0103";
inline constexpr std::string_view kTooDeep = "E0104";
inline constexpr std::string_view kNotText = "E0105";

// Keys and values.
inline constexpr std::string_view kUnknownKey = "E0106";
inline constexpr std::string_view kWrongType = "E0107";
inline constexpr std::string_view kOutOfRange = "E0108";
inline constexpr std::string_view kBadQuantity = "E0109";
inline constexpr std::string_view kMissingKey = "E0110";
inline constexpr std::string_view kBadWord = "E0111";
inline constexpr std::string_view kGivenTwice = "E0112";
inline constexpr std::string_view kBadAddress = "E0113";
inline constexpr std::string_view kUnsetVariable = "E0114";
inline constexpr std::string_view kBadExpansion = "E0115";
inline constexpr std::string_view kBadOverride = "E0116";
inline constexpr std::string_view kBadJson = "E0117";
inline constexpr std::string_view kBadFlowName = "E0118";
inline constexpr std::string_view kBadTest = "E0119";

// The graph.
inline constexpr std::string_view kBadName = "E0130";
inline constexpr std::string_view kReservedName = "E0131";
inline constexpr std::string_view kDuplicateName = "E0132";
inline constexpr std::string_view kUnknownNeed = "E0133";
inline constexpr std::string_view kSelfNeed = "E0134";
inline constexpr std::string_view kCycle = "E0135";
inline constexpr std::string_view kNoNeeds = "E0136";
inline constexpr std::string_view kNothingToJoin = "E0137";
inline constexpr std::string_view kTooManyNodes = "E0138";
inline constexpr std::string_view kTooManyInstances = "E0139";
inline constexpr std::string_view kBadFilter = "E0140";
inline constexpr std::string_view kBadDevices = "E0141";
inline constexpr std::string_view kBadHosts = "E0142";
inline constexpr std::string_view kHostsReplicas = "E0143";
inline constexpr std::string_view kExternalKey = "E0144";
inline constexpr std::string_view kBadBatching = "E0145";
inline constexpr std::string_view kBadReplicate = "E0146";

// Programs.
inline constexpr std::string_view kProgramNotFound = "E0150";
inline constexpr std::string_view kNotExecutable = "E0151";

// Declared by the language, not run by this version.
inline constexpr std::string_view kUnsupported = "E0190";

// Warnings.
inline constexpr std::string_view kHangingLeaf = "W0201";
inline constexpr std::string_view kReplicatedIndex = "W0202";
inline constexpr std::string_view kSearchAny = "W0203";
inline constexpr std::string_view kAfterOneShard = "W0204";
inline constexpr std::string_view kAllOneShard = "W0205";
inline constexpr std::string_view kPartialOneShard = "W0206";
inline constexpr std::string_view kUnreachable = "W0207";
inline constexpr std::string_view kTargetsNobody = "W0208";
inline constexpr std::string_view kIgnoredOnExternal = "W0210";
inline constexpr std::string_view kHashOneShard = "W0212";
inline constexpr std::string_view kHashInPart = "W0213";

}  // namespace flow::graph::codes
