// sluicectl: see cli.cpp for verbs and exit codes.
#include <unistd.h>

#include <clocale>
#include <iostream>

#include "tools/sluicectl/cli.hpp"
#include "tools/sluicectl/screen.hpp"
#include "tools/sluicectl/table.hpp"

int main(int argc, char** argv) {
    // Numbers stay as they are in C; only what a character is comes from the user's locale, or is UTF-8 where that knows no
    // better.
    std::setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    return sluice::ctl::run({argv + 1, argv + argc}, std::cout, std::cerr,
                            {terminal, terminal ? sluice::ctl::terminal_size().width : 0});
}
