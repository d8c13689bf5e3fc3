// The entry point of every test suite: meta objects first, then Catch2.
#include "dbs/messages/init.hpp"

#include <catch2/catch_session.hpp>

int main(int argc, char** argv) {
  dbs::init();
  return Catch::Session().run(argc, argv);
}
