#include "braid/node/mpi_message_layer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace braid {
namespace {

namespace fs = std::filesystem;

TEST(MpiMessageLayer, MpiChoosesOnlyWhereThereIsAnotherNetwork) {
  const fs::path devices = fs::path(::testing::TempDir()) / ("devices-" + std::to_string(getpid()));
  unsetenv("OMPI_MCA_pml");
  EXPECT_EQ(mpi_message_layer(devices), "ob1");
  for (const char* const network : {"infiniband", "cxi"}) {
    fs::create_directories(devices / network);
    EXPECT_EQ(mpi_message_layer(devices), "ob1") << network;
    fs::create_directory(devices / network / "device0");
    EXPECT_EQ(mpi_message_layer(devices), "") << network;
    fs::remove_all(devices / network);
  }
  fs::remove_all(devices);
}

TEST(MpiMessageLayer, WhatTheEnvironmentSaysStays) {
  setenv("OMPI_MCA_pml", "ucx", 1);
  EXPECT_EQ(mpi_message_layer("/nowhere"), "");
  unsetenv("OMPI_MCA_pml");
  EXPECT_EQ(mpi_message_layer("/nowhere"), "ob1");
}

}  // namespace
}  // namespace braid
