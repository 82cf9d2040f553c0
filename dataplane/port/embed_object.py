"""Writes a file as a C++ array: embed_object.py OUTPUT INPUT NAME."""
import pathlib
import sys

output, source, name = sys.argv[1:]
data = pathlib.Path(source).read_bytes()
rows = "\n".join("    " + ",".join(map(str, data[at : at + 24])) + "," for at in range(0, len(data), 24))
pathlib.Path(output).write_text(
    "#include <cstddef>\n\nnamespace sluice::port {\n"
    f"extern const unsigned char {name}[];\nextern const std::size_t {name}_size;\n"
    f"alignas(16) const unsigned char {name}[] = {{\n{rows}\n}};\n"
    f"const std::size_t {name}_size = sizeof {name};\n"
    "}  // namespace sluice::port\n", encoding="ascii")
