#include "flowctl/output.h"

#include <doctest/doctest.h>

#include "flowctl/progress.h"
#include "flowctl/table.h"

using namespace std::chrono_literals;

namespace flow::flowctl {

TEST_CASE("a table's columns are as wide as their widest cell, numbers at the right") {
  Table table({"NAME", "PID"});
  table.align_right({1});
  table.add({"a", "1"});
  table.add({"gateway/0", "12345"});
  CHECK(table.render() ==
        "NAME         PID\n"
        "a              1\n"
        "gateway/0  12345\n");
}

TEST_CASE("a table counts characters, not bytes, and cuts lines to the width") {
  Table table({"A", "B"});
  table.add({"größer", "x"});
  table.add({"small", "a long text"});
  CHECK(table.render(12) ==
        "A       B\n"
        "größer  x\n"
        "small   a...\n");
}

TEST_CASE("a cell cannot steer the terminal or break the line") {
  Table table({"A"});
  table.add({"\x1b[31m\nb"});
  CHECK(table.render() == "A\n?[31m?b\n");
}

TEST_CASE("text is cut between characters and says so") {
  CHECK(cut_to("grün", 4) == "grün");
  CHECK(cut_to("äöüäöü", 5) == "äö...");
  CHECK(cut_to("abcdef", 2) == "ab");
}

TEST_CASE("progress tells rate, part and time left when the size is known") {
  ProgressState state;
  state.documents = 12'300;
  state.elapsed = 3s;
  CHECK(progress_text(state) == "12,300 documents, 4,100/s");
  state.bytes_read = 25;
  state.bytes_total = 100;
  CHECK(progress_text(state) == "12,300 documents, 4,100/s, 25 %, 9 s left");
}

}  // namespace flow::flowctl
