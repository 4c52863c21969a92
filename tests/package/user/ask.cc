// A client outside of the repository: asks where nobody listens, and must be told so.
#include <flow/client.h>

#include <chrono>
#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  flow::ClientOptions options;
  options.connect_timeout = std::chrono::milliseconds(200);
  const auto client = flow::Client::connect(argv[1], options);
  if (client.ok() || client.error().code != flow::Errc::kUnavailable) return 1;
  std::puts(client.error().message.c_str());
  return 0;
}
