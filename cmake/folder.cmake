include(GoogleTest)

# A folder of src/ as one static library, and its *_test.cc files as one test program.
#
#   tailrace_folder(log DEPENDS base record EXTERNAL PkgConfig::ZSTD TEST_DEPENDS ...)
#
# DEPENDS is the rule of the house: the only folders whose headers this one may include
# (tools/check_includes.py holds the code against it).
function(tailrace_folder name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;EXTERNAL;TEST_DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  if(NOT sources)
    set(sources ${CMAKE_SOURCE_DIR}/cmake/empty.cc)
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_EXTERNAL} Threads::Threads)
  if(TAILRACE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} ${ARG_TEST_DEPENDS} ${ARG_EXTERNAL}
                          GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120)
  endif()
endfunction()
