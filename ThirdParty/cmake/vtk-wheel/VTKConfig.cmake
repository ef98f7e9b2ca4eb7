# VTK as an imported package: the shared libraries of the PyPI wheel, with headers, module
# properties and wrapping tools of the same release from Debian (ThirdParty/bootstrap.sh).
#
# Needs  FRUGALSEG_VTK_LIBRARIES  folder of the wheel's libraries (site-packages/vtkmodules)
#        FRUGALSEG_VTK_SDK        folder with include/vtk-9.6, cmake/vtk-9.6, bin
# Gives  VTK::<Module> for every module that Debian's property file names, the imported wrapping
#        tools, and the variables that find_package(Slicer) reads.
set(_vtk_include "${FRUGALSEG_VTK_SDK}/include/vtk-9.6")
set(_vtk_properties "${FRUGALSEG_VTK_SDK}/cmake/vtk-9.6/VTK-vtk-module-properties.cmake")
foreach(_file "${_vtk_include}/vtkObject.h" "${_vtk_properties}"
    "${FRUGALSEG_VTK_LIBRARIES}/libvtkCommonCore.so")
  if(NOT EXISTS "${_file}")
    set(VTK_FOUND FALSE)
    set(VTK_NOT_FOUND_MESSAGE "${_file} is missing; run ThirdParty/bootstrap.sh")
    return()
  endif()
endforeach()

set(VTK_VERSION 9.6.0)
set(VTK_MAJOR_VERSION 9)
set(VTK_MINOR_VERSION 6)
set(VTK_BUILD_VERSION 0)
set(VTK_INCLUDE_DIRS "${_vtk_include}")
set(VTK_RENDERING_BACKEND OpenGL2)
set(VTK_WRAP_PYTHON ON)

if(NOT TARGET VTK::CommonCore)
  include(CMakeFindDependencyMacro)
  find_dependency(Python3 COMPONENTS Interpreter Development.Module)

  # One target for each module with a library name in the property file. A module whose library is
  # not in the wheel is header-only there, or was left out; linking to it then adds nothing.
  set(_vtk_modules)
  file(STRINGS "${_vtk_properties}" _vtk_lines REGEX "INTERFACE_vtk_module_library_name")
  foreach(_line IN LISTS _vtk_lines)
    if(NOT _line MATCHES "TARGET \"(VTK::[A-Za-z0-9_]+)\".*_library_name\" \"([^\"]+)\"")
      continue()
    endif()
    set(_module ${CMAKE_MATCH_1})
    set(_stem "${FRUGALSEG_VTK_LIBRARIES}/lib${CMAKE_MATCH_2}")
    set(_location)
    foreach(_candidate "${_stem}.so"
        "${_stem}${Python3_VERSION_MAJOR}.${Python3_VERSION_MINOR}.so") # depends on the interpreter
      if(EXISTS "${_candidate}")
        set(_location "${_candidate}")
      endif()
    endforeach()
    if(_location)
      cmake_path(GET _location FILENAME _soname)
      add_library(${_module} SHARED IMPORTED)
      set_target_properties(${_module} PROPERTIES
        IMPORTED_LOCATION "${_location}" IMPORTED_SONAME "${_soname}")
    else()
      add_library(${_module} INTERFACE IMPORTED)
    endif()
    set_target_properties(${_module} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_vtk_include}")
    list(APPEND _vtk_modules ${_module})
  endforeach()

  # The properties hold each module's dependencies: its link interface.
  include("${_vtk_properties}")
  foreach(_module IN LISTS _vtk_modules)
    get_target_property(_depends ${_module} INTERFACE_vtk_module_depends)
    if(_depends)
      set_property(TARGET ${_module} APPEND PROPERTY INTERFACE_LINK_LIBRARIES ${_depends})
    endif()
    set_target_properties(${_module} PROPERTIES
      INTERFACE_vtk_module_python_package vtkmodules
      INTERFACE_vtk_module_hierarchy "") # Slicer's hierarchy files hold VTK's classes too
  endforeach()
  target_include_directories(VTK::Python INTERFACE ${Python3_INCLUDE_DIRS})
  target_compile_features(VTK::CommonCore INTERFACE cxx_std_17)

  foreach(_tool WrapHierarchy WrapPython WrapPythonInit)
    add_executable(VTK::${_tool} IMPORTED)
    set_target_properties(VTK::${_tool} PROPERTIES
      IMPORTED_LOCATION "${FRUGALSEG_VTK_SDK}/bin/vtk${_tool}")
  endforeach()
  set(VTK_LIBRARIES ${_vtk_modules})
endif()

foreach(_component IN LISTS VTK_FIND_COMPONENTS)
  if(TARGET VTK::${_component})
    set(VTK_${_component}_FOUND TRUE)
  elseif(VTK_FIND_REQUIRED_${_component})
    set(VTK_FOUND FALSE)
    set(VTK_NOT_FOUND_MESSAGE "VTK has no module ${_component}")
  endif()
endforeach()
