# How a room of the house is built: one static library per top-level folder, its
# sources found by globbing, its headers reachable as "dbs/<room>/...".

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Installed programs find the shared libraries of the dependencies where they are.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

# `dbs` in the build directory points at the source tree; an installation has
# the same paths for real.
set(dbs_include_dir ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${dbs_include_dir})
file(CREATE_LINK ${PROJECT_SOURCE_DIR} ${dbs_include_dir}/dbs SYMBOLIC)

# -fPIC everywhere, not CMake's property: one precompiled header then fits the
# libraries and the programs alike.
add_library(dbs_options INTERFACE)
target_compile_options(dbs_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fPIC -fno-omit-frame-pointer)
# What GCC 12 deduces from inlined code of its own std::string and of CAF is
# wrong too often to be an error (its bugs 105329 and 105651, for example).
target_compile_options(dbs_options INTERFACE -Wno-error=stringop-overflow -Wno-error=restrict
  -Wno-error=array-bounds -Wno-error=maybe-uninitialized)
if(DBS_SANITIZER STREQUAL "address")
  target_compile_options(dbs_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  target_link_options(dbs_options INTERFACE -fsanitize=address,undefined)
elseif(DBS_SANITIZER STREQUAL "thread")
  # GCC cannot instrument fences; Asio's are harmless (see tests/tsan.supp).
  target_compile_options(dbs_options INTERFACE -fsanitize=thread -Wno-tsan)
  target_link_options(dbs_options INTERFACE -fsanitize=thread)
endif()

# Properties of tests that run instrumented programs: every finding fails the test.
if(DBS_SANITIZER STREQUAL "address")
  # Two properties, because a list within the list would be taken apart.
  set(dbs_sanitizer_properties ENVIRONMENT "ASAN_OPTIONS=detect_leaks=1"
    ENVIRONMENT_MODIFICATION "UBSAN_OPTIONS=set:print_stacktrace=1")
elseif(DBS_SANITIZER STREQUAL "thread")
  set(dbs_sanitizer_properties ENVIRONMENT
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp:second_deadlock_stack=1")
endif()

find_program(DBS_CCACHE ccache)
if(DBS_CCACHE AND PROJECT_IS_TOP_LEVEL)
  # A precompiled header is only cacheable with these two liberties.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${DBS_CCACHE})
endif()

# dbs_common(TARGET): what every target of ours is compiled with.
function(dbs_common target)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:dbs_options>)
  target_precompile_headers(${target} REUSE_FROM dbs_pch)
endfunction()

# dbs_room(NAME DEPENDENCIES...)
function(dbs_room room)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${room}/*.cpp)
  add_library(dbs_${room} STATIC ${sources})
  set_target_properties(dbs_${room} PROPERTIES EXPORT_NAME ${room})
  target_include_directories(dbs_${room} PUBLIC
    $<BUILD_INTERFACE:${dbs_include_dir}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(dbs_${room} PUBLIC cxx_std_20)
  target_link_libraries(dbs_${room} PUBLIC ${ARGN} Threads::Threads)
  dbs_common(dbs_${room})
endfunction()

# dbs_fast_allocator(TARGET): for programs that are all messages. These are allocated here and
# freed there in batches, of which glibc's caches per thread hold seven blocks of a size. A
# library leaves the choice to its host, and sanitizers bring their own.
function(dbs_fast_allocator target)
  if(DBS_SANITIZER)
    return()
  endif()
  find_library(DBS_TCMALLOC NAMES tcmalloc_minimal libtcmalloc_minimal.so.4)
  if(DBS_TCMALLOC)
    target_link_libraries(${target} PRIVATE ${DBS_TCMALLOC})
  elseif(PROJECT_IS_TOP_LEVEL)
    message(FATAL_ERROR "tcmalloc was not found. Run scripts/setup, which installs it.")
  endif()
endfunction()

# dbs_program(NAME FOLDER DEPENDENCIES...): an executable from all sources below FOLDER.
function(dbs_program name folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${folder}/*.cpp)
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${ARGN})
  dbs_common(${name})
endfunction()
