# Writes the runtime clients into a source file as byte arrays.
#   cmake -DFOLDER=... -DOUT=... -P embed.cmake
set(text "#include \"function/launch.h\"\n\nnamespace tailrace::function {\nnamespace {\n")
set(table "")
foreach(name bootstrap.py bootstrap.cjs)
  file(READ ${FOLDER}/${name} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(MAKE_C_IDENTIFIER ${name} id)
  string(APPEND text "const unsigned char ${id}[] = {${bytes}};\n")
  string(APPEND table "    {\"${name}\", {reinterpret_cast<const char*>(${id}), sizeof ${id}}},\n")
endforeach()
string(APPEND text "}  // namespace\n\nconst RuntimeFile runtime_files[2] = {\n${table}};\n\n}\n")
file(WRITE ${OUT} "${text}")
