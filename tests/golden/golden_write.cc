// golden_write FOLDER: writes the golden messages there, each as NAME.bin. For a deliberate change
// of the wire format, and for a corpus to start the fuzzers from.
#include <cstdio>
#include <fstream>

#include "messages.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: golden_write FOLDER\n");
    return 2;
  }
  for (const flow::wire::golden::Golden& golden : flow::wire::golden::messages()) {
    const std::string path = std::string(argv[1]) + "/" + golden.name + ".bin";
    std::ofstream file(path, std::ios::binary);
    file << golden.message.first.text();
    file.close();
    if (file.fail()) {
      std::fprintf(stderr, "golden_write: cannot write %s\n", path.c_str());
      return 1;
    }
  }
  return 0;
}
