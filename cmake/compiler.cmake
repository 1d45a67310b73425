add_compile_options(
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wno-missing-field-initializers -Werror
  -fno-omit-frame-pointer -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fcoroutines)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_definitions(_FORTIFY_SOURCE=2)
endif()
# Standard library checks stay on in release: a broken promise of ours stops the process.
add_compile_definitions(_GLIBCXX_ASSERTIONS)

set(TAILRACE_SANITIZE "" CACHE STRING "comma list for -fsanitize=")
if(TAILRACE_SANITIZE)
  add_compile_options(-fsanitize=${TAILRACE_SANITIZE} -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${TAILRACE_SANITIZE})
  if(TAILRACE_SANITIZE MATCHES thread)
    # ThreadSanitizer knows no fences, nor does g++ let them pass; Asio's locks order what it needs.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
add_link_options(-Wl,-z,relro,-z,now)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
