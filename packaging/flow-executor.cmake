# flow_add_executor(NAME sources...)
# An executor program: C++20, linked with flow::executor.
function(flow_add_executor name)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE flow::executor)
endfunction()
