# frugalseg_warnings(TARGET): what our own C and C++ must compile with. VTK's and ITK's headers do
# not bear -Wconversion and -Wshadow, so code that includes them gets the rest.
function(frugalseg_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror
    $<$<COMPILE_LANGUAGE:C>:-Wconversion -Wshadow>)
endfunction()
