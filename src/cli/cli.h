#pragma once

namespace tailrace::cli {

// The whole command line program. Returns the exit code of docs/cli.md.
int run(int argc, char** argv);

}  // namespace tailrace::cli
