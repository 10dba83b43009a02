// Errors. That it works is tested with mpirun (tests/e2e/test_mpi.py).
#include "braid/parallel/mpi_module.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

TEST(MpiModule, AMissingOneIsNamedWithWhatToInstall) {
  const auto port = open_mpi("/nowhere/braid_mpi.so", 1);
  ASSERT_FALSE(port.ok());
  EXPECT_EQ(port.error().message,
            "/nowhere/braid_mpi.so is missing, and with it MPI: build braid where MPI is installed (package "
            "libopenmpi-dev)");
}

TEST(MpiModule, OneThatCannotBeLoadedIsNamedWithWhatToInstall) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "braid_mpi.so").string();
  std::ofstream(path) << "no shared object";
  const auto port = open_mpi(path, 1);
  ASSERT_FALSE(port.ok());
  EXPECT_NE(port.error().message.find(path), std::string::npos) << port.error().message;
  EXPECT_NE(port.error().message.find("package openmpi-bin"), std::string::npos) << port.error().message;
}

TEST(MpiModule, IsBesideTheProgramOrInLib) {
  const std::filesystem::path path = mpi_module_path();
  EXPECT_EQ(path.filename(), "braid_mpi.so");
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  EXPECT_EQ(path.parent_path(), folder.parent_path() / "lib" / "braid");  // no module lies beside this test
}

}  // namespace
}  // namespace braid
