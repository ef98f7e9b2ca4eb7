# Slicer, VTK, ITK and DCMTK, from one of two places:
#   Slicer_DIR names a full Slicer build (or an installation with headers): everything comes from it;
#   else the wheels and headers that ThirdParty/bootstrap.sh has put into FRUGALSEG_DEPS.
# Sets FRUGALSEG_FULL_SLICER and, with the wheels, FRUGALSEG_RUNTIME_PATH. Include it at top level,
# before any C++ target is made.

set(FRUGALSEG_DEPS "${PROJECT_SOURCE_DIR}/build/deps" CACHE PATH
  "what ThirdParty/bootstrap.sh made: venv, vtk-sdk")

set(FRUGALSEG_FULL_SLICER FALSE)
if(Slicer_DIR AND EXISTS "${Slicer_DIR}/SlicerConfig.cmake"
    AND NOT Slicer_DIR MATCHES "slicer_core_sdk")
  set(FRUGALSEG_FULL_SLICER TRUE)
  find_package(Slicer REQUIRED)
  include(${Slicer_USE_FILE})
else()
  if(NOT EXISTS "${FRUGALSEG_DEPS}/venv/bin/python" OR NOT EXISTS "${FRUGALSEG_DEPS}/vtk-sdk/bin")
    message(FATAL_ERROR "No dependencies in ${FRUGALSEG_DEPS}. Run ThirdParty/bootstrap.sh (Debian), "
      "or name a Slicer build in Slicer_DIR, or build only the C library with "
      "-DFRUGALSEG_BUILD_IMAGING=OFF.")
  endif()
  set(Python3_EXECUTABLE "${FRUGALSEG_DEPS}/venv/bin/python" CACHE FILEPATH "")
  find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module Development.Embed)
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" -c "import sysconfig; print(sysconfig.get_path('platlib'))"
    OUTPUT_VARIABLE FRUGALSEG_SITE_PACKAGES OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  set(FRUGALSEG_VTK_LIBRARIES "${FRUGALSEG_SITE_PACKAGES}/vtkmodules")
  set(FRUGALSEG_VTK_SDK "${FRUGALSEG_DEPS}/vtk-sdk")
  list(PREPEND CMAKE_PREFIX_PATH
    "${CMAKE_CURRENT_LIST_DIR}/vtk-wheel"
    "${FRUGALSEG_SITE_PACKAGES}/slicer_core_sdk/cmake"
    "${FRUGALSEG_SITE_PACKAGES}/slicer_core_sdk/content/third_party")

  # The wheels were compiled with the old layout of std::string; so is all C++ that meets them.
  add_compile_definitions($<$<COMPILE_LANGUAGE:CXX>:_GLIBCXX_USE_CXX11_ABI=0>)

  # At run time the libraries come from the run-time wheels. The sdk has copies of them; only its
  # third-party folder is a last resort, for the ITK and DCMTK parts that slicer-core leaves out.
  set(FRUGALSEG_RUNTIME_PATH
    "${FRUGALSEG_SITE_PACKAGES}/slicer_core"
    "${FRUGALSEG_SITE_PACKAGES}/slicer_core/third_party.libs"
    "${FRUGALSEG_SITE_PACKAGES}/vtkmodules"
    "${FRUGALSEG_SITE_PACKAGES}/slicer_core_sdk/content/third_party/lib")
  if(Python3_LIBRARY_DIRS)
    list(APPEND FRUGALSEG_RUNTIME_PATH ${Python3_LIBRARY_DIRS})
  endif()
endif()

# frugalseg_runtime_path(TARGET): let the built TARGET find our libraries and the wheels'. Does nothing
# with a full Slicer, whose launcher sets the path.
function(frugalseg_runtime_path target)
  if(NOT FRUGALSEG_FULL_SLICER)
    set_target_properties(${target} PROPERTIES
      BUILD_WITH_INSTALL_RPATH ON
      INSTALL_RPATH "$ORIGIN;${PROJECT_BINARY_DIR}/lib;${FRUGALSEG_RUNTIME_PATH}")
  endif()
endfunction()
