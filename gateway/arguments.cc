#include "gateway/arguments.h"

#include <cstdio>
#include <string_view>

#include "base/host.h"

namespace flow::gateway {
namespace {

constexpr const char* kUsage =
    "usage: flow-gateway --broker ADDRESS --run-dir DIR [--name gateway/0] [--check-config] "
    "[--version]\n";

Parsed usage(const char* what, std::string_view which) {
  std::fprintf(stderr, "flow-gateway: %s '%.*s'\n%s", what, static_cast<int>(which.size()),
               which.data(), kUsage);
  return {{}, 2};
}

}  // namespace

Parsed parse_arguments(int argc, char** argv) {
  Parsed parsed;
  bool only_check = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--version") {
      std::printf("flow-gateway %.*s\n", static_cast<int>(version().size()), version().data());
      return {{}, 0};
    }
    if (option == "--check-config") {
      only_check = true;
      continue;
    }
    std::string* target = option == "--broker"    ? &parsed.arguments.broker
                          : option == "--name"    ? &parsed.arguments.name
                          : option == "--run-dir" ? &parsed.arguments.run_dir
                                                  : nullptr;
    if (target == nullptr) return usage("unknown option", option);
    if (i + 1 == argc) return usage("no value for option", option);
    *target = argv[++i];
  }
  if (parsed.arguments.broker.empty()) return usage("missing option", "--broker");
  if (parsed.arguments.run_dir.empty()) return usage("missing option", "--run-dir");
  if (only_check) parsed.exit_status = 0;
  return parsed;
}

}  // namespace flow::gateway
