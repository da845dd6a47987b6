# Dependencies, compiler settings and the two functions by which every folder declares itself.
#
# Folder = namespace = target: folder store/ is depot::store is depot_store. A folder's CMakeLists
# names its own files and what it uses, nothing else.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
# 1.81 by name: Debian's libboost-dev is 1.74 and cannot be installed beside it (docs/adr/0001).
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(date REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq>=4.3.4)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis>=0.14)

# Warnings for our own code only; libraries come in as SYSTEM. They are errors in the builds that we
# test, not in a user's release build, whose newer compiler may warn of more.
add_library(depot_options INTERFACE)
target_compile_options(depot_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
target_include_directories(depot_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(depot_options INTERFACE DEPOT_VERSION="${PROJECT_VERSION}")
# A folder's sources are compiled a few at a time as one (all presets but fuzz), which takes half the
# time. What shadows a name, or has a type, of another file's does no harm.
if(CMAKE_UNITY_BUILD)
  target_compile_options(depot_options INTERFACE -Wno-shadow -Wno-subobject-linkage)
endif()
if(DEPOT_TESTS)
  target_compile_definitions(depot_options INTERFACE DEPOT_WITH_FAULT_POINTS)
endif()
if(DEPOT_SANITIZE)
  # Not position-independent: the sanitizers' tables have tens of thousands of addresses, which
  # every process would relocate as it starts.
  target_link_options(depot_options INTERFACE -no-pie)
  # Test code is compiled without optimisation and without UBSan, which halves the time that it
  # takes to build; what it tests has both.
  set(is_test $<BOOL:$<TARGET_PROPERTY:DEPOT_IS_TEST>>)
  string(REPLACE "," ";" sanitizers "${DEPOT_SANITIZE}")
  foreach(sanitizer ${sanitizers})
    if(sanitizer STREQUAL undefined)
      target_compile_options(depot_options INTERFACE
        $<$<NOT:${is_test}>:-fsanitize=undefined -fno-sanitize-recover=undefined>)
    else()
      target_compile_options(depot_options INTERFACE -fsanitize=${sanitizer})
    endif()
  endforeach()
  target_compile_options(depot_options INTERFACE -Werror -fno-omit-frame-pointer $<${is_test}:-O0>)
  target_link_options(depot_options INTERFACE -fsanitize=${DEPOT_SANITIZE})
  if(DEPOT_SANITIZE MATCHES thread)  # Asio's fences, which ThreadSanitizer does not model.
    target_compile_options(depot_options INTERFACE -Wno-tsan)
  endif()
endif()
if(DEPOT_FUZZ)  # Counts what is reached; the fuzzers alone have libFuzzer itself.
  target_compile_options(depot_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
# gold, where there is one, links in a third of the time.
find_program(DEPOT_GOLD ld.gold)
if(DEPOT_GOLD AND NOT DEPOT_LINKER)
  set(DEPOT_LINKER gold)
endif()
if(DEPOT_LINKER)
  target_link_options(depot_options INTERFACE -fuse-ld=${DEPOT_LINKER})
endif()

# depot_library(store SOURCES a.cpp b.cpp USES depot_base PRIVATE_USES PkgConfig::hiredis)
function(depot_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATE_USES" ${ARGN})
  add_library(depot_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(depot_${name} PUBLIC depot_options ${ARG_USES} PRIVATE ${ARG_PRIVATE_USES})
endfunction()

# depot_program(depot-worker SOURCES main.cpp USES depot_distributor_worker)
function(depot_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE depot_options ${ARG_USES})
endfunction()

# depot_test(store SOURCES a_test.cpp USES depot_store LABELS unit TIMEOUT 60): one GoogleTest
# executable; each of its tests is a CTest of its own. SERIAL: beside no other, since it measures.
# Of LABELS unit it is one more CTest as a whole (label `whole`), in an order by chance: a thousand
# processes with sanitizers take two minutes to start. It writes <build>/whole/<name>.xml.
function(depot_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;USES;LABELS" ${ARGN})
  include(GoogleTest)
  add_executable(${name}_test ${ARG_SOURCES})
  set_target_properties(${name}_test PROPERTIES DEPOT_IS_TEST ON UNITY_BUILD_BATCH_SIZE 16)
  target_link_libraries(${name}_test PRIVATE depot_options ${ARG_USES} GTest::gtest GTest::gmock
                                             GTest::gtest_main rapidcheck)
  depot_label(${ARG_LABELS} ${name}_test)
  if(depot_test_support IN_LIST ARG_USES)
    add_dependencies(${name}_test programs)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  set(tsan "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/support/tsan.supp")
  # PRE_TEST: listing the tests of a sanitizer build takes a second each, and so costs the test run
  # and not every build.
  gtest_discover_tests(
    ${name}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 NO_PRETTY_VALUES
    PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL ${ARG_SERIAL}
               ENVIRONMENT "${tsan}")
  if(ARG_LABELS STREQUAL unit)
    depot_label(whole ${name}_test)
    add_test(NAME Unit.${name} COMMAND ${name}_test --gtest_shuffle
                                       --gtest_output=xml:${CMAKE_BINARY_DIR}/whole/${name}.xml)
    set_tests_properties(Unit.${name} PROPERTIES LABELS whole TIMEOUT 600 COST 600
                                                 ENVIRONMENT "${tsan}")
  endif()
endfunction()

# depot_label(faults nemesis): target faults_tests builds what the tests with that label need.
function(depot_label label target)
  if(NOT TARGET ${label}_tests)
    add_custom_target(${label}_tests)
  endif()
  add_dependencies(${label}_tests ${target})
endfunction()

# depot_fuzzer(wire SOURCES wire_fuzz.cpp USES depot_protocol): its inputs are in corpus/wire. With
# DEPOT_FUZZ it looks for more of them for a while; else it takes those, and changed ones, once.
function(depot_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  set(kept ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE depot_options ${ARG_USES})
  if(DEPOT_FUZZ)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name}_fuzz)
    set(found ${CMAKE_BINARY_DIR}/found/${name})  # what it finds; nothing is written to `kept`
    file(MAKE_DIRECTORY ${found})
    add_test(NAME Fuzz.${name}
             COMMAND ${name}_fuzz ${found} ${kept} -max_total_time=${DEPOT_FUZZ_SECONDS} -timeout=10
                     -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1
                     -artifact_prefix=${CMAKE_BINARY_DIR}/found/${name}-)
    set_tests_properties(Fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 900)
  else()
    target_link_libraries(${name}_fuzz PRIVATE fuzz_replay)
    set_target_properties(${name}_fuzz PROPERTIES DEPOT_IS_TEST ON)
    add_test(NAME Fuzz.${name} COMMAND ${name}_fuzz ${kept})
    set_tests_properties(Fuzz.${name} PROPERTIES LABELS corpus TIMEOUT 60)
    depot_label(corpus ${name}_fuzz)
  endif()
endfunction()

# depot_embed(depot_store NAME lua_files HEADER store/lua_files.hpp FILES functions/a.lua ...)
# builds the files' bytes into the target: declares, in <build>/generated/<HEADER>,
#   namespace depot::embedded { std::span<const File> <NAME>(); }   with File {name, bytes},
# in the order given, `name` without its folder. A changed file is compiled in by the next build.
function(depot_embed target)
  cmake_parse_arguments(ARG "" "NAME;HEADER" "FILES" ${ARGN})
  set(generated ${CMAKE_BINARY_DIR}/generated)
  set(entries "")
  foreach(file ${ARG_FILES})
    get_filename_component(path ${file} ABSOLUTE)  # one name each, also where two embed it
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
    file(READ ${path} bytes)
    get_filename_component(short ${file} NAME)
    string(APPEND entries "    {\"${short}\", R\"depot_embed(${bytes})depot_embed\"},\n")
  endforeach()
  list(LENGTH ARG_FILES count)
  file(CONFIGURE OUTPUT ${generated}/${ARG_HEADER} @ONLY CONTENT
"#pragma once
#include <span>
#include <string_view>
#ifndef DEPOT_EMBEDDED_FILE
#define DEPOT_EMBEDDED_FILE
namespace depot::embedded {
struct File {
  std::string_view name;
  std::string_view bytes;
};
}  // namespace depot::embedded
#endif
namespace depot::embedded {
std::span<const File> ${ARG_NAME}();
}
")
  string(REPLACE ".hpp" ".cpp" source ${ARG_HEADER})
  file(GENERATE OUTPUT ${generated}/${source} CONTENT
"#include \"${ARG_HEADER}\"
namespace depot::embedded {
std::span<const File> ${ARG_NAME}() {
  static constexpr File files[] = {
${entries}  };
  return {files, ${count}};
}
}  // namespace depot::embedded
")
  target_sources(${target} PRIVATE ${generated}/${source})
  target_include_directories(${target} PRIVATE ${generated})
endfunction()
