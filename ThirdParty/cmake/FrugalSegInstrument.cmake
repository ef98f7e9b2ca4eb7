# Builds that watch the code: sanitizers, coverage, fuzzing. Include it at top level, before any target
# is made. One kind a build tree:
#   FRUGALSEG_SANITIZE=address   AddressSanitizer (leaks included) and UndefinedBehaviorSanitizer
#   FRUGALSEG_SANITIZE=thread    ThreadSanitizer
#   FRUGALSEG_COVERAGE=ON        gcov's counters (`make coverage`)
#   FRUGALSEG_FUZZ=ON            libFuzzer's targets with AddressSanitizer; needs clang (`make fuzz`)
# Third-party libraries are the wheels' and are not instrumented; Testing/Sanitizers says what is
# suppressed because of that. Sets FRUGALSEG_INSTRUMENTED, which lowers optimization: the kernels are
# unrolled so far that their checked form would compile for minutes. For the same reason there are no
# AVX-512 kernels in these builds, except under coverage.
set(FRUGALSEG_SANITIZE "" CACHE STRING "sanitizer: address, thread or empty")
set_property(CACHE FRUGALSEG_SANITIZE PROPERTY STRINGS "" address thread)
option(FRUGALSEG_COVERAGE "count what tests reach" OFF)
option(FRUGALSEG_FUZZ "build the fuzz targets for libFuzzer (clang)" OFF)

set(FRUGALSEG_INSTRUMENTED FALSE)
if(FRUGALSEG_SANITIZE OR FRUGALSEG_COVERAGE OR FRUGALSEG_FUZZ)
  set(FRUGALSEG_INSTRUMENTED TRUE)
  add_compile_options(-g1 -fno-omit-frame-pointer)
endif()
if(FRUGALSEG_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "FRUGALSEG_FUZZ needs clang with libFuzzer "
      "(ThirdParty/bootstrap.sh --fuzz; CC=clang-19 CXX=clang++-19).")
  endif()
  if(FRUGALSEG_SANITIZE AND NOT FRUGALSEG_SANITIZE STREQUAL "address")
    message(FATAL_ERROR "FRUGALSEG_FUZZ goes with FRUGALSEG_SANITIZE=address.")
  endif()
  set(FRUGALSEG_SANITIZE address)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(FRUGALSEG_SANITIZE STREQUAL "address")
  # vptr checks need the type information of third-party classes, which their libraries do not export.
  # The first report ends a program all the same (Testing/Sanitizers/options.cc).
  set(checks -fsanitize=address,undefined,float-cast-overflow -fno-sanitize=vptr)
  add_compile_options(${checks})
  add_link_options(${checks})
elseif(FRUGALSEG_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(FRUGALSEG_SANITIZE)
  message(FATAL_ERROR "FRUGALSEG_SANITIZE is \"${FRUGALSEG_SANITIZE}\"; use address or thread.")
endif()
if(FRUGALSEG_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()
