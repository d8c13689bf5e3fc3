# Installs the build in BUILD_DIR to a prefix of its own, then configures, builds
# and runs the consumer beside this file against that prefix.
#   cmake -DBUILD_DIR=... -DCXX=... -DBUILD_TYPE=... -P check.cmake
set(work ${BUILD_DIR}/consumer)
file(REMOVE_RECURSE ${work}/prefix ${work}/build)

function(run)
  list(JOIN ARGV " " command)
  message(STATUS "${command}")
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${work}/prefix)
file(GLOB_RECURSE installed ${work}/prefix/include/dbs/*)
if(installed MATCHES "/internal/|\\.cpp")
  message(FATAL_ERROR "internal files were installed: ${installed}")
endif()
# Every public header, to find those that need what was not installed.
set(all_headers ${work}/all_headers.cpp)
file(WRITE ${all_headers} "")
file(GLOB_RECURSE headers RELATIVE ${work}/prefix/include ${work}/prefix/include/dbs/*.hpp)
foreach(header IN LISTS headers)
  file(APPEND ${all_headers} "#include <${header}>\n")
endforeach()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -G Ninja
  -DCMAKE_PREFIX_PATH=${work}/prefix -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=${BUILD_TYPE}
  -DALL_HEADERS=${all_headers})
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
