# Finds everything we build against. What Debian packages in a usable version is
# found on the system; the rest under the prefix that scripts/deps builds.

if(DBS_SANITIZER STREQUAL "thread")
  set(dbs_deps_flavour tsan)
else()
  set(dbs_deps_flavour plain)
endif()
if(NOT DBS_DEPS_PREFIX)
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/deps --prefix ${dbs_deps_flavour}
    OUTPUT_VARIABLE DBS_DEPS_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(DBS_DEPS_PREFIX "${DBS_DEPS_PREFIX}" CACHE PATH "prefix of the source-built dependencies")
endif()
if(EXISTS ${DBS_DEPS_PREFIX})
  list(PREPEND CMAKE_PREFIX_PATH ${DBS_DEPS_PREFIX})
endif()

find_package(OpenSSL REQUIRED) # before CAF, whose package needs its targets
find_package(CAF COMPONENTS core io openssl)
if(NOT CAF_FOUND)
  message(FATAL_ERROR "CAF 0.18.7 was not found below '${DBS_DEPS_PREFIX}'. "
    "Run scripts/setup (it builds the dependencies once), or point DBS_DEPS_PREFIX at a prefix that has it.")
endif()
if(CAF_VERSION VERSION_GREATER_EQUAL 1.0 OR CAF_VERSION VERSION_LESS 0.18.7)
  message(FATAL_ERROR "CAF ${CAF_VERSION} was found, but DatabaseServices works with CAF 0.18.7 for now: "
    "the code is written in the idioms of CAF 1.x, and the port is confined to runtime/caf.")
endif()

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq>=15)
pkg_check_modules(liblz4 REQUIRED IMPORTED_TARGET liblz4)

find_package(hiredis REQUIRED)

find_path(DBS_MSGPACK_INCLUDE_DIR msgpack.hpp PATHS ${DBS_DEPS_PREFIX}/include REQUIRED)
add_library(msgpack::headers INTERFACE IMPORTED)
target_include_directories(msgpack::headers SYSTEM INTERFACE ${DBS_MSGPACK_INCLUDE_DIR})
