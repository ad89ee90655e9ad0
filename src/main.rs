use std::process::ExitCode;

fn main() -> ExitCode {
    rigtape::cli::main()
}
