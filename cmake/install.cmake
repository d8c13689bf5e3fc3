# Installs the rooms under include/dbs/, the programs, and the CMake package with
# the components DatabaseServices::dbs and DatabaseServices::testing.

include(CMakePackageConfigHelpers)

foreach(room messages config runtime actors testing)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dbs
    FILES_MATCHING PATTERN "*.hpp" PATTERN "internal" EXCLUDE)
endforeach()

install(TARGETS dbs dbs_messages dbs_config dbs_runtime dbs_actors EXPORT DatabaseServicesDbs)
install(TARGETS dbs_testing EXPORT DatabaseServicesTesting)
foreach(program dbsd dbsctl)
  if(TARGET ${program})
    install(TARGETS ${program})
  endif()
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/DatabaseServices)
install(EXPORT DatabaseServicesDbs NAMESPACE DatabaseServices:: DESTINATION ${package_dir})
install(EXPORT DatabaseServicesTesting NAMESPACE DatabaseServices:: DESTINATION ${package_dir})

set(DBS_BOOST_VERSION "${Boost_VERSION_MAJOR}.${Boost_VERSION_MINOR}")
configure_package_config_file(cmake/DatabaseServicesConfig.cmake.in DatabaseServicesConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(DatabaseServicesConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/DatabaseServicesConfig.cmake
  ${PROJECT_BINARY_DIR}/DatabaseServicesConfigVersion.cmake DESTINATION ${package_dir})
