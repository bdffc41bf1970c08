# What `cmake --install` lays down: headers as real folders under include/weir, the library, the
# command (see CMakeLists.txt) and the package files for find_package(Weir).
include(CMakePackageConfigHelpers)

install(TARGETS weir EXPORT WeirTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")

foreach(folder IN LISTS WEIR_PARTS)
  install(DIRECTORY "${folder}/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/weir/${folder}"
    FILES_MATCHING PATTERN "*.h")
endforeach()
file(GLOB umbrella_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/weir/*.h")
install(FILES ${umbrella_headers} "${weir_build_id_header}"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/weir")

set(weir_package_folder "${CMAKE_INSTALL_DATADIR}/cmake/Weir")
install(EXPORT WeirTargets NAMESPACE weir:: DESTINATION "${weir_package_folder}")
configure_package_config_file(cmake/WeirConfig.cmake.in "${PROJECT_BINARY_DIR}/WeirConfig.cmake"
  INSTALL_DESTINATION "${weir_package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/WeirConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/WeirConfig.cmake"
  "${PROJECT_BINARY_DIR}/WeirConfigVersion.cmake" cmake/WeirJob.cmake
  DESTINATION "${weir_package_folder}")
