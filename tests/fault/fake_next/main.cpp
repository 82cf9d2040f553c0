// sluice-controlplane-fake-next: the prologue, then the control plane itself. Takes its arguments; needs --control-socket.
#define main controlplane_main
#include "controlplane/app/main.cpp"
#undef main

#include "tests/fault/fake_next/prologue.hpp"

int main(int argc, char** argv) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::string_view{argv[i]} != "--control-socket") continue;
        if (!sluice::fake_next::prologue(argv[i + 1])) {
            std::fprintf(stderr, "fake-next: the data plane could not be programmed\n");
            return 1;
        }
    }
    return controlplane_main(argc, argv);
}
