#include "config/programs.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace flow::config {
namespace {

namespace fs = std::filesystem;

// A fresh folder with files to find, removed at the end.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "flow-programs-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name, bool executable = true) const {
    const fs::path path = path_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "#!/bin/sh\n";
    fs::permissions(path, executable ? fs::perms::owner_all : fs::perms::owner_read);
    return path.string();
  }
  std::string at(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

TEST_CASE("a built-in name means flow-worker in the folder of our programs") {
  Folder folder;
  const std::string worker = folder.file("bin/flow-worker");
  CHECK(*find_program("append", "", "", "", folder.at("bin")) == worker);
  CHECK(*find_program("BaseExecutor", "", "", "", folder.at("bin")) == worker);
  CHECK(*find_program("append", "", "", "", "") == "flow-worker");
  CHECK(find_program("append", "", "", "", folder.at("none")).error().code == Errc::kNotFound);
}

TEST_CASE("a program is looked for on the executor path, beside the flow file, then in PATH") {
  Folder folder;
  const std::string in_path = folder.file("path/own");
  const std::string lists[] = {folder.at("first") + ":" + folder.at("second"), folder.at("path")};
  const auto find = [&folder, &lists] {
    return *find_program("own", folder.at("flow"), lists[0], lists[1], "");
  };
  CHECK(find() == in_path);
  const std::string beside = folder.file("flow/own");
  CHECK(find() == beside);
  const std::string second = folder.file("second/own");
  CHECK(find() == second);
  const std::string first = folder.file("first/own");
  CHECK(find() == first);
}

TEST_CASE("a built-in hides a program of the same name unless a path is given") {
  Folder folder;
  const std::string own = folder.file("append");
  CHECK(*find_program("append", folder.at(""), "", "", "") == "flow-worker");
  CHECK(*find_program("./append", folder.at(""), "", "", "") == own);
}

TEST_CASE("a name with a slash is a path from the flow file") {
  Folder folder;
  const std::string own = folder.file("build/own");
  fs::create_directories(folder.at("flows"));
  CHECK(*find_program("../build/own", folder.at("flows"), "", "", "") == own);
  CHECK(*find_program(own, folder.at("flows"), "", "", "") == own);
  CHECK(find_program("./none", folder.at("flows"), "", "", "").error().code == Errc::kNotFound);
}

TEST_CASE("the error for a missing program names every place that was searched") {
  Folder folder;
  const Error error =
      find_program("own", folder.at("flow"), folder.at("e"), folder.at("p"), "").error();
  CHECK(error.code == Errc::kNotFound);
  CHECK(error.message == "there is no program 'own'; searched: the built-in executors, " +
                             folder.at("e") + ", " + folder.at("flow") + ", " + folder.at("p"));
}

TEST_CASE("a file that may not be executed is passed over, and named when nothing else is there") {
  Folder folder;
  folder.file("flow/own", /*executable=*/false);
  const auto find = [&folder] {
    return find_program("own", folder.at("flow"), "", folder.at("path"), "");
  };
  CHECK(find().error().code == Errc::kInvalidArgument);
  CHECK(find().error().message.find(folder.at("flow/own")) != std::string::npos);
  const std::string in_path = folder.file("path/own");
  CHECK(*find() == in_path);
}

TEST_CASE("a folder is no program") {
  Folder folder;
  fs::create_directories(folder.at("flow/own"));
  CHECK(find_program("./own", folder.at("flow"), "", "", "").error().code ==
        Errc::kInvalidArgument);
}

}  // namespace
}  // namespace flow::config
